"""Datasets in files: their snapshots, and their rows as they were in a snapshot."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from interlock.errors import InterlockError
from interlock.identity.artifact import Part, Snapshot
from interlock.identity.digest import digest_file
from interlock.store.faults import ReadFailed
from interlock.store.source_files import (
    NoData,
    UnknownDataFormat,
    UnreadableData,
    find_files,
    pick_format,
)
from interlock.store.source_tables import read_table

__all__ = [
    "ChangedPart",
    "NoData",
    "SourceConfig",
    "UnknownDataFormat",
    "UnknownDataType",
    "UnreadableData",
    "read_snapshot",
    "take_snapshot",
]

_LIBRARIES = {"pd": "pandas", "pl": "polars", "pa": "pyarrow"}
_ATTEMPTS = 3


class ChangedPart(InterlockError):
    """A file of a dataset is not, or does not stay, what its snapshot says."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path.name} {problem}.",
            where=str(path),
            hint="Run again when nobody writes to it: its present state is then a new snapshot.",
        )
        self.path = path


class UnknownDataType(InterlockError):
    """A dataset is to be loaded as a type that no reader makes."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A dataset cannot be loaded as {name}.",
            hint="Annotate the input with pandas.DataFrame, polars.DataFrame, pyarrow.Table or pathlib.Path.",
        )


class SourceConfig(Protocol):
    """Where a dataset is."""

    @property
    def uri(self) -> str:
        """A file, a folder or a pattern; relative to the project, or absolute."""

    @property
    def format(self) -> str | None:
        """The format of the files, where their names do not tell it."""


def take_snapshot(dataset: str, config: SourceConfig, root: Path, known: Sequence[Part] = ()) -> Snapshot:
    """Return the state of a dataset as it is now.

    Args:
        dataset: Its name.
        config: Where it is.
        root: What its uri and the paths of its parts are relative to.
        known: Parts of an earlier snapshot. A file that still has the size and the time of its part is not
            read again, so that an appended file costs only that file. A change that keeps both, to the
            nanosecond, is not noticed.

    Raises:
        NoData: No file matches the uri.
        UnknownDataFormat: The names of the files do not tell the format.
        ChangedPart: Somebody keeps writing to a file while it is read.
        ReadFailed: A file cannot be read.
    """
    file_format, files = pick_format(dataset, config.format, find_files(dataset, config.uri, root))
    earlier = {part.path: part for part in known}
    return Snapshot.of(dataset, config.uri, file_format, (_part(path, root, earlier) for path in files))


def read_snapshot(snapshot: Snapshot, root: Path, as_type: Any) -> Any:
    """Return the rows of a snapshot, parts in the order of their paths.

    Args:
        snapshot: What is read.
        root: As in `take_snapshot`.
        as_type: pandas.DataFrame, polars.DataFrame, pyarrow.Table, or pathlib.Path for the file itself, or
            the folder that holds the files.

    Raises:
        ChangedPart: A file is gone or changed since the snapshot was taken, or changes while it is read.
        UnreadableData: A file cannot be read, or its columns are not those of the others.
        UnknownDataType: `as_type` is none of those.
        MissingExtra: The library is not installed.
    """
    name = _type_name(as_type)
    paths = [root / part.path for part in snapshot.parts]
    before = [_check(part, path) for part, path in zip(snapshot.parts, paths, strict=True)]
    if name == "pathlib.Path":
        return paths[0] if len(paths) == 1 else Path(os.path.commonpath(paths))
    library, _, table = name.partition(".")
    if (library, table) not in {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")}:
        raise UnknownDataType(name)
    value = read_table(library, snapshot.format, paths)
    for path, status in zip(paths, before, strict=True):
        if _stat(path) != status:
            raise ChangedPart(path, "changed while it was read")
    return value


def _type_name(as_type: Any) -> str:
    """Return `library.Name` of a class, or of an annotation that is still text."""
    if not isinstance(as_type, type):
        library, _, name = str(as_type).rpartition(".")
        return f"{_LIBRARIES.get(library, library)}.{name}"
    if issubclass(as_type, Path):
        return "pathlib.Path"
    return f"{as_type.__module__.partition('.')[0]}.{as_type.__name__}"


def _part(path: Path, root: Path, known: Mapping[str, Part]) -> Part:
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    for _ in range(_ATTEMPTS):
        size, mtime_ns = _stat(path)
        part = known.get(name)
        if part is not None and (part.size, part.mtime_ns) == (size, mtime_ns):
            return part
        digest = _digest(path)
        if _stat(path) == (size, mtime_ns):
            return Part(name, digest, size, mtime_ns)
    raise ChangedPart(path, "is being written to")


def _check(part: Part, path: Path) -> tuple[int, int]:
    """Return size and time of a file that is as it was when its snapshot was taken."""
    status = _stat(path)
    if status != (part.size, part.mtime_ns) and (status[0] != part.size or _digest(path) != part.digest):
        raise ChangedPart(path, "changed since its snapshot was taken")
    return status


def _stat(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise ChangedPart(path, "is gone") from None
    except OSError as error:
        raise ReadFailed(path, error) from error
    return status.st_size, status.st_mtime_ns


def _digest(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise ReadFailed(path, error) from error
