"""The integrity check of a store: everything is read, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from blake3 import blake3

from interlock.identity.digest import PREFIX, digest_file
from interlock.store.found import PARTS
from interlock.store.keys import ASIDE, digest_at
from interlock.store.leftovers import is_abandoned, is_temporary
from interlock.store.objects import Objects

_AT_ONCE = 4
"""Files that are read at a time; hashing lets other threads work."""
_OBJECTS_AT_ONCE = 16
_TRIES = 5


@dataclass(frozen=True)
class Damage:
    """Something in the store that is not as it should be.

    Attributes:
        kind: `corrupt`: the bytes are not those of the digest. `unreadable`: the system refuses to read them.
            `aside`: found corrupt earlier and set aside. `leftover`: half written by a process that is dead.
            `foreign`: nothing of ours; it is left alone.
        path: Where it is.
        digest: The digest that the bytes should have; None where the name says none.
    """

    kind: Literal["corrupt", "unreadable", "aside", "leftover", "foreign"]
    path: Path | str
    digest: str | None = None


def verify_folder(root: Path) -> Iterator[Damage]:
    """Read every blob and manifest below `root` and yield what is damaged, or does not belong there."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for part in ("blobs", "manifests"):
            paths = sorted((root / part).rglob("*"))
            yield from filter(
                None, pool.map(lambda path: _look(path, path.relative_to(root).as_posix()), paths)
            )


def verify_objects(objects: Objects) -> Iterator[Damage]:
    """Read every blob and manifest of a bucket and yield what is damaged, or does not belong there.

    Raises:
        BucketFailed: The bucket cannot be read.
    """
    with ThreadPoolExecutor(_OBJECTS_AT_ONCE) as pool:
        for part in PARTS:
            yield from filter(
                None, pool.map(lambda one: _look_at_object(objects, one.path), objects.below(part))
            )


def _look_at_object(objects: Objects, path: str) -> Damage | None:
    digest = digest_at(path)
    if digest is None:
        whole = digest_at(path.removesuffix(ASIDE))
        return Damage("foreign", path) if whole is None else Damage("aside", path, whole)
    for _ in range(_TRIES):  # what the way damaged comes whole the next time
        pieces = objects.pieces(path)
        if pieces is None:
            return None  # removed since it was listed
        hasher = blake3()
        for piece in pieces:
            hasher.update(piece)
        if PREFIX + hasher.hexdigest() == digest:
            return None
    return Damage("corrupt", path, digest)


def _look(path: Path, place: str) -> Damage | None:
    digest = digest_at(place)
    if digest is not None:
        return _check(path, digest)
    if is_temporary(path):
        return Damage("leftover", path) if is_abandoned(path) else None
    digest = digest_at(place.removesuffix(ASIDE))
    if digest is not None:
        return Damage("aside", path, digest)
    if path.is_dir() and not path.is_symlink():
        return None
    return Damage("foreign", path)


def _check(path: Path, digest: str) -> Damage | None:
    if path.is_symlink() or not path.is_file():
        return Damage("corrupt", path, digest)
    try:
        found = digest_file(path)
    except FileNotFoundError:
        return None  # set aside or removed since it was listed
    except OSError:
        return Damage("unreadable", path, digest)
    return None if found == digest else Damage("corrupt", path, digest)
