"""The formats of files, told by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from interlock.identity.artifact import SOURCE_FORMATS, SourceFormat
from interlock.store.sources.faults import UnknownDataFormat

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

P = TypeVar("P", bound=PurePath)


def pick_format(dataset: str, said: str | None, files: Sequence[P]) -> tuple[SourceFormat, list[P]]:
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


def is_compressed(path: PurePath) -> bool:
    """Tell by the name whether a file is compressed as a whole."""
    return path.suffix.lower() in _COMPRESSIONS


def is_hidden(path: PurePath) -> bool:
    """Tell whether a path is passed over: checkpoints, markers and the like."""
    return any(part.startswith((".", "_")) for part in path.parts)


def _suffix(path: PurePath) -> str:
    return (path.with_suffix("") if is_compressed(path) else path).suffix.lower()


def _unknown(dataset: str, reason: str) -> UnknownDataFormat:
    return UnknownDataFormat(
        f"The format of the dataset {dataset!r} is unknown: {reason}.",
        hint='Say it in interlock.toml: format = "csv", "parquet", "arrow" or "json".',
    )
