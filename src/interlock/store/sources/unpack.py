"""Files opened with whatever compressed them taken off."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from interlock.extras import require
from interlock.store.sources.faults import UnreadableData

if TYPE_CHECKING:
    from typing_extensions import Buffer  # in the standard library from Python 3.12 on

BOMB_RATIO = 200
BOMB_BYTES = 1 << 30
"""A compressed file that grows beyond this size, and beyond `BOMB_RATIO` times its own, is not read on."""


def open_part(path: Path) -> IO[bytes]:
    """Open a file for reading, with its compression taken off.

    Raises:
        UnreadableData: It is a zip archive of several files, or of none.
    """
    opened = _open(path)
    if opened is None:
        return path.open("rb")
    return io.BufferedReader(_Unpacked(opened, path), 1 << 20)


class _Unpacked(io.RawIOBase):
    """A decompressed file that stops a decompression bomb."""

    def __init__(self, inner: IO[bytes], path: Path) -> None:
        super().__init__()
        self._inner = inner
        self._path = path
        self._left = max(BOMB_BYTES, BOMB_RATIO * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._inner.read(len(view))
        self._left -= len(data)
        if self._left < 0:
            raise UnreadableData(
                f"{self._path.name} grows to more than {BOMB_RATIO} times its size when it is decompressed.",
                where=str(self._path),
                hint="Decompress the file yourself if it is meant to.",
            )
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._inner.close()
        super().close()


def _open(path: Path) -> IO[bytes] | None:
    # Imported here as most data is not compressed that way.
    suffix = path.suffix.lower()
    if suffix == ".gz":
        import gzip

        return cast("IO[bytes]", gzip.open(path, "rb"))
    if suffix == ".bz2":
        import bz2

        return bz2.open(path, "rb")
    if suffix == ".xz":
        import lzma

        return lzma.open(path, "rb")
    if suffix == ".zst":
        arrow = require("pyarrow", extra="tables")
        return cast("IO[bytes]", arrow.input_stream(str(path), compression="zstd"))
    return _open_zip(path) if suffix == ".zip" else None


def _open_zip(path: Path) -> IO[bytes]:
    import zipfile

    archive = zipfile.ZipFile(path)
    names = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(names) != 1:
        archive.close()
        raise UnreadableData(
            f"{path.name} holds {len(names)} files; a compressed part holds one.", where=str(path)
        )
    return archive.open(names[0])
