"""The files of a dataset: found by its uri, opened with whatever compressed them taken off."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from interlock.errors import InterlockError, shown
from interlock.extras import require
from interlock.identity.artifact import SOURCE_FORMATS, SourceFormat

if TYPE_CHECKING:
    from typing_extensions import Buffer  # in the standard library from Python 3.12 on

_SUFFIXES: dict[str, SourceFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zip", ".zst")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_MAGIC = re.compile(r"[*?\[]")

BOMB_RATIO = 200
BOMB_BYTES = 1 << 30
"""A compressed file that grows beyond this size, and beyond `BOMB_RATIO` times its own, is not read on."""


class NoData(InterlockError):
    """A dataset has no files."""

    def __init__(self, dataset: str, uri: str, folder: Path, hint: str = "") -> None:
        super().__init__(
            f"The dataset {dataset!r} has no data: no file matches {uri!r}.",
            where=str(folder),
            hint=hint or "Put the files there, or correct the uri.",
        )
        self.dataset = dataset
        self.uri = uri


class UnknownDataFormat(InterlockError):
    """Nothing says how the files of a dataset are to be read."""

    exit_code = 2


class UnreadableData(InterlockError):
    """A file of a dataset cannot be read, or does not fit the others."""


def find_files(dataset: str, uri: str, root: Path) -> list[Path]:
    """Return the files that a uri names: one file, all files of a folder, or those that match a pattern.

    Files and folders whose name begins with a dot or an underscore are passed over: checkpoints, markers
    and the like. A link that leads out of the folder is refused, as its target is none of the dataset's.

    Raises:
        NoData: There is none.
        UnreadableData: It is no path, cannot be searched, or a link leads out of the folder that is searched.
    """
    scheme = _SCHEME.match(uri)
    if scheme is not None:
        raise UnreadableData(
            f"The dataset {dataset!r} is at {uri!r}: {scheme[0]} is not read in this version.",
            hint="A uri is a file, a folder or a pattern on this machine, written as a path.",
        )
    try:
        return _found(dataset, uri, root)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise UnreadableData(
            f"The files of the dataset {dataset!r} cannot be looked for: {error.strerror or error}.",
            where=shown(uri),
        ) from error


def _found(dataset: str, uri: str, root: Path) -> list[Path]:
    place = root / uri
    if place.is_file():
        return [place]
    base, pattern = (place, "**/*") if place.is_dir() else _split_pattern(place)
    found = [path for path in base.glob(pattern) if not _is_hidden(path.relative_to(base))]
    files = [path for path in found if path.is_file()]
    if not files:
        hint = "Only folders match: end the pattern with '/**/*.csv' or the like." if found else ""
        raise NoData(dataset, uri, root, hint)
    for path in files:
        if not path.resolve().is_relative_to(base.resolve()):
            raise UnreadableData(
                f"{path.name} is a link that leads out of the folder of the dataset {dataset!r}.",
                where=str(path),
                hint="Name the folder that it leads to in the uri.",
            )
    return files


def pick_format(dataset: str, said: str | None, files: Sequence[Path]) -> tuple[SourceFormat, list[Path]]:
    """Return the format of a dataset, and those of the files that have it.

    Args:
        dataset: Its name.
        said: What the configuration says; it then counts for files of any name.
        files: What was found.

    Raises:
        UnknownDataFormat: The names do not tell the format, or tell several.
    """
    named = {path: _SUFFIXES.get(_suffix(path)) for path in files}
    if said is not None:
        chosen = next((one for one in SOURCE_FORMATS if one == said), None)
        if chosen is None:
            raise _unknown(dataset, f"there is no format {said!r}")
        return chosen, [path for path in files if named[path] == chosen] or list(files)
    formats = sorted({one for one in named.values() if one is not None})
    if not formats:
        raise _unknown(dataset, f"the name of {files[0].name!r} does not tell it")
    if len(formats) > 1:
        raise _unknown(dataset, f"it has files of several: {', '.join(formats)}")
    (only,) = formats
    return only, [path for path in files if named[path] == only]


def separator(path: Path) -> str:
    """Return what separates the fields of a csv file."""
    return "\t" if _suffix(path) == ".tsv" else ","


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


def _split_pattern(place: Path) -> tuple[Path, str]:
    """Split a pattern into the folder to search and the rest."""
    parts = list(_until_magic(place.parts))
    rest = place.parts[len(parts) :] or (parts.pop(),)
    return Path(*parts), "/".join(rest)


def _until_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if _MAGIC.search(part):
            return
        yield part


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _suffix(path: Path) -> str:
    name = path.with_suffix("") if path.suffix.lower() in _COMPRESSIONS else path
    return name.suffix.lower()


def _unknown(dataset: str, reason: str) -> UnknownDataFormat:
    return UnknownDataFormat(
        f"The format of the dataset {dataset!r} is unknown: {reason}.",
        hint='Say it in interlock.toml: format = "csv", "parquet", "arrow" or "json".',
    )
