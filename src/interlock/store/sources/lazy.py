"""Handles to datasets that are read only as far as somebody asks: nothing is in memory before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlock.errors import InterlockError
from interlock.extras import require
from interlock.identity.artifact import SourceFormat
from interlock.store.sources.faults import UnreadableData
from interlock.store.sources.formats import is_compressed, separator
from interlock.store.sources.tables import check_columns

DATASET, LAZY_FRAME, RELATION = "pyarrow.Dataset", "polars.LazyFrame", "duckdb.DuckDBPyRelation"
_LOOKED_AT = 10_000
"""Rows of a csv file by which polars guesses types."""

_FORMATS = {"csv": "csv", "parquet": "parquet", "arrow": "ipc", "json": "json"}


def is_lazy(name: str) -> bool:
    """Tell whether a type, as `library.Name`, is a handle."""
    return name in _HANDLES


def is_handle(value: object) -> bool:
    """Tell whether a value reads files, or a database, only when it is asked."""
    library, name = type(value).__module__.partition(".")[0].lstrip("_"), type(value).__name__
    return f"{library}.{name}" in _HANDLES or (library == "pyarrow" and name.endswith("Dataset"))


def open_handle(name: str, file_format: SourceFormat, paths: Sequence[Path]) -> Any:
    """Return a handle to the rows of all files.

    Raises:
        UnreadableData: A file is malformed, its columns are not those of the first one, or nothing reads it
            bit by bit.
        MissingExtra: The library is not installed.
    """
    packed = [path for path in paths if is_compressed(path)]
    if packed:
        raise UnreadableData(
            f"{packed[0].name} is compressed as a whole, so it cannot be read bit by bit.",
            where=str(packed[0]),
            hint="Decompress it, or write parquet; or load it whole, as a pandas.DataFrame.",
        )
    return _HANDLES[name](file_format, paths)


def _dataset(file_format: SourceFormat, paths: Sequence[Path]) -> Any:
    datasets = require("pyarrow.dataset", extra="tables")
    pa = require("pyarrow", extra="tables")
    how: Any = _FORMATS[file_format]
    if file_format == "csv":
        csv = require("pyarrow.csv", extra="tables")
        how = datasets.CsvFileFormat(csv.ParseOptions(delimiter=separator(paths[0]), newlines_in_values=True))
    names = [str(path) for path in paths]
    schemas = [
        _guarded(lambda path: datasets.dataset([str(path)], format=how).schema, path) for path in paths
    ]
    check_columns([schema.names for schema in schemas], paths)
    schema = _guarded(lambda _: pa.unify_schemas(schemas, promote_options="permissive"), paths[-1])
    return datasets.dataset(names, format=how, schema=schema.remove_metadata())


def _lazy_frame(file_format: SourceFormat, paths: Sequence[Path]) -> Any:
    polars = require("polars", extra="polars")
    files: list[Any] = list(paths)
    if file_format == "parquet":
        return polars.scan_parquet(files, hive_partitioning=False, glob=False)
    if file_format == "arrow":
        return polars.scan_ipc(files, hive_partitioning=False)
    if file_format == "json":
        return polars.scan_ndjson(files)
    return polars.scan_csv(files, separator=separator(paths[0]), glob=False, infer_schema_length=_LOOKED_AT)


def _relation(file_format: SourceFormat, paths: Sequence[Path]) -> Any:
    duckdb = require("duckdb", extra="duckdb")
    dataset, names = _dataset(file_format, paths), [str(path) for path in paths]
    if file_format == "parquet" and not any(sign in name for name in names for sign in "*?["):
        # Through Arrow, what is read ahead takes many times the memory.
        return duckdb.connect().read_parquet(names, hive_partitioning=False, union_by_name=True)
    return duckdb.connect().from_arrow(dataset)


def _guarded(read: Callable[[Path], Any], path: Path) -> Any:
    try:
        return read(path)
    except InterlockError:
        raise
    except (ValueError, TypeError, OSError, NotImplementedError) as error:
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise UnreadableData(f"{path.name} cannot be read: {said}.", where=str(path)) from error


_HANDLES: Mapping[str, Callable[[SourceFormat, Sequence[Path]], Any]] = {
    DATASET: _dataset,
    LAZY_FRAME: _lazy_frame,
    RELATION: _relation,
}
