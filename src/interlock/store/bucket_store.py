"""Blobs and manifests in a bucket, each under its own digest, with copies of what is used in a folder here."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from interlock.identity.canonical import canonical_json
from interlock.identity.digest import digest_bytes
from interlock.stack.sockets import Write
from interlock.store.blobs import CorruptBlob, MissingBlob, copy_into
from interlock.store.bucket_faults import BucketFailed
from interlock.store.keys import ASIDE, blob_path, digest_at, manifest_folder, manifest_path
from interlock.store.near import NearStore
from interlock.store.objects import CHUNK, Objects
from interlock.store.pace import PACE, Pace
from interlock.store.uses import Uses
from interlock.store.verify import Damage, verify_objects

TRIES = 5
"""How often something is fetched whose bytes are not those of its digest, before it counts as damaged."""

_T = TypeVar("_T")


class BucketStore:
    """A prefix of a bucket with `blobs/ab/<hex>` and `manifests/<kind>/<hex>.json`, as in a folder.

    It fills the socket `store`. What is put goes into the folder first and from there to the bucket: a digest is
    only known when all is written, and large values need not be in memory. What is read comes from the folder, or
    is fetched into it; nothing leaves it before it is verified.

    Args:
        objects: The bucket below the prefix.
        near: Copies in a folder of this machine.
        cache: A folder for what can be made again from the blobs at any time.
        pace: When what is relied on is refreshed.
    """

    def __init__(self, objects: Objects, near: NearStore, cache: Path, *, pace: Pace = PACE) -> None:
        self.objects = objects
        self.cache = cache
        self.pace = pace
        self.near = near
        self._uses = Uses(objects, pace)
        self._known: dict[str, float] = {}
        self._lock = threading.Lock()

    def put_bytes(self, data: bytes | memoryview) -> str:
        """Store bytes and return their digest.

        Raises:
            BucketFailed: The bucket cannot be written to.
            WriteFailed: The folder cannot.
        """
        data = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
        if len(data) > CHUNK:
            return self.put_stream(lambda out: out.write(data))[0]
        digest = digest_bytes(data)
        if not self._is_known(blob_path(digest)):
            self.near.add(data)
            self.send_small(blob_path(digest), bytes(data))
        return digest

    def put_file(self, path: Path) -> str:
        """Copy a file in and return the digest of the bytes that were copied.

        Raises:
            ReadFailed: The file cannot be read.
            BucketFailed: The bucket cannot be written to.
            WriteFailed: The folder cannot.
        """
        return self.put_stream(lambda out: copy_into(out, path))[0]

    def put_stream(self, write: Write) -> tuple[str, int]:
        """Store what `write` writes into the file that it is given; return its digest and size.

        Raises:
            BucketFailed: The bucket cannot be written to.
            WriteFailed: The folder cannot.
        """
        digest, size = self.near.add_stream(write)
        path = blob_path(digest)
        while not self._relies_on(path):
            self.objects.put(path, self.get_file(digest))
            if self._uses.settled(path):
                self._note(path)
        return digest, size

    def get_bytes(self, digest: str) -> bytes:
        """Return the bytes of a blob, verified.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
            BucketFailed: The bucket cannot be read.
        """
        return self._near_or_fetched(self.near.read, digest, blob_path(digest))

    def get_file(self, digest: str) -> Path:
        """Return the path of a verified copy here; it stays for at least ten minutes, and for whoever has it open.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
            BucketFailed: The bucket cannot be read.
        """
        return self._near_or_fetched(self.near.file, digest, blob_path(digest))

    def has(self, digest: str) -> bool:
        """Tell whether a blob is in the bucket, without reading it."""
        return self._relies_on(blob_path(digest))

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        """Store a manifest as canonical JSON and return its digest.

        Raises:
            NotCanonical: The body is no JSON object.
            BucketFailed: The bucket cannot be written to.
            WriteFailed: The folder cannot.
        """
        data = canonical_json(dict(body))
        digest = digest_bytes(data)
        self.near.add(data)
        self.send_small(manifest_path(kind, digest), data)
        return digest

    def get_manifest(self, kind: str, digest: str) -> dict[str, Any]:
        """Return a manifest, verified.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
            BucketFailed: The bucket cannot be read.
        """
        path = manifest_path(kind, digest)
        body: dict[str, Any] = json.loads(self._near_or_fetched(self.near.read, digest, path))
        return body

    def manifests(self, kind: str) -> Iterator[str]:
        """Yield the digest of every manifest of a kind; objects that are none are passed over."""
        for one in self.objects.below(manifest_folder(kind)):
            digest = digest_at(one.path)
            if digest is not None:
                yield digest

    def adopt(self, digests: Iterable[str]) -> None:
        """Do nothing: what the bucket has accepted is safe, whoever put it."""

    def sync(self) -> None:
        """Do nothing: what the bucket has accepted is safe."""

    def verify(self) -> Iterator[Damage]:
        """Read everything, trusting no copy, and yield what is damaged or does not belong there."""
        return verify_objects(self.objects)

    def fetch(self, path: str, digest: str) -> None:
        """Bring an object into the folder, verified; what came wrong is fetched again.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
            BucketFailed: The bucket cannot be read.
        """
        wrong: Counter[str] = Counter()
        for _ in range(TRIES):
            pieces = self.objects.pieces(path)
            if pieces is None:
                raise MissingBlob(digest, self.objects.name)
            found = self.near.take(pieces, digest)
            if found == digest:
                return
            wrong[found] += 1
        if (
            max(wrong.values()) == TRIES
        ):  # the same each time: it lies there so, and nothing on the way did it
            self._set_aside(path)
        raise CorruptBlob(digest, f"{self.objects.name}/{path}", "their digest is another one")

    def _near_or_fetched(self, find: Callable[[str], _T | None], digest: str, path: str) -> _T:
        for _ in range(TRIES):
            found = find(digest)
            if found is not None:
                return found
            self.fetch(path, digest)
        raise CorruptBlob(digest, self.near.root, "their copy does not stay as it was written")

    def send(self, path: str, pieces: Iterable[bytes]) -> None:
        """Store an object of verified pieces under its path, past the folder here.

        Raises:
            BucketFailed: The bucket cannot be written to.
        """
        self.objects.put(path, pieces)
        if not self._uses.settled(path) and self.objects.head(path) is None:
            raise BucketFailed(self.objects.name, "garbage was removed at the same moment")

    def send_small(self, path: str, data: bytes) -> None:
        """Store an object under its path, past the folder here, unless it is there.

        Raises:
            BucketFailed: The bucket cannot be written to.
        """
        while not self._is_known(path):
            # Asked for what may be there already: one request in the common case, in either case.
            if self.objects.create(path, data):
                if self._uses.settled(path):
                    self._note(path)
            elif self._relies_on(path):
                return

    def _relies_on(self, path: str) -> bool:
        """Tell whether an object is there; if it is old, say that it is relied on."""
        while not self._is_known(path):
            found = self.objects.head(path)
            if found is None:
                return False
            if found.modified < time.time() - self.pace.fresh:
                self._uses.mark(path)
                if not self._uses.settled(path):
                    continue
            self._note(path)
        return True

    def _is_known(self, path: str) -> bool:
        with self._lock:
            return self._known.get(path, -1e9) > time.monotonic() - self.pace.fresh / 2

    def _note(self, path: str) -> None:
        with self._lock:
            self._known[path] = time.monotonic()

    def _set_aside(self, path: str) -> None:
        with self._lock:
            self._known.pop(path, None)
        self.objects.move(path, path + ASIDE)
