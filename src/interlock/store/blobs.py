"""Blobs and manifests in a local folder, each under its own digest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.errors import InterlockError
from interlock.identity.canonical import canonical_json
from interlock.identity.digest import digest_bytes, digest_file
from interlock.store.publish import Pending, publish_bytes, publish_file, sweep

_PREFIX = "blake3:"


class BadDigest(InterlockError):
    """A text is no digest."""


class MissingBlob(InterlockError):
    """The store does not hold what is asked for."""


class CorruptBlob(InterlockError):
    """Stored bytes are not those that their digest names. They are set aside, so that they can be made anew."""

    def __init__(self, digest: str, path: Path) -> None:
        super().__init__(
            f"The stored bytes of {digest[:19]}… are damaged: their digest is another one.",
            where=str(path),
            hint="They were set aside. Run again: what made them will run anew. Then check the disk.",
        )
        self.digest = digest


@dataclass(frozen=True)
class Damage:
    """Something that `verify` found."""

    path: Path
    what: str


class LocalStore:
    """A folder that keeps bytes under their digest: `blobs/ab/<hex>` and `manifests/<kind>/<hex>.json`.

    It fills the socket `store`. Files are read-only and never change; a file that is found damaged is renamed
    to `<hex>.damaged`, so that `has` no longer knows it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._pending = Pending()
        self._verified: dict[Path, tuple[int, int, int, int]] = {}

    def put_bytes(self, data: bytes | memoryview) -> str:
        """Store bytes and return their digest.

        Raises:
            WriteFailed: They cannot be written.
        """
        digest = digest_bytes(data)
        path = self._blob(digest)
        if not path.exists():
            publish_bytes(data, path, self._pending)
        return digest

    def put_file(self, path: Path) -> str:
        """Copy a file in and return the digest of its bytes.

        Raises:
            WriteFailed: It cannot be written.
            CorruptBlob: The file changed while it was copied.
        """
        digest = digest_file(path)
        target = self._blob(digest)
        if not target.exists():
            publish_file(path, target, self._pending)
            self._check_file(digest, target)
        return digest

    def get_bytes(self, digest: str) -> bytes:
        """Return the bytes of a blob, verified.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
        """
        path = self._blob(digest)
        data = self._read(digest, path)
        if digest_bytes(data) != digest:
            raise self._set_aside(digest, path)
        return data

    def get_file(self, digest: str) -> Path:
        """Return the path of a blob, verified since this process started.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
        """
        path = self._blob(digest)
        self._check_file(digest, path)
        return path

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there."""
        return self._blob(digest).exists()

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        """Store a manifest as canonical JSON and return its digest.

        Raises:
            WriteFailed: It cannot be written.
        """
        data = canonical_json(body)
        digest = digest_bytes(data)
        path = self._manifest(kind, digest)
        if not path.exists():
            publish_bytes(data, path, self._pending)
        return digest

    def get_manifest(self, kind: str, digest: str) -> dict[str, Any]:
        """Return a manifest, verified.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
        """
        path = self._manifest(kind, digest)
        data = self._read(digest, path)
        if digest_bytes(data) != digest:
            raise self._set_aside(digest, path)
        body: dict[str, Any] = json.loads(data)
        return body

    def manifests(self, kind: str) -> Iterator[str]:
        """Yield the digest of every manifest of a kind."""
        for path in sorted((self.root / "manifests" / kind).glob("*.json")):
            yield _PREFIX + path.stem

    def sync(self) -> None:
        """Make everything put so far safe from a power loss.

        Raises:
            WriteFailed: The disk refuses.
        """
        self._pending.sync()

    def verify(self) -> Iterator[Damage]:
        """Read everything and yield what is damaged or half written; nothing is changed."""
        for path in sorted((self.root / "blobs").glob("??/*")):
            yield from self._damage(path, path.name)
        for path in sorted((self.root / "manifests").glob("*/*")):
            yield from self._damage(path, path.stem)

    def sweep(self) -> int:
        """Remove what dead processes left half written."""
        return sweep(self.root)

    def _damage(self, path: Path, name: str) -> Iterator[Damage]:
        if path.name.startswith("."):
            yield Damage(path, "left half written by a process that died")
        elif path.suffix == ".damaged":
            yield Damage(path, "found damaged and set aside")
        elif digest_file(path) != _PREFIX + name:
            yield Damage(path, "its bytes have another digest")

    def _blob(self, digest: str) -> Path:
        name = _hex(digest)
        return self.root / "blobs" / name[:2] / name

    def _manifest(self, kind: str, digest: str) -> Path:
        return self.root / "manifests" / kind / f"{_hex(digest)}.json"

    def _read(self, digest: str, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise _missing(digest, self.root) from None

    def _check_file(self, digest: str, path: Path) -> None:
        try:
            stat = os.stat(path)
        except FileNotFoundError:
            raise _missing(digest, self.root) from None
        identity = (stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_ctime_ns)
        if self._verified.get(path) == identity:
            return
        if digest_file(path) != digest:
            raise self._set_aside(digest, path)
        self._verified[path] = identity

    def _set_aside(self, digest: str, path: Path) -> CorruptBlob:
        try:
            path.rename(path.with_name(f"{path.name}.damaged"))
        except OSError:
            pass  # a store that cannot be written to is still read: the error says what is damaged
        return CorruptBlob(digest, path)


def _missing(digest: str, root: Path) -> MissingBlob:
    return MissingBlob(
        f"The store does not hold {digest[:19]}…",
        where=str(root),
        hint="Run the pipeline again to make it anew.",
    )


def _hex(digest: str) -> str:
    name = digest.removeprefix(_PREFIX)
    if len(name) != 64 or digest == name or not set(name) <= set("0123456789abcdef"):
        raise BadDigest(
            f"{digest!r} is no digest.", hint="A digest looks like blake3:<64 hexadecimal digits>."
        )
    return name
