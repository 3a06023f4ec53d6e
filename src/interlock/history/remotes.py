"""Other stores, which things are pushed to and pulled from: a folder, or a place in a bucket.

They have the layout of a project's own store, `blobs/ab/<hex>` and `manifests/<kind>/<hex>.json`, so that a
folder that was pushed to is itself a store.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from interlock.errors import InterlockError, UsageError
from interlock.identity.digest import PREFIX, digest_bytes, is_digest
from interlock.records.place import Place
from interlock.stack.layout import Home
from interlock.store.blobs import LocalStore
from interlock.store.faults import ReadFailed, write_error
from interlock.store.keys import blob_path, manifest_path
from interlock.store.objects import SCHEMES

_PIECE = 1 << 20

TURN = "pushing"
"""The object that who writes manifests makes, and removes when done."""


class Remote(Protocol):
    """A store as the other end of a transfer.

    An implementer promises that nobody sees half of what is written, and that all methods may be called
    from several threads.
    """

    @property
    def name(self) -> str:
        """How the user names it."""
        ...

    @property
    def home(self) -> Home | None:
        """The home whose records are an index of it, where there is one."""
        ...

    @property
    def records(self) -> Place | None:
        """Where its records are, when not in the file of `home`."""
        ...

    def blobs(self) -> dict[str, int]:
        """Return the size of every blob that is there, by its digest."""
        ...

    def manifests(self, kind: str) -> set[str]:
        """Return the digests of all manifests of a kind."""
        ...

    def rely_on(self, digest: str) -> bool:
        """Tell whether a blob is there, and see to it that it stays until something refers to it."""
        ...

    def read(self, digest: str) -> Iterator[bytes]:
        """Yield the bytes of a blob; they are only good when the last was had without an error.

        Raises:
            MissingObject: It is not there.
            CorruptObject: The bytes were not those of the digest.
        """
        ...

    def write(self, digest: str, pieces: Iterable[bytes]) -> int:
        """Keep a blob and return its size; where `pieces` raises, nothing is kept."""
        ...

    def read_manifest(self, kind: str, digest: str) -> bytes:
        """Return the bytes of a manifest, verified."""
        ...

    def write_manifest(self, kind: str, data: bytes) -> None:
        """Keep a manifest, given as canonical JSON."""
        ...

    def sync(self) -> None:
        """Return when all that was written survives a power loss."""
        ...

    def claim(self, claim: bytes) -> bytes | None:
        """Take the turn to write manifests, or return the claim of who has it."""
        ...

    def release(self) -> None:
        """Give the turn back, whoever has it."""
        ...


class MissingObject(InterlockError):
    """A store does not hold what its manifests name."""

    def __init__(self, path: str, where: str) -> None:
        super().__init__(
            f"{path} is not there.",
            where=where,
            hint="It was removed, or the push that was to bring it is not done. Push again from where it was made.",
        )
        self.path = path


class CorruptObject(InterlockError):
    """What a store holds is not what its name says."""

    def __init__(self, path: str, where: str) -> None:
        super().__init__(
            f"{path} is damaged: its bytes are not those that its name tells. Nothing of it was taken.",
            where=where,
            hint="Remove it there, and push it again from a store that has it whole.",
        )
        self.path = path


class NoSuchRemote(InterlockError):
    """A place to pull from is not there, or a place to push to is something else."""


def verified(pieces: Iterable[bytes], digest: str, where: str) -> Iterator[bytes]:
    """Yield pieces, and raise after the last when they are not those of the digest.

    Raises:
        CorruptObject: They are others.
    """
    hasher = blake3()
    for piece in pieces:
        hasher.update(piece)
        yield piece
    if PREFIX + hasher.hexdigest() != digest:
        raise CorruptObject(blob_path(digest), where)


def verified_manifest(data: bytes, kind: str, digest: str, where: str) -> bytes:
    """Return the bytes of a manifest if they are those of its digest.

    Raises:
        CorruptObject: They are others.
    """
    if digest_bytes(data) != digest:
        raise CorruptObject(manifest_path(kind, digest), where)
    return data


class Folder:
    """A store in a folder of this machine.

    Attributes:
        home: The home that the store belongs to, where its records lie beside it.
        records: Where its records are, when not in the file of `home`.
    """

    def __init__(
        self, store: LocalStore, name: str, home: Home | None = None, records: Place | None = None
    ) -> None:
        self.store = store
        self.name = name
        self.home = home
        self.records = records

    def blobs(self) -> dict[str, int]:
        """List the folders of blobs."""
        root = self.store.root / "blobs"
        entries = (entry for head in _entries(root) for entry in _entries(root / head.name))
        return {PREFIX + one.name: one.stat().st_size for one in entries if is_digest(PREFIX + one.name)}

    def manifests(self, kind: str) -> set[str]:
        """List the folder of a kind."""
        return set(self.store.manifests(kind))

    def rely_on(self, digest: str) -> bool:
        """Look for the file, and refresh it if it is old."""
        return self.store.has(digest)

    def read(self, digest: str) -> Iterator[bytes]:
        """Read the file piece by piece."""
        return verified(self._pieces(digest), digest, self.name)

    def _pieces(self, digest: str) -> Iterator[bytes]:
        path = self.store.root / blob_path(digest)
        try:
            with path.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    yield piece
        except FileNotFoundError:
            raise MissingObject(blob_path(digest), self.name) from None
        except OSError as error:
            raise ReadFailed(path, error) from error

    def write(self, digest: str, pieces: Iterable[bytes]) -> int:
        """Write a draft that is given its name when all of it is right."""
        found, size = self.store.take(pieces, digest)
        if found != digest:  # the writing went wrong, as what was read is verified
            raise CorruptObject(blob_path(digest), self.name)
        return size

    def read_manifest(self, kind: str, digest: str) -> bytes:
        """Read the file and verify it."""
        path = self.store.root / manifest_path(kind, digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise MissingObject(manifest_path(kind, digest), self.name) from None
        except OSError as error:
            raise ReadFailed(path, error) from error
        return verified_manifest(data, kind, digest, self.name)

    def write_manifest(self, kind: str, data: bytes) -> None:
        """Write the file."""
        self.store.put_manifest(kind, json.loads(data))

    def sync(self) -> None:
        """Sync the store."""
        self.store.sync()

    def claim(self, claim: bytes) -> bytes | None:
        """Make a file that nobody else has made."""
        path = self.store.root / TURN
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(claim)
        except FileExistsError:
            return path.read_bytes() if path.is_file() else b""
        except OSError as error:
            raise write_error(path, error) from error
        return None

    def release(self) -> None:
        """Remove that file."""
        (self.store.root / TURN).unlink(missing_ok=True)


def open_remote(text: str, *, exists: bool, cache: Path) -> Remote:
    """Return the store that the user named.

    Args:
        text: A folder that is a store, a project or a project's `.interlock`; or `s3://bucket/prefix`, `gs://…`, `az://…`.
        exists: Whether it must be there already.
        cache: A folder for what is read of it more than once.

    Raises:
        NoSuchRemote: It is not there, or is no store.
        UsageError: It is neither a folder nor an address of a bucket.
        MissingExtra: The package for buckets is not installed.
    """
    if text.partition("://")[0] in SCHEMES and "://" in text:
        from interlock.history.bucket import Bucket  # needs the extra

        return Bucket.open(text, cache)
    if "://" in text:
        raise UsageError(f"{text!r} is no store.", hint="Name a folder, or s3://bucket/prefix.")
    found = _folder(Path(text).expanduser().resolve(), text)
    is_store = any((found.store.root / part).is_dir() for part in ("blobs", "manifests"))
    if not exists and not is_store and _entries(found.store.root):
        raise NoSuchRemote(
            f"{text!r} holds other things than a store.", hint="Name a new or empty folder to push to."
        )
    if exists and not is_store:
        raise NoSuchRemote(
            f"There is no store in {text!r}.",
            hint="Name a folder that was pushed to, a project, or s3://bucket/prefix.",
        )
    return found


def _folder(path: Path, name: str) -> Folder:
    for home in (path / ".interlock", path):
        if (home / "store").is_dir():
            known = Home(home)
            return Folder(LocalStore(known.store), name, known if known.records.is_file() else None)
    if (path / "interlock.toml").is_file():  # a project in which nothing was run yet
        return Folder(LocalStore(Home(path / ".interlock").store), name)
    return Folder(LocalStore(path), name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
