"""Rows of a file as a request would bring them, in the form that the model's schema asks for."""

from __future__ import annotations

from typing import Any

from interlock.models.codec import Column, Fault, InvalidRequest, Schema

_MOMENTS = ("timestamp", "date")


def json_rows(schema: Schema, table: Any) -> list[Any]:
    """Return the rows of a pandas frame as JSON values; columns that the model does not take are left alone.

    A model that takes arrays is given the columns called 0, 1, 2 and so on or, where there are none, all
    columns in their order; a model that takes single values, the column of its name or the only one.

    Raises:
        InvalidRequest: The file has too many columns, or too few, to know which are meant.
    """
    if schema.container == "matrix":
        return _arrays(schema, table)
    if not schema.rows_are_objects:
        return _values(schema.columns[0], table[_only(schema.columns[0].name, table)])
    known = [column for column in schema.columns if column.name in table.columns]
    if not known:
        return [{} for _ in range(len(table))]
    names = [column.name for column in known]
    values = [_values(column, table[column.name]) for column in known]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _arrays(schema: Schema, table: Any) -> list[Any]:
    places = [str(place) for place in range(schema.width)]
    names = places if set(places) <= set(table.columns) else list(table.columns)
    if len(names) != schema.width:
        raise _unclear(
            f"the file has {len(names)} columns, and the model takes arrays of {schema.width} values: give it just "
            f"those in their order, or call them {places[0]} to {places[-1]}"
        )
    values = [_values(schema.columns[0], table[name]) for name in names]
    return [list(row) for row in zip(*values, strict=True)]


def _only(name: str, table: Any) -> str:
    if name in table.columns:
        return name
    if len(table.columns) > 1:
        raise _unclear(
            f"the model takes single values, and none of the {len(table.columns)} columns is {name!r}"
        )
    return str(table.columns[0])


def _unclear(problem: str) -> InvalidRequest:
    return InvalidRequest([Fault(None, None, problem)])


def _values(column: Column, series: Any) -> list[Any]:
    if series.dtype.kind == "m":  # in JSON a duration is a count of the column's unit
        series = series.dt.as_unit(column.unit or "ns")
        counts = series.astype("int64").astype(object)
        return list(counts.where(series.notna(), None))
    values = list(series.astype(object).where(series.notna(), None))
    return [_iso(value) for value in values] if column.type in _MOMENTS else values


def _iso(value: Any) -> Any:
    """Write a time as ISO 8601; what is a text already is judged by the codec, which names its row."""
    return value.isoformat() if hasattr(value, "isoformat") else value
