"""The integrity check of a store: everything is read, nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interlock.identity.digest import PREFIX, digest_file
from interlock.store.leftovers import is_abandoned, is_temporary

_BLOB = re.compile(r"blobs/(?P<head>[0-9a-f]{2})/(?P<hex>(?P=head)[0-9a-f]{62})", re.ASCII)
_MANIFEST = re.compile(r"manifests/[a-z][a-z0-9_-]*/(?P<hex>[0-9a-f]{64})\.json", re.ASCII)


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
    path: Path
    digest: str | None = None


def verify_folder(root: Path) -> Iterator[Damage]:
    """Read every blob and manifest below `root` and yield what is damaged, or does not belong there."""
    for part in ("blobs", "manifests"):
        for path in sorted((root / part).rglob("*")):
            damage = _look(path, path.relative_to(root).as_posix())
            if damage is not None:
                yield damage


def _look(path: Path, place: str) -> Damage | None:
    match = _stored(place)
    if match is not None:
        return _check(path, PREFIX + match["hex"])
    if is_temporary(path):
        return Damage("leftover", path) if is_abandoned(path) else None
    match = _stored(place.removesuffix(".damaged"))
    if match is not None:
        return Damage("aside", path, PREFIX + match["hex"])
    if path.is_dir() and not path.is_symlink():
        return None
    return Damage("foreign", path)


def _stored(place: str) -> re.Match[str] | None:
    return _BLOB.fullmatch(place) or _MANIFEST.fullmatch(place)


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
