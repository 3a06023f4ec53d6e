"""Objects below a prefix of a bucket: S3, Google Cloud Storage, Azure, and what speaks like them.

The one module that speaks to an object store on behalf of stores. What it cannot do is told in our words.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from interlock.errors import UsageError
from interlock.extras import require
from interlock.store.bucket_faults import is_passing, told
from interlock.store.found import Found

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES = ("s3", "gs", "az")
CHUNK = 8 << 20
"""Bytes above which an object travels in parts; one that is sent appears when the last of them has arrived."""

_ADDRESS = re.compile(
    r"(?P<scheme>s3|gs|az)://(?P<bucket>[a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?"
)
_PAGE = 1000
_AHEAD = 4
"""Parts of one object that travel at once; each of them waits in memory."""
_TRIES = 5
_PAUSE = 0.2

_T = TypeVar("_T")


class Objects:
    """What lies below a prefix. Safe to share between threads.

    Args:
        store: The bucket below the prefix.
        name: How the user names it.
    """

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self.name = name

    @classmethod
    def open(cls, address: str) -> Objects:
        """Return the objects at an address; nothing is asked yet.

        Raises:
            UsageError: It is no address of a bucket.
            MissingExtra: The package for buckets is not installed.
            BucketFailed: The variables of the environment hold what cannot be.
        """
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise UsageError(f"{address!r} is no place in a bucket.", hint="Write s3://bucket/prefix.")
        stores = require("obstore.store", extra="s3")
        errors = require("obstore.exceptions", extra="s3")
        address = address.rstrip("/")
        try:
            store = stores.from_url(
                address,
                config={"checksum_algorithm": "SHA256"} if found["scheme"] == "s3" else {},
                client_options={
                    "allow_http": _endpoint(found["scheme"]).startswith("http://"),
                    "timeout": "300s",
                    "connect_timeout": "5s",
                },
                retry_config={
                    "max_retries": 6,
                    "backoff": {
                        "init_backoff": timedelta(seconds=0.1),
                        "max_backoff": timedelta(seconds=5),
                        "base": 2,
                    },
                },
            )
        except errors.BaseError as error:
            raise told(address, error) from error
        return cls(store, address)

    def get(self, path: str) -> bytes | None:
        """Return an object, or None where there is none. The bytes are as they came: verify them."""
        import obstore

        return self._asking(lambda: bytes(obstore.get(self._store, path).bytes()))

    def pieces(self, path: str) -> Iterator[bytes] | None:
        """Return an object in pieces, or None where there is none; a large one travels in parts, some at once.

        The bytes are as they came, and fewer where it vanishes meanwhile: verify them.
        """
        import obstore

        def ask() -> tuple[int, bytes]:
            answer = obstore.get(self._store, path)
            size = answer.meta["size"]
            return size, bytes(answer.bytes()) if size <= CHUNK else b""

        found = self._asking(ask)
        if found is None:
            return None
        size, data = found
        return iter([data]) if size <= CHUNK else self._parts(path, size)

    def _parts(self, path: str, size: int) -> Iterator[bytes]:
        starts = iter(range(0, size, CHUNK))
        with ThreadPoolExecutor(_AHEAD) as pool:

            def begin(start: int) -> Future[bytes | None]:
                return pool.submit(self._part, path, start, min(start + CHUNK, size))

            under_way = deque(map(begin, itertools.islice(starts, _AHEAD)))
            try:
                while under_way and (data := under_way.popleft().result()) is not None:
                    under_way.extend(map(begin, itertools.islice(starts, 1)))
                    yield data
            finally:
                pool.shutdown(cancel_futures=True)

    def _part(self, path: str, start: int, end: int) -> bytes | None:
        import obstore

        return self._asking(lambda: bytes(obstore.get_range(self._store, path, start=start, end=end)))

    def put(self, path: str, data: bytes | memoryview | Path | Iterable[bytes]) -> None:
        """Store an object, in parts that travel at once where it is large; it appears whole or not at all."""
        import obstore

        send = partial(obstore.put, self._store, path, chunk_size=CHUNK, max_concurrency=_AHEAD)
        # What is read only once cannot be sent again.
        tries = _TRIES if isinstance(data, bytes | memoryview | Path) else 1
        self._asking(lambda: send(data), tries=tries, missing=False)

    def create(self, path: str, data: bytes | memoryview) -> bool:
        """Store an object unless there is one, and tell whether there was none."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        def ask() -> bool:
            try:
                obstore.put(self._store, path, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

        return bool(self._asking(ask, missing=False))

    def head(self, path: str) -> Found | None:
        """Return what is known of an object, or None where there is none."""
        import obstore

        found = self._asking(lambda: obstore.head(self._store, path))
        return None if found is None else _found(found)

    def below(self, prefix: str) -> Iterator[Found]:
        """Yield all objects below a folder."""
        import obstore

        def listed() -> list[Found]:
            pages = obstore.list(self._store, prefix, chunk_size=_PAGE)
            return [_found(one) for page in pages for one in page]

        yield from self._asking(listed, missing=False) or ()

    def delete(self, paths: list[str]) -> None:
        """Remove objects; those that are not there are passed over."""
        import obstore

        if paths:
            self._asking(lambda: obstore.delete(self._store, paths))

    def move(self, path: str, target: str) -> None:
        """Give an object another name, in two steps; one that is gone is passed over."""
        import obstore

        self._asking(lambda: obstore.copy(self._store, path, target))
        self.delete([path])

    def _asking(self, ask: Callable[[], _T], *, tries: int = _TRIES, missing: bool = True) -> _T | None:
        """Ask the object store, again where an answer broke off, and tell its faults in our words.

        Args:
            ask: What is asked.
            tries: How often.
            missing: Whether None is the answer where there is no such object.
        """
        from obstore.exceptions import BaseError, NotFoundError

        for left in reversed(range(tries)):
            try:
                return ask()
            except (NotFoundError, FileNotFoundError) as error:
                if missing and "NoSuchBucket" not in str(error):
                    return None
                raise told(self.name, error) from error
            except BaseError as error:
                if not left or not is_passing(error):
                    raise told(self.name, error) from error
                time.sleep(_PAUSE)
        return None


def _found(one: Any) -> Found:
    return Found(one["path"], one["size"], one["last_modified"].timestamp())


def _endpoint(scheme: str) -> str:
    names = {
        "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        "gs": ("GOOGLE_BASE_URL",),
        "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    }[scheme]
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
