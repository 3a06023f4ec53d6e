"""A store in a bucket as the other end of a transfer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from interlock.history.remotes import TURN, MissingObject, verified, verified_manifest
from interlock.identity.digest import digest_bytes
from interlock.records.place import Place
from interlock.stack.layout import Home
from interlock.store.bucket_store import BucketStore
from interlock.store.keys import blob_path, digest_at, manifest_folder, manifest_path
from interlock.store.near import NearStore
from interlock.store.objects import Objects

_MANIFESTS_KEPT = 10**9
"""Bytes of manifests of other stores that are kept here, so that they are read once."""


class Bucket:
    """A prefix of a bucket.

    Args:
        store: The store in it; manifests are read through its folder here, as every command reads them.
        home: The home that the store belongs to, where its records lie.
        records: Where its records are, when not in the file of `home`.
    """

    def __init__(self, store: BucketStore, home: Home | None = None, records: Place | None = None) -> None:
        self._store = store
        self._objects = store.objects
        self.name = store.objects.name
        self.home = home
        self.records = records

    @classmethod
    def open(cls, address: str, cache: Path) -> Bucket:
        """Return the store at an address.

        Args:
            address: `s3://bucket/prefix`, `gs://…` or `az://…`.
            cache: A folder for what is read more than once.

        Raises:
            UsageError: It is no address of a bucket.
            MissingExtra: The package for buckets is not installed.
            BucketFailed: The variables of the environment hold what cannot be.
        """
        return cls(BucketStore(Objects.open(address), NearStore(cache, _MANIFESTS_KEPT), cache))

    def blobs(self) -> dict[str, int]:
        """List all objects below `blobs/`."""
        found = ((digest_at(one.path), one.size) for one in self._objects.below("blobs"))
        return {digest: size for digest, size in found if digest is not None}

    def manifests(self, kind: str) -> set[str]:
        """List all objects below the folder of a kind."""
        found = (digest_at(one.path) for one in self._objects.below(manifest_folder(kind)))
        return {digest for digest in found if digest is not None}

    def rely_on(self, digest: str) -> bool:
        """Look for the object, and mark it if it is old."""
        return self._store.has(digest)

    def read(self, digest: str) -> Iterator[bytes]:
        """Read the object, a large one in parts."""
        pieces = self._objects.pieces(blob_path(digest))
        if pieces is None:
            raise MissingObject(blob_path(digest), self.name)
        return verified(pieces, digest, self.name)

    def write(self, digest: str, pieces: Iterable[bytes]) -> int:
        """Send the object; it appears when the last piece has arrived."""
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                size += len(piece)
                yield piece

        self._store.send(blob_path(digest), counted())
        return size

    def read_manifest(self, kind: str, digest: str) -> bytes:
        """Return a manifest; it is kept here, as it never changes."""
        path = manifest_path(kind, digest)
        data = self._store.near.read(digest)
        if data is None:
            data = self._objects.get(path)
            if data is None:
                raise MissingObject(path, self.name)
            self._store.near.add(verified_manifest(data, kind, digest, self.name))
        return data

    def write_manifest(self, kind: str, data: bytes) -> None:
        """Send a manifest."""
        self._store.send_small(manifest_path(kind, digest_bytes(data)), data)

    def sync(self) -> None:
        """Do nothing: what a bucket has accepted is safe."""

    def claim(self, claim: bytes) -> bytes | None:
        """Make an object that nobody else has made."""
        if self._objects.create(TURN, claim):
            return None
        return self._objects.get(TURN) or b""  # b"": it was given back just now

    def release(self) -> None:
        """Remove that object."""
        self._objects.delete([TURN])
