"""Rows of a value, whatever library it is of: count them, take some, join them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.models.codec.kinds import kind_of


def row_count(value: Any) -> int:
    """Return the number of rows.

    Raises:
        Unservable: It has none: it is no table, array or list.
    """
    return kind_of(value).count(value)


def take_rows(value: Any, rows: slice | Sequence[int]) -> Any:
    """Return the rows at these positions, in this order, as a value of the same type.

    Raises:
        Unservable: It is no table, array or list.
    """
    return kind_of(value).take(value, rows if isinstance(rows, slice) else [int(row) for row in rows])


def concat_rows(values: Sequence[Any]) -> Any:
    """Return the rows of all values, which are of one type; one value is returned as it is.

    Raises:
        ValueError: There is no value.
        Unservable: They are no tables, arrays or lists.
    """
    if not values:
        raise ValueError("there is no value to join")
    return values[0] if len(values) == 1 else kind_of(values[0]).concat(values)
