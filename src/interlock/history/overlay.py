"""A store over another: what is written goes to the one, what is read comes from either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from interlock.stack.sockets import BlobStore, Write


class Overlay:
    """A store that leaves the one below it as it is.

    It fills the socket `store`.

    Args:
        above: Takes what is written.
        below: Is only read.
    """

    def __init__(self, above: BlobStore, below: BlobStore) -> None:
        self._above = above
        self._below = below

    @property
    def cache(self) -> Path:
        """The folder for what can be made again, of the store above."""
        return self._above.cache

    def put_bytes(self, data: bytes | memoryview) -> str:
        """Store bytes above and return their digest."""
        return self._above.put_bytes(data)

    def put_file(self, path: Path) -> str:
        """Copy a file in above and return its digest."""
        return self._above.put_file(path)

    def put_stream(self, write: Write) -> tuple[str, int]:
        """Store what is written above and return its digest and size."""
        return self._above.put_stream(write)

    def get_bytes(self, digest: str) -> bytes:
        """Return the bytes of a blob of either."""
        return self._holder(digest).get_bytes(digest)

    def get_file(self, digest: str) -> Path:
        """Return the path of a blob of either."""
        return self._holder(digest).get_file(digest)

    def has(self, digest: str) -> bool:
        """Tell whether either has a blob."""
        return self._above.has(digest) or self._below.has(digest)

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        """Store a manifest above and return its digest."""
        return self._above.put_manifest(kind, body)

    def get_manifest(self, kind: str, digest: str) -> dict[str, Any]:
        """Return a manifest of either."""
        holder = self._above if digest in set(self._above.manifests(kind)) else self._below
        return holder.get_manifest(kind, digest)

    def manifests(self, kind: str) -> Iterator[str]:
        """Yield the digest of every manifest of a kind, of both."""
        yield from dict.fromkeys((*self._above.manifests(kind), *self._below.manifests(kind)))

    def adopt(self, digests: Iterable[str]) -> None:
        """Let the next `sync` be for these too."""
        self._above.adopt(digests)

    def sync(self) -> None:
        """Make what was written safe."""
        self._above.sync()

    def _holder(self, digest: str) -> BlobStore:
        return self._above if self._above.has(digest) else self._below
