"""Datasets in files: csv, parquet, arrow and JSON lines, in one file, a folder or a pattern."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from interlock.errors import InterlockError
from interlock.extras import require
from interlock.identity.artifact import Part, Snapshot, SourceFormat
from interlock.identity.digest import digest_file

_FORMATS: Mapping[str, SourceFormat] = {
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
_COMPRESSED = {".gz", ".zip", ".bz2", ".xz", ".zst"}


class NoData(InterlockError):
    """A dataset has no files."""


class UnknownDataFormat(InterlockError):
    """Nothing says how a dataset's files are to be read."""


class ChangedPart(InterlockError):
    """A file of a dataset is no longer what its snapshot recorded."""


class UnreadableData(InterlockError):
    """A file of a dataset cannot be read, or does not fit the others."""


class SourceConfig(Protocol):
    """Where a dataset is."""

    @property
    def uri(self) -> str:
        """A file, folder or pattern."""

    @property
    def format(self) -> str | None:
        """The format, where the file names do not say it."""


def take_snapshot(dataset: str, config: SourceConfig, root: Path, known: Sequence[Part] = ()) -> Snapshot:
    """Return the state of a dataset as it is now.

    Args:
        dataset: Its name.
        config: Where it is.
        root: The folder that relative paths start from.
        known: Parts of an earlier snapshot; a file of the same size and time is not read again.

    Raises:
        NoData: No file matches.
        UnknownDataFormat: The format cannot be told from the names.
    """
    files = _files(dataset, config.uri, root)
    earlier = {part.path: part for part in known}
    parts = [_part(path, root, earlier) for path in files]
    return Snapshot.of(dataset, config.uri, _format(dataset, config, files), parts)


def read_snapshot(snapshot: Snapshot, root: Path, as_type: Any) -> Any:
    """Return the rows of a snapshot as the wanted type.

    Raises:
        ChangedPart: A file changed since the snapshot was taken.
        UnreadableData: A file cannot be read, or has other columns than the rest.
        UnknownDataFormat: The type is none that a dataset is loaded as.
    """
    paths = [_checked(part, root) for part in snapshot.parts]
    name = f"{getattr(as_type, '__module__', '').partition('.')[0]}.{getattr(as_type, '__name__', as_type)}"
    if as_type is Path:
        return paths[0] if len(paths) == 1 else Path(_common(paths))
    loaders: Mapping[str, Callable[[str, list[Path]], Any]] = {
        "pandas.DataFrame": _pandas,
        "polars.DataFrame": _polars,
        "builtins.DataFrame": _polars,
        "pyarrow.Table": _arrow,
    }
    if name not in loaders:
        raise UnknownDataFormat(
            f"A dataset cannot be loaded as {name}.",
            hint="Annotate the input as pandas.DataFrame, polars.DataFrame, pyarrow.Table or pathlib.Path.",
        )
    return loaders[name](snapshot.format, paths)


def _files(dataset: str, uri: str, root: Path) -> list[Path]:
    place = Path(uri) if Path(uri).is_absolute() else root / uri
    if place.is_dir():
        found = [path for path in place.rglob("*") if path.is_file()]
    else:
        found = [Path(name) for name in glob.glob(str(place), recursive=True) if Path(name).is_file()]
    visible = sorted(
        path
        for path in found
        if not any(part.startswith((".", "_")) for part in path.relative_to(place.anchor).parts[-1:])
    )
    if not visible:
        raise NoData(
            f"Dataset {dataset!r} has no files: nothing matches {uri!r}.",
            where=str(root),
            hint="Put the files there, or correct its uri in interlock.toml.",
        )
    return visible


def _part(path: Path, root: Path, known: Mapping[str, Part]) -> Part:
    stat = path.stat()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    before = known.get(name)
    if before is not None and (before.size, before.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
        return before
    return Part(name, digest_file(path), stat.st_size, stat.st_mtime_ns)


def _format(dataset: str, config: SourceConfig, files: Sequence[Path]) -> SourceFormat:
    if config.format is not None:
        return config.format  # type: ignore[return-value]  # checked by the configuration
    found = {_FORMATS.get(_suffix(path)) for path in files}
    if len(found) != 1 or None in found:
        names = ", ".join(sorted({path.name for path in files})[:3])
        raise UnknownDataFormat(
            f"The format of dataset {dataset!r} cannot be told from {names}.",
            hint='Say it in interlock.toml: format = "csv", "parquet", "arrow" or "json".',
        )
    (one,) = found
    return one  # type: ignore[return-value]  # None was refused above


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _checked(part: Part, root: Path) -> Path:
    path = root / part.path
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise ChangedPart(f"{part.path} is gone since its snapshot was taken.", where=str(path)) from None
    same = (stat.st_size, stat.st_mtime_ns) == (part.size, part.mtime_ns)
    if not same and digest_file(path) != part.digest:
        raise ChangedPart(
            f"{part.path} changed since its snapshot was taken.",
            where=str(path),
            hint="Run again: the new state is then its snapshot.",
        )
    return path


def _common(paths: Sequence[Path]) -> str:
    import os

    return os.path.commonpath(paths)


def _pandas(form: str, paths: list[Path]) -> Any:
    pd = require("pandas", extra="tables")
    readers = {
        "csv": pd.read_csv,
        "parquet": pd.read_parquet,
        "arrow": pd.read_feather,
        "json": lambda p: pd.read_json(p, lines=True),
    }
    frames = [_read(readers[form], path) for path in paths]
    _same_columns([list(frame.columns) for frame in frames], paths)
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _polars(form: str, paths: list[Path]) -> Any:
    pl = require("polars", extra="polars")
    readers = {"csv": pl.read_csv, "parquet": pl.read_parquet, "arrow": pl.read_ipc, "json": pl.read_ndjson}
    frames = [_read(readers[form], path) for path in paths]
    _same_columns([frame.columns for frame in frames], paths)
    return pl.concat(frames, how="vertical_relaxed")


def _arrow(form: str, paths: list[Path]) -> Any:
    pa = require("pyarrow", extra="tables")
    csv, parquet, feather, json = (
        require(f"pyarrow.{name}", extra="tables") for name in ("csv", "parquet", "feather", "json")
    )
    readers = {
        "csv": csv.read_csv,
        "parquet": parquet.read_table,
        "arrow": feather.read_table,
        "json": json.read_json,
    }
    tables = [_read(readers[form], path) for path in paths]
    _same_columns([table.column_names for table in tables], paths)
    return pa.concat_tables(tables, promote_options="permissive")


def _read(reader: Callable[[Any], Any], path: Path) -> Any:
    try:
        return reader(path)
    except Exception as error:
        raise UnreadableData(
            f"{path.name} cannot be read: {type(error).__name__}: {error}", where=str(path)
        ) from error


def _same_columns(columns: Sequence[Sequence[str]], paths: Sequence[Path]) -> None:
    for names, path in zip(columns[1:], paths[1:], strict=True):
        if set(names) != set(columns[0]):
            other = sorted(set(names) ^ set(columns[0]))
            raise UnreadableData(
                f"{path.name} has other columns than {paths[0].name}: {', '.join(map(str, other))}.",
                where=str(path),
            )
