"""Lists of plain Python values: rows as they come from JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from interlock.models.codec.cells import Cells, as_list
from interlock.models.codec.outgoing import python_column, python_list
from interlock.models.codec.schema import Schema, Unservable

_SCALARS = (str, int, float, bool, type(None))


def infer(value: list[Any], name: str) -> Schema:
    """Return the schema: a table when all rows are objects with the same keys and plain values."""
    if _is_table(value):
        columns = [_column(key, [row[key] for row in value]) for key in value[0]]
        return Schema("list", "table", tuple(columns))
    return as_column(value, name)


def as_column(value: list[Any], name: str) -> Schema:
    """Return the schema of a list whose rows are values, whatever they look like."""
    return Schema("list", "column", (_column(name, value),))


def lists(value: list[Any], schema: Schema, *, nan_is_null: bool) -> list[list[Any]]:
    """Return JSON values column by column."""
    if schema.container == "column":
        return [python_list(value, schema.columns[0].name, nan_is_null=nan_is_null)]
    return [python_list([row[name] for row in value], name, nan_is_null=nan_is_null) for name in schema.names]


def build(schema: Schema, cells: Sequence[Cells], rows: int) -> list[Any]:
    """Return the rows."""
    columns = [as_list(cell) for cell in cells]
    if schema.container == "column":
        return list(columns[0])
    names = schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)][:rows]


def count(value: list[Any]) -> int:
    """Return the number of rows."""
    return len(value)


def take(value: list[Any], rows: slice | Sequence[int]) -> list[Any]:
    """Return some rows."""
    return value[rows] if isinstance(rows, slice) else [value[row] for row in rows]


def concat(values: Sequence[list[Any]]) -> list[Any]:
    """Return the rows of all lists."""
    return list(chain.from_iterable(values))


def _is_table(rows: list[Any]) -> bool:
    if not rows or not all(isinstance(row, dict) and row for row in rows):
        return False
    keys = rows[0].keys()
    same = all(row.keys() == keys for row in rows)
    return same and all(isinstance(value, _SCALARS) for row in rows for value in row.values())


def _column(name: Any, values: list[Any]) -> Any:
    if not isinstance(name, str):
        raise Unservable(f"the key {name!r} of its rows is not a text")
    column = python_column(name, values, "", label=name)
    if column.type == "date":
        raise Unservable("it holds dates, which JSON does not have", column=name)
    return column
