"""How each library reads the parts of a dataset and joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from interlock.extras import require

TEXT, NUMBER, TRUTH, NOTHING = "text", "numbers", "truth values", "empty"
"""Kinds of columns that say whether parts fit together; NOTHING fits everything. Other kinds are types."""


class Joining(Protocol):
    """A library that puts tables together."""

    def kinds(self, table: Any) -> dict[str, str]:
        """Return the kind of each column."""

    def join(self, tables: Sequence[Any], names: Sequence[str]) -> Any:
        """Put the rows of tables with the same columns one after another."""


class Columnar(Joining, Protocol):
    """A library that reads files whose columns have types."""

    def read(self, path: Path, file_file_format: str) -> Any:
        """Read a file."""


class Library(Joining, Protocol):
    """A library of tables, as a dataset is asked for."""

    @property
    def columnar(self) -> Columnar:
        """The library that reads files of typed columns for this one."""

    def csv(self, file: IO[bytes], separator: str, as_text: Sequence[str]) -> Any:
        """Read a csv file, some columns as text whatever they look like."""

    def columns(self, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Make a table of Python values."""

    def finish(self, table: Any) -> Any:
        """Make a table of this library from one of its `columnar` library."""


class Arrow:
    """pyarrow."""

    def __init__(self) -> None:
        self._arrow = require("pyarrow", extra="tables")

    @property
    def columnar(self) -> Columnar:
        """Itself."""
        return self

    def csv(self, file: IO[bytes], separator: str, as_text: Sequence[str]) -> Any:
        """Read all in one block: pyarrow guesses types from the first block alone."""
        csv = require("pyarrow.csv", extra="tables")
        data = file.read()
        return csv.read_csv(
            self._arrow.BufferReader(data),
            csv.ReadOptions(block_size=max(len(data), 1)),
            csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(as_text, self._arrow.string())),
        )

    def columns(self, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Make a table; pyarrow refuses values that are not of one type."""
        return self._arrow.table(dict(columns))

    def read(self, path: Path, file_format: str) -> Any:
        """Read parquet or Arrow."""
        if file_format == "parquet":
            # The file itself and not its path, from which pyarrow would make columns (year=2013).
            with path.open("rb") as file:
                return require("pyarrow.parquet", extra="tables").read_table(file)
        return require("pyarrow.feather", extra="tables").read_table(path, memory_map=False)

    def kinds(self, table: Any) -> dict[str, str]:
        """Go by the types."""
        return {
            field.name: NOTHING if column.null_count == len(column) else self._kind(field.type)
            for field, column in zip(table.schema, table.columns, strict=True)
        }

    def join(self, tables: Sequence[Any], names: Sequence[str]) -> Any:
        """Join; whole numbers become fractions where a part has those."""
        ordered = [table.select(list(names)) for table in tables]
        return self._arrow.concat_tables(ordered, promote_options="permissive").unify_dictionaries()

    def finish(self, table: Any) -> Any:
        """Leave it."""
        return table

    def _kind(self, dtype: Any) -> str:
        types = self._arrow.types
        if types.is_dictionary(dtype):
            return self._kind(dtype.value_type)
        if types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype):
            return NUMBER
        if str(dtype) in ("string", "large_string", "string_view"):
            return TEXT
        if types.is_timestamp(dtype):
            return "times" if dtype.tz is None else "times with a zone"
        return TRUTH if types.is_boolean(dtype) else str(dtype)


class Pandas:
    """pandas; typed columns come to it through pyarrow."""

    def __init__(self) -> None:
        self._pandas = require("pandas", extra="tables")

    @property
    def columnar(self) -> Columnar:
        """Arrow, which knows how to join categories."""
        return Arrow()

    def csv(self, file: IO[bytes], separator: str, as_text: Sequence[str]) -> Any:
        """Read; rows that are longer than the header are refused, as pandas would shift their fields."""
        frame = self._pandas.read_csv(
            file, sep=separator, dtype=dict.fromkeys(as_text, "str"), low_memory=False
        )
        if not isinstance(frame.index, self._pandas.RangeIndex):
            raise ValueError("a row has more fields than there are names of columns")  # noqa: TRY004 - of the data
        return frame

    def columns(self, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Make a frame."""
        return self._pandas.DataFrame(dict(columns))

    def kinds(self, table: Any) -> dict[str, str]:
        """Go by dtypes, and look into columns of objects."""
        return {str(name): self._kind(table[name]) for name in table.columns}

    def join(self, tables: Sequence[Any], names: Sequence[str]) -> Any:
        """Join; a column without any value takes on the dtype that it has elsewhere."""
        for name in names:
            known = [table[name].dtype for table in tables if not table[name].isna().all()]
            if known and not self._pandas.api.types.is_numeric_dtype(known[0]):
                tables = [self._fitted(table, name, known[0]) for table in tables]
        return self._pandas.concat(tables, ignore_index=True)

    def finish(self, table: Any) -> Any:
        """Make a frame of an Arrow table."""
        return table.to_pandas()

    def _fitted(self, table: Any, name: str, dtype: Any) -> Any:
        if not table[name].isna().all():
            return table
        nothing = self._pandas.Series([None] * len(table), table.index, dtype=dtype)
        return table.assign(**{name: nothing})

    def _kind(self, column: Any) -> str:
        types = self._pandas.api.types
        if column.isna().all():
            return NOTHING
        if types.is_bool_dtype(column.dtype) or types.infer_dtype(column, skipna=True) == "boolean":
            return TRUTH
        return NUMBER if types.is_numeric_dtype(column.dtype) else TEXT


class Polars:
    """polars."""

    def __init__(self) -> None:
        self._polars = require("polars", extra="polars")

    @property
    def columnar(self) -> Columnar:
        """Itself."""
        return self

    def csv(self, file: IO[bytes], separator: str, as_text: Sequence[str]) -> Any:
        """Read; types are guessed from all rows."""
        overrides = dict.fromkeys(as_text, self._polars.String)
        return self._polars.read_csv(
            file.read(), separator=separator, schema_overrides=overrides, infer_schema_length=None
        )

    def columns(self, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Make a frame; polars refuses values that are not of one type, among them whole numbers and fractions."""
        widened = {name: _widened(values) for name, values in columns.items()}
        return self._polars.DataFrame(widened, infer_schema_length=None)

    def read(self, path: Path, file_format: str) -> Any:
        """Read parquet or Arrow."""
        if file_format == "parquet":
            return self._polars.read_parquet(path, hive_partitioning=False, glob=False)
        return self._polars.read_ipc(path)

    def kinds(self, table: Any) -> dict[str, str]:
        """Go by the types."""
        return {
            column.name: NOTHING if column.null_count() == len(column) else self._kind(column.dtype)
            for column in table
        }

    def join(self, tables: Sequence[Any], names: Sequence[str]) -> Any:
        """Join; a column without any value takes on the type that it has elsewhere."""
        for name in names:
            known = [table[name].dtype for table in tables if table[name].null_count() < len(table)]
            if known:
                tables = [
                    table.with_columns(table[name].cast(known[0]))
                    if table[name].null_count() == len(table)
                    else table
                    for table in tables
                ]
        return self._polars.concat([table.select(names) for table in tables], how="vertical_relaxed")

    def finish(self, table: Any) -> Any:
        """Leave it."""
        return table

    def _kind(self, dtype: Any) -> str:
        if dtype.is_numeric():
            return NUMBER
        if dtype in (self._polars.String, self._polars.Categorical, self._polars.Enum):
            return TEXT
        return TRUTH if dtype == self._polars.Boolean else str(dtype.base_type())


def _widened(values: Sequence[Any]) -> Sequence[Any]:
    if {type(value) for value in values} - {type(None)} != {int, float}:
        return values
    return [None if value is None else float(value) for value in values]


LIBRARIES: Mapping[str, Callable[[], Library]] = {"pandas": Pandas, "polars": Polars, "pyarrow": Arrow}
