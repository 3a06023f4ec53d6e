"""The sockets: what each kind of plugin promises, one small typed protocol each.

A socket appears here together with its first user; the others of the design follow with theirs.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

Write = Callable[[io.RawIOBase], object]
"""Writes a value into the file that it is given."""


@runtime_checkable
class BlobStore(Protocol):
    """Keep bytes and manifests under their own digest, for ever and unchanged.

    An implementer promises:

    - Digests are strings ``blake3:<64 hex>`` over the stored bytes; putting the same bytes twice
      is one blob, and either put returns the same digest.
    - Nobody sees a half-written blob or manifest: `has`, `get_*` and `manifests` know of a thing
      only when all of its bytes are in place, whatever was killed on the way.
    - Every read checks the digest before a byte reaches the caller. A damaged blob raises, it is
      never returned; so does a missing one.
    - What was found in place, by `has` or `put_*`, stays for a while even where nothing refers to it, so
      that the caller has the time to do so: the removal of garbage sees that it is relied on.
    - What `put_*` returned survives the death of the process. It survives the loss of power once
      the `sync` after it has returned.
    - All methods may be called from several threads and processes at once.

    An implementer may assume that callers never pass names that came from a client: digests are
    made by this package and `kind` is a literal of it.
    """

    @property
    def cache(self) -> Path:
        """A folder of this machine for what can be made again from the blobs at any time."""
        ...

    def put_bytes(self, data: bytes | memoryview) -> str:
        """Store `data` and return its digest."""
        ...

    def put_file(self, path: Path) -> str:
        """Copy the file in and return the digest of its bytes; the original stays untouched."""
        ...

    def put_stream(self, write: Write) -> tuple[str, int]:
        """Store what `write` writes into the file that it is given; return its digest and size.

        This spares large values the way through memory.
        """
        ...

    def get_bytes(self, digest: str) -> bytes:
        """Return the bytes of a blob, verified against its digest."""
        ...

    def get_file(self, digest: str) -> Path:
        """Return a local, read-only path that holds the verified blob."""
        ...

    def has(self, digest: str) -> bool:
        """Tell whether the blob is there, without reading it."""
        ...

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        """Store `body` as canonical JSON under its digest, findable by `kind`."""
        ...

    def get_manifest(self, kind: str, digest: str) -> dict[str, Any]:
        """Return the manifest of that kind and digest, verified."""
        ...

    def manifests(self, kind: str) -> Iterator[str]:
        """Yield the digest of every manifest of that kind, in no promised order."""
        ...

    def adopt(self, digests: Iterable[str]) -> None:
        """Let the next `sync` be for blobs too that another process has just put for this one."""
        ...

    def sync(self) -> None:
        """Return when everything put so far survives a loss of power."""
        ...
