"""Tables of pyarrow, and the arrow arrays inside of pandas columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from interlock.models.codec.cells import Cells, read_cells
from interlock.models.codec.faults import Faults
from interlock.models.codec.outgoing import float_nulls, optional_floats, time_list
from interlock.models.codec.schema import Column, Schema, Unservable

_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
_TEXTS = frozenset({"string", "large_string", "string_view"})
_NAT = np.iinfo(np.int64).min


def infer(value: Any, name: str) -> Schema:
    """Return the schema of a table."""
    if not isinstance(value, pa.Table):
        raise Unservable(f"{name} is a {type(value).__name__} of pyarrow", hint="Give a pyarrow.Table.")
    names = value.column_names
    if not names or len(set(names)) < len(names):
        raise Unservable("its columns have no names of their own" if names else "it has no columns")
    columns = [arrow_column(value.column(at), name, label=name) for at, name in enumerate(names)]
    return Schema("arrow", "table", tuple(columns))


def arrow_column(values: Any, name: str, *, label: str | int | None) -> Column:
    """Return the column of an array or chunked array.

    Raises:
        Unservable: Its type has no form in JSON.
    """
    kind, nullable = values.type, values.null_count > 0
    if pa.types.is_dictionary(kind):
        return _dictionary_column(values, name, label)
    if str(kind) in _FLOATS:
        has_nan = bool(np.isnan(values.drop_null().to_numpy(zero_copy_only=False)).any())
        null = float_nulls(has_nan=has_nan, has_null=nullable, column=name)
        return Column(
            name, "float", str(kind), nullable=bool(null), label=label, number=_FLOATS[str(kind)], null=null
        )
    found = _plain_column(kind, name)
    return replace(found, dtype=str(kind), nullable=nullable, label=label)


def _plain_column(kind: Any, name: str) -> Column:
    if pa.types.is_integer(kind):
        return Column(name, "int", "", number=str(kind))
    if pa.types.is_boolean(kind):
        return Column(name, "bool", "", number="bool")
    if str(kind) in _TEXTS:
        return Column(name, "string", "")
    if pa.types.is_timestamp(kind):
        return Column(name, "timestamp", "", number="int64", unit=kind.unit, tz=kind.tz)
    if pa.types.is_duration(kind):
        return Column(name, "duration", "", number="int64", unit=kind.unit)
    if pa.types.is_date32(kind):
        return Column(name, "date", "", number="int64")
    raise Unservable(
        f"its type is {kind}", column=name, hint="Let a step turn it into numbers, text or timestamps."
    )


def arrow_type(column: Column) -> Any:
    """Return the arrow type of a column."""
    if column.type == "timestamp":
        return pa.timestamp(column.unit, tz=column.tz)
    if column.type == "duration":
        return pa.duration(column.unit)
    if column.type == "category" and column.of is not None:
        return pa.dictionary(getattr(pa, column.number)(), arrow_type(column.of), ordered=column.ordered)
    names = {
        "date32[day]": "date32",
        "bool": "bool_",
        "halffloat": "float16",
        "float": "float32",
        "double": "float64",
    }
    dtype = column.dtype.removeprefix("arrow:")  # as pandas columns call it
    return getattr(pa, names.get(dtype, dtype))()


def lists(value: Any, schema: Schema, *, nan_is_null: bool) -> list[list[Any]]:
    """Return JSON values column by column."""
    return [
        arrow_list(value.column(column.name), column, nan_is_null=nan_is_null) for column in schema.columns
    ]


def arrow_list(values: Any, column: Column, *, nan_is_null: bool) -> list[Any]:
    """Return an array as JSON values."""
    if column.type == "float":
        return list(optional_floats(values.to_pylist(), column.name, nan_is_null=nan_is_null))
    if column.type in {"timestamp", "duration", "date"}:
        counts = values.cast(pa.int32()) if column.type == "date" else values
        return time_list(counts.cast(pa.int64()).fill_null(_NAT).to_numpy(), column)
    if column.type == "category" and column.of is not None:
        return arrow_list(pc.cast(values, values.type.value_type), column.of, nan_is_null=nan_is_null)
    found: list[Any] = values.to_pylist()
    return found


def build(schema: Schema, cells: Sequence[Cells], rows: int) -> Any:
    """Return the table."""
    arrays = [arrow_array(column, cell) for column, cell in zip(schema.columns, cells, strict=True)]
    return pa.table(arrays, names=list(schema.names)).slice(0, rows)


def arrow_array(column: Column, cells: Cells) -> Any:
    """Return the cells as an array of exactly the column's type."""
    kind = column.derived(arrow_type)
    if column.type == "category":
        indices = pa.array(cells.values, type=kind.index_type, mask=cells.values < 0)
        return pa.DictionaryArray.from_arrays(indices, column.derived(_dictionary), ordered=column.ordered)
    if isinstance(cells.values, list):
        return pa.array(cells.values, type=kind)
    mask = None if column.null == "nan" else cells.mask
    if column.type in {"timestamp", "duration"}:
        return pa.array(cells.values, type=pa.int64(), mask=mask).cast(kind)
    if column.type == "date":
        return pa.array(cells.values, type=pa.int64(), mask=mask).cast(pa.int32()).cast(kind)
    return pa.array(cells.values, type=kind, mask=mask)


def count(value: Any) -> int:
    """Return the number of rows."""
    rows: int = value.num_rows
    return rows


def take(value: Any, rows: slice | Sequence[int]) -> Any:
    """Return some rows."""
    positions = range(value.num_rows)[rows] if isinstance(rows, slice) else rows
    return value.take(pa.array(list(positions), type=pa.int64()))


def concat(values: Sequence[Any]) -> Any:
    """Return the rows of all tables."""
    return pa.concat_tables(list(values))


def _dictionary_column(values: Any, name: str, label: str | int | None) -> Column:
    kind = values.type
    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries()
        dictionary = values.chunk(0).dictionary if values.num_chunks else pa.array([], type=kind.value_type)
    else:
        dictionary = values.dictionary
    if not len(dictionary) or dictionary.null_count:
        raise Unservable("it is a dictionary without values, or with null among them", column=name)
    of = arrow_column(dictionary, name, label=None)
    return Column(
        name,
        "category",
        str(kind),
        nullable=values.null_count > 0,
        label=label,
        number=str(kind.index_type),
        categories=tuple(arrow_list(dictionary, of, nan_is_null=False)),
        ordered=kind.ordered,
        of=of,
    )


def _dictionary(column: Column) -> Any:
    if column.of is None:
        raise Unservable("it has no categories", column=column.name)
    cells = read_cells(column.of, list(column.categories), Faults())
    return None if cells is None else arrow_array(column.of, cells)
