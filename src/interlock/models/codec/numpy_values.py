"""Arrays of numpy with one or two dimensions: a vector, or a matrix whose rows are arrays in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interlock.models.codec.cells import Cells, as_list
from interlock.models.codec.faults import Faults, shown
from interlock.models.codec.outgoing import (
    NotEncodable,
    float_list,
    python_column,
    python_list,
    restore,
    time_list,
)
from interlock.models.codec.schema import Column, Schema, Unservable

_UNITS = frozenset({"s", "ms", "us", "ns"})


def infer(value: Any, name: str) -> Schema:
    """Return the schema of an array."""
    if not isinstance(value, np.ndarray):
        raise Unservable(f"it is one {type(value).__name__}, not an array of rows")
    if value.ndim not in {1, 2}:
        raise Unservable(
            f"it is an array of {value.ndim} dimensions", hint="Use one or two: reshape the rows in a step."
        )
    column = array_column(value.reshape(-1), name, label=name)
    if value.ndim == 1:
        return Schema("numpy", "column", (column,))
    return Schema("numpy", "matrix", (column,), width=value.shape[1])


def array_column(values: Any, name: str, *, label: str | int | None) -> Column:
    """Return the column of a flat array.

    Raises:
        Unservable: Its dtype has no form in JSON.
    """
    dtype = values.dtype
    if dtype.kind in "iub":
        return Column(
            name, "bool" if dtype.kind == "b" else "int", dtype.name, label=label, number=dtype.name
        )
    if dtype.kind == "f" and dtype.itemsize <= 8:
        nullable = bool(np.isnan(values).any())
        return Column(name, "float", dtype.name, nullable=nullable, label=label, number=dtype.name)
    if dtype.kind in "mM":
        return _time_column(values, name, label)
    if dtype.kind == "U":
        return Column(name, "string", "str", label=label)
    if dtype.kind == "O":
        return python_column(name, values.tolist(), "object", label=label)
    raise Unservable(f"its dtype is {dtype}", column=name, hint="Let a step turn it into numbers or text.")


def lists(value: Any, schema: Schema, *, nan_is_null: bool) -> list[list[Any]]:
    """Return JSON values: of a matrix row after row."""
    try:
        return [array_list(value.reshape(-1), schema.columns[0], nan_is_null=nan_is_null)]
    except NotEncodable as error:
        if schema.container == "column":
            raise
        row, place = divmod(error.row, schema.width)
        raise NotEncodable(row, str(place), error.problem) from None


def array_list(values: Any, column: Column, *, nan_is_null: bool) -> list[Any]:
    """Return a flat array as JSON values."""
    if column.type == "float" and column.number:
        return list(float_list(values, column.name, nan_is_null=nan_is_null))
    if column.type in {"timestamp", "date", "duration"} and column.number:
        return time_list(values.astype(values.dtype.newbyteorder("=")).view(np.int64), column)
    if values.dtype.kind == "O":
        return python_list(values.tolist(), column.name, nan_is_null=nan_is_null)
    found: list[Any] = values.tolist()
    return found


def build(schema: Schema, cells: Sequence[Cells], rows: int) -> Any:
    """Return the array."""
    flat = flat_array(schema.columns[0], cells[0])
    return flat if schema.container == "column" else flat.reshape(rows, schema.width)


def flat_array(column: Column, cells: Cells, *, na: Any = None) -> Any:
    """Return the cells as a flat array of the column's dtype; `na` is what pandas calls missing."""
    if column.type in {"timestamp", "date", "duration"} and column.number:
        return cells.values.view(column.dtype)
    if column.dtype == "str":
        return _texts(column, cells.values)
    if column.dtype == "object":
        found = np.empty(len(cells.values), dtype=object)
        found[:] = restore(as_list(cells), column, na)
        return found
    return cells.values


def _texts(column: Column, values: Sequence[str]) -> Any:
    """Return an array of texts; numpy would drop NUL at their ends without a word."""
    faults = Faults()
    for row, text in enumerate(values):
        if text.endswith("\0"):
            faults.add(row, column.name, f"{shown(text)} ends in NUL, which an array of numpy does not keep")
    faults.raise_any()
    return np.array(values, dtype=np.str_)


def count(value: Any) -> int:
    """Return the number of rows."""
    if value.ndim == 0:
        raise Unservable("it is an array without dimensions, one number and not rows")
    return len(value)


def take(value: Any, rows: slice | Sequence[int]) -> Any:
    """Return some rows, always as a new array."""
    return np.array(value[rows if isinstance(rows, slice) else np.asarray(rows, dtype=np.intp)])


def concat(values: Sequence[Any]) -> Any:
    """Return the rows of all arrays."""
    return np.concatenate(list(values))


def _time_column(values: Any, name: str, label: str | int | None) -> Column:
    unit, step = np.datetime_data(values.dtype)
    kind = "timestamp" if values.dtype.kind == "M" else "duration"
    if kind == "timestamp" and unit == "D" and step == 1:
        kind = "date"
    elif unit not in _UNITS or step != 1:
        raise Unservable(f"its dtype is {values.dtype}", column=name, hint="Use a unit of s, ms, us or ns.")
    nullable = bool(np.isnat(values).any())
    dtype = values.dtype.name
    return Column(name, kind, dtype, nullable=nullable, label=label, number="int64", unit=unit)  # type: ignore[arg-type]
