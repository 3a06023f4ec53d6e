"""A store in S3, or in what speaks like it: address and credentials are those of the AWS variables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from interlock.errors import InterlockError, UsageError
from interlock.extras import require
from interlock.history.remotes import (
    TURN,
    MissingObject,
    blob_path,
    manifest_path,
    verified,
    verified_manifest,
)
from interlock.identity.digest import PREFIX, digest_bytes
from interlock.store.publish import Pending, publish_bytes

if TYPE_CHECKING:
    from obstore.store import S3Store

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_HEX = re.compile(r"(?:^|/)(?P<hex>[0-9a-f]{64})(?:\.json)?$")
_PAGE = 1000
_CHUNK = 8 << 20
"""Bytes above which an object travels in parts; one that is sent appears when the last of them has arrived."""
_PARTS_AT_ONCE = 2
"""Of one object; several objects travel at once already, and each part waits in memory."""

_T = TypeVar("_T")


class RemoteFailed(InterlockError):
    """The object store did not do what it was asked for."""

    def __init__(self, name: str, error: Exception) -> None:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        super().__init__(
            f"The object store did not answer as it should: {first[:300]}",
            where=name,
            hint="Check the bucket, AWS_ENDPOINT_URL, AWS_REGION and the credentials; "
            "then run again: what was copied is kept.",
        )


class Bucket:
    """A prefix of a bucket.

    Args:
        store: The bucket below the prefix.
        name: How the user names it.
        cache: A folder for manifests, which are read by every command.
    """

    def __init__(self, store: S3Store, name: str, cache: Path) -> None:
        self._store = store
        self.name = name
        self._cache = cache

    @classmethod
    def open(cls, address: str, cache: Path) -> Bucket:
        """Return the store at an address.

        Raises:
            UsageError: It is no address of S3.
            MissingExtra: The package for S3 is not installed.
            RemoteFailed: The AWS variables hold what cannot be.
        """
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise UsageError(f"{address!r} is no place in S3.", hint="Write s3://bucket/prefix.")
        stores = require("obstore.store", extra="s3")
        errors = require("obstore.exceptions", extra="s3")
        try:
            store = stores.S3Store(
                found["bucket"],
                prefix=(found["prefix"] or "").strip("/") or None,
                config={"checksum_algorithm": "SHA256"},
                client_options={"allow_http": _endpoint().startswith("http://"), "timeout": "300s"},
                retry_config={"max_retries": 5},
            )
        except errors.BaseError as error:
            raise RemoteFailed(address, error) from error
        return cls(store, address.rstrip("/"), cache)

    def blobs(self) -> dict[str, int]:
        """List all objects below `blobs/`."""
        return self._list("blobs")

    def manifests(self, kind: str) -> set[str]:
        """List all objects below the folder of a kind."""
        return set(self._list(f"manifests/{kind}"))

    def read(self, digest: str) -> Iterator[bytes]:
        """Read the object, a large one part by part."""
        return verified(self._pieces(digest), digest, self.name)

    def _pieces(self, digest: str) -> Iterator[bytes]:
        import obstore

        path = blob_path(digest)
        answer = self._asking(lambda: obstore.get(self._store, path), path)
        size = answer.meta["size"]
        if size <= _CHUNK:
            yield bytes(self._asking(answer.bytes, path))
            return
        for start in range(0, size, _CHUNK):  # each a request that can be tried again
            end = min(start + _CHUNK, size)
            yield bytes(
                self._asking(partial(obstore.get_range, self._store, path, start=start, end=end), path)
            )

    def write(self, digest: str, pieces: Iterable[bytes]) -> int:
        """Send the object; it appears when the last piece has arrived."""
        import obstore

        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                size += len(piece)
                yield piece

        path = blob_path(digest)
        send = partial(obstore.put, chunk_size=_CHUNK, max_concurrency=_PARTS_AT_ONCE)
        self._asking(lambda: send(self._store, path, counted()), path)
        return size

    def read_manifest(self, kind: str, digest: str) -> bytes:
        """Return a manifest; it is kept here, as it never changes."""
        import obstore

        path = manifest_path(kind, digest)
        kept = self._cache / Path(path).name
        if kept.is_file() and digest_bytes(data := kept.read_bytes()) == digest:
            return data
        data = bytes(self._asking(lambda: obstore.get(self._store, path).bytes(), path))
        # Not synced: what a power loss tears is seen by its digest, and had again.
        publish_bytes(verified_manifest(data, kind, digest, self.name), kept, Pending(), mode=0o600)
        return data

    def write_manifest(self, kind: str, data: bytes) -> None:
        """Send a manifest."""
        import obstore

        path = manifest_path(kind, digest_bytes(data))
        self._asking(lambda: obstore.put(self._store, path, data), path)

    def sync(self) -> None:
        """Do nothing: what S3 has accepted is safe."""

    def claim(self, claim: bytes) -> bytes | None:
        """Make an object that nobody else has made."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            self._asking(lambda: obstore.put(self._store, TURN, claim, mode="create"), TURN)
        except RemoteFailed as error:
            if not isinstance(error.__cause__, AlreadyExistsError):
                raise
            return self._held()
        return None

    def _held(self) -> bytes:
        import obstore

        try:
            return bytes(obstore.get(self._store, TURN).bytes())
        except FileNotFoundError:
            return b""  # given back just now

    def release(self) -> None:
        """Remove that object."""
        import obstore

        self._asking(lambda: obstore.delete(self._store, TURN), TURN)

    def _list(self, prefix: str) -> dict[str, int]:
        import obstore

        def listed() -> dict[str, int]:
            pages = obstore.list(self._store, prefix, chunk_size=_PAGE)
            found = ((_HEX.search(one["path"]), one["size"]) for page in pages for one in page)
            return {PREFIX + match["hex"]: size for match, size in found if match}

        return self._asking(listed, prefix)

    def _asking(self, ask: Callable[[], _T], path: str) -> _T:
        """Ask the object store, and tell its faults in our words."""
        from obstore.exceptions import BaseError, NotFoundError

        try:
            return ask()
        except (NotFoundError, FileNotFoundError) as error:
            if path.startswith("blobs/") or path.endswith(".json"):
                raise MissingObject(path, self.name) from error
            raise RemoteFailed(self.name, error) from error
        except BaseError as error:
            raise RemoteFailed(self.name, error) from error


def _endpoint() -> str:
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
