"""Feed buffers and files to BLAKE3: without a copy, and on several threads where that pays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from blake3 import blake3

# Below this size starting the threads costs more than they save (measured on two cores).
_THREADED_FROM = 1 << 20
_PIECE = 1 << 20


def hash_buffer(data: bytes | bytearray | memoryview) -> bytes:
    """Return the 32 bytes of the hash of one buffer."""
    flat = data.cast("B") if isinstance(data, memoryview) and data.format != "B" else data
    if len(flat) < _THREADED_FROM:
        return blake3(flat).digest()
    return blake3(flat, max_threads=blake3.AUTO).digest()


def hash_buffers(buffers: Iterable[bytes | memoryview]) -> bytes:
    """Return the hash of the buffers one after another, as if they were one."""
    hasher = blake3()
    for buffer in buffers:
        hasher.update(buffer)
    return hasher.digest()


def hash_file(path: Path) -> bytes:
    """Return the hash of a file's bytes.

    The file is read into a buffer rather than mapped: a mapped file that another process cuts
    short would end this process with a bus error.
    """
    hasher = blake3()
    piece = bytearray(_PIECE)
    view = memoryview(piece)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(piece):
            hasher.update(view[:count])
    return hasher.digest()
