"""Data frames and series of polars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from interlock.models.codec.cells import Cells, as_list
from interlock.models.codec.outgoing import float_nulls, optional_floats, time_list
from interlock.models.codec.schema import Column, Schema, Unservable

_NAT = -(2**63)


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
    if dtype.is_integer() or dtype == pl.Boolean:
        kind = "bool" if dtype == pl.Boolean else "int"
        number = "bool" if kind == "bool" else str(dtype).lower()
        if number.endswith("128"):
            raise Unservable(f"its type is {dtype}", column=name, hint="Use at most 64 bits.")
        return Column(name, kind, str(dtype), nullable=nullable, label=label, number=number)  # type: ignore[arg-type]
    if dtype.is_float():
        null = float_nulls(has_nan=bool(series.is_nan().any()), has_null=nullable, column=name)
        number = str(dtype).lower()
        return Column(name, "float", str(dtype), nullable=bool(null), label=label, number=number, null=null)
    if dtype in {pl.String, pl.Categorical}:
        kind = "string" if dtype == pl.String else "category"
        return Column(name, kind, kind, nullable=nullable, label=label)  # type: ignore[arg-type]
    if isinstance(dtype, pl.Datetime | pl.Duration | pl.Date):
        return _time_column(dtype, name, label, nullable=nullable)
    if isinstance(dtype, pl.Enum):
        categories = tuple(dtype.categories.to_list())
        of = Column(name, "string", "string")
        return Column(name, "category", "Enum", nullable=nullable, label=label, categories=categories, of=of)
    raise Unservable(
        f"its type is {dtype}", column=name, hint="Let a step turn it into numbers, text or timestamps."
    )


def _time_column(dtype: Any, name: str, label: str, *, nullable: bool) -> Column:
    unit, tz = getattr(dtype, "time_unit", "") or "", getattr(dtype, "time_zone", None)
    kind = {"Datetime": "timestamp", "Duration": "duration", "Date": "date"}[type(dtype).__name__]
    return Column(
        name,
        kind,  # type: ignore[arg-type]
        type(dtype).__name__,
        nullable=nullable,
        label=label,
        number="int64",
        unit=unit,
        tz=tz,
    )


def _dtype(column: Column) -> Any:
    if column.type == "timestamp":
        return pl.Datetime(column.unit, column.tz)  # type: ignore[arg-type]
    if column.type == "duration":
        return pl.Duration(column.unit)  # type: ignore[arg-type]
    if column.type == "category":
        return pl.Enum(list(column.categories)) if column.categories else pl.Categorical()
    return {"string": pl.String}.get(column.dtype) or getattr(pl, column.dtype)


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
