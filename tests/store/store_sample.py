"""What the tests of the store share, and the processes that they start and kill."""

from __future__ import annotations

import io
import math
import os
import struct
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from interlock.failpoints import VARIABLE
from interlock.identity.canonical import canonical_json
from interlock.identity.digest import digest_bytes
from interlock.store.artifacts import ArtifactStore
from interlock.store.blobs import LocalStore, MissingBlob
from interlock.store.publish import publish_bytes


def tell_story(root: Path) -> Iterator[str]:
    """Write in every way there is, and yield the digest of what is in the store for good."""
    store = LocalStore(root / "store")
    yield store.put_bytes(b"first" * 1000)
    (root / "source").write_bytes(b"second" * 1000)
    yield store.put_file(root / "source")
    yield store.put_stream(lambda out: [out.write(b"third"), out.write(b"fourth")])[0]
    yield store.put_bytes(b"first" * 1000)
    store.put_manifest("run", {"name": "delays/1"})
    store.sync()
    publish_bytes(b"named", root / "store" / "named")


def run_python(code: str, *args: object, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that can import this module."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        env=environment | ({VARIABLE: failpoint} if failpoint else {}),
        capture_output=True,
        text=True,
        check=False,
    )


def round_trip(artifacts: ArtifactStore, value: Any) -> Any:
    return artifacts.load(artifacts.save(value))


def flip_a_byte(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def temporary_files(root: Path) -> list[Path]:
    return list(root.rglob(".tmp-*"))


def same(a: Any, b: Any) -> bool:
    """Compare plain data by type and content; NaN is equal to itself, and 0.0 is not -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, dict):
        in_order = list(a) == list(b) if isinstance(a, OrderedDict) else a.keys() == b.keys()
        return in_order and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


class MemoryStore:
    """A store of blobs in memory: a second implementation of the socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs: dict[str, bytes] = {}

    def put_bytes(self, data: bytes | memoryview) -> str:
        digest = digest_bytes(data)
        self._blobs[digest] = bytes(data)
        return digest

    def put_file(self, path: Path) -> str:
        return self.put_bytes(path.read_bytes())

    def get_bytes(self, digest: str) -> bytes:
        if digest not in self._blobs:
            raise MissingBlob(digest, self._folder)
        return self._blobs[digest]

    def get_file(self, digest: str) -> Path:
        path = self._folder / digest.removeprefix("blake3:")
        path.write_bytes(self.get_bytes(digest))
        return path

    @property
    def cache(self) -> Path:
        return self._folder / "cache"

    def put_stream(self, write: Callable[[io.RawIOBase], object]) -> tuple[str, int]:
        out = io.BytesIO()
        write(out)  # type: ignore[arg-type]  # a file, if not a raw one
        return self.put_bytes(out.getvalue()), len(out.getvalue())

    def has(self, digest: str) -> bool:
        return digest in self._blobs

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        return self.put_bytes(canonical_json({"kind": kind, "body": dict(body)}))

    def get_manifest(self, kind: str, digest: str) -> dict[str, Any]:
        raise NotImplementedError(kind, digest)

    def manifests(self, kind: str) -> Iterator[str]:
        raise NotImplementedError(kind)

    def adopt(self, digests: Iterable[str]) -> None:
        """Memory has nothing to sync."""

    def sync(self) -> None:
        """Memory has nothing to sync."""
