"""Data frames and series of polars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from interlock.models.codec.cells import Cells, as_list
from interlock.models.codec.outgoing import float_nulls, optional_floats, time_list
from interlock.models.codec.schema import Column, ColumnType, Schema, Unservable

_NAT = -(2**63)
_INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
_PLAIN: dict[str, tuple[ColumnType, str]] = {
    "Boolean": ("bool", "bool"),
    "String": ("string", ""),
    "Date": ("date", "int64"),
    "Categorical": ("category", ""),
}


def infer(value: Any, name: str) -> Schema:
    """Return the schema of a frame or a series."""
    if isinstance(value, pl.Series):
        return Schema("polars", "column", (_column(value, value.name or name, value.name),))
    if not isinstance(value, pl.DataFrame):
        raise Unservable(f"{name} is a {type(value).__name__} of polars", hint="Collect it into a DataFrame.")
    if not value.width:
        raise Unservable("it has no columns")
    return Schema("polars", "table", tuple(_column(series, series.name, series.name) for series in value))


def lists(value: Any, schema: Schema, *, nan_is_null: bool) -> list[list[Any]]:
    """Return JSON values column by column."""
    if isinstance(value, pl.Series):
        return [_list(value, schema.columns[0], nan_is_null=nan_is_null)]
    return [_list(value[column.name], column, nan_is_null=nan_is_null) for column in schema.columns]


def build(schema: Schema, cells: Sequence[Cells], rows: int) -> Any:
    """Return the frame or series."""
    series = [_series(column, cell) for column, cell in zip(schema.columns, cells, strict=True)]
    return series[0] if schema.container == "column" else pl.DataFrame(series).head(rows)


def count(value: Any) -> int:
    """Return the number of rows."""
    return len(value)


def take(value: Any, rows: slice | Sequence[int]) -> Any:
    """Return some rows."""
    return value[rows] if isinstance(rows, slice) else value[list(rows)]


def concat(values: Sequence[Any]) -> Any:
    """Return the rows of all frames."""
    return pl.concat(list(values))


def _column(series: Any, name: str, label: str) -> Column:
    dtype, nullable = series.dtype, series.null_count() > 0
    if dtype.is_float():
        null = float_nulls(has_nan=bool(series.is_nan().any()), has_null=nullable, column=name)
        number = str(dtype).lower()
        return Column(name, "float", str(dtype), nullable=bool(null), label=label, number=number, null=null)
    column = replace(_plain_column(dtype, name), nullable=nullable, label=label)
    if column.derived(_dtype) != dtype:
        raise _unservable(dtype, name)
    return column


def _plain_column(dtype: Any, name: str) -> Column:
    if dtype.is_integer() and str(dtype).lower() in _INTEGERS:
        return Column(name, "int", str(dtype), number=str(dtype).lower())
    if isinstance(dtype, pl.Datetime):
        return Column(name, "timestamp", "Datetime", number="int64", unit=dtype.time_unit, tz=dtype.time_zone)
    if isinstance(dtype, pl.Duration):
        return Column(name, "duration", "Duration", number="int64", unit=dtype.time_unit)
    if isinstance(dtype, pl.Enum) and len(dtype.categories):
        categories = tuple(dtype.categories.to_list())
        of = Column(name, "string", "String")
        return Column(name, "category", "Enum", categories=categories, of=of)
    plain = _PLAIN.get(type(dtype).__name__)
    if plain is None:
        raise _unservable(dtype, name)
    return Column(name, plain[0], type(dtype).__name__, number=plain[1])


def _unservable(dtype: Any, name: str) -> Unservable:
    hint = "Let a step turn it into numbers, text or timestamps."
    return Unservable(f"its type is {dtype}", column=name, hint=hint)


def _dtype(column: Column) -> Any:
    if column.type == "timestamp":
        return pl.Datetime(column.unit, column.tz)  # type: ignore[arg-type]
    if column.type == "duration":
        return pl.Duration(column.unit)  # type: ignore[arg-type]
    if column.dtype == "Enum":
        return pl.Enum(list(column.categories))
    return getattr(pl, column.dtype)()


def _series(column: Column, cells: Cells) -> Any:
    dtype, label = column.derived(_dtype), str(column.label)
    if column.categories:
        texts = [None if code < 0 else column.categories[code] for code in cells.values.tolist()]
        return pl.Series(label, texts, dtype=dtype)
    keeps_nan = cells.mask is None or column.null == "nan"
    values = cells.values if keeps_nan else as_list(cells)
    if column.type == "date":
        return pl.Series(label, values, dtype=pl.Int64).cast(pl.Int32).cast(dtype)
    if column.type in {"timestamp", "duration"}:
        return pl.Series(label, values, dtype=pl.Int64).cast(dtype)
    return pl.Series(label, values, dtype=dtype)


def _list(series: Any, column: Column, *, nan_is_null: bool) -> list[Any]:
    if column.type == "float":
        return list(optional_floats(series.to_list(), column.name, nan_is_null=nan_is_null))
    if column.type in {"timestamp", "duration", "date"}:
        return time_list(series.to_physical().cast(pl.Int64).fill_null(_NAT).to_numpy(), column)
    found: list[Any] = series.to_list()
    return found
