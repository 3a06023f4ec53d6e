"""From the JSON values of one column to checked cells: by the column where all is well, by the value to explain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from interlock.models.codec import times
from interlock.models.codec.faults import Faults
from interlock.models.codec.schema import Column, ColumnType
from interlock.models.codec.values import PLAIN_JSON, BadValue, category_codes, is_text, read_value

_NONE = type(None)
_NULL_COUNT = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Cells:
    """The values of one column.

    Numbers, booleans, times (counts of the unit, days for dates) and the codes of closed categories are a
    numpy array, with a mask where there are nulls (codes are -1 instead). Everything else is a list with
    None for null.
    """

    values: Any
    mask: Any = None


Place: TypeAlias = Callable[[int], tuple[int, str]]
"""From the position of a value to its row and column."""


def read_cells(column: Column, values: list[Any], faults: Faults, place: Place | None = None) -> Cells | None:
    """Check and convert the values of a column; faults are added to `faults`, and then there are no cells."""
    known_types = set(map(type, values))
    if column.nullable or _NONE not in known_types:
        try:
            fast = _FAST[column.type](column, values, known_types)
        except (OverflowError, KeyError, BadValue, times.BadTime):
            fast = None  # at least one value does not fit: below, the slow way finds out which and why
        if fast is not None:
            return fast
    return _read_slowly(column, values, faults, place or (lambda position: (position, column.name)))


def _read_slowly(column: Column, values: list[Any], faults: Faults, place: Place) -> Cells | None:
    found: list[Any] = []
    for position, value in enumerate(values):
        try:
            found.append(read_value(column, value))
        except BadValue as error:
            row, name = place(position)
            faults.add(row, name, error.in_words)
    return _pack(column, found) if len(found) == len(values) else None


def _pack(column: Column, values: list[Any]) -> Cells:
    """Turn checked values, None for null, into cells."""
    if column.categories:
        return Cells(np.array([-1 if value is None else value for value in values], dtype=np.int64))
    kind = _array_dtype(column)
    if kind is None:
        return Cells(values)
    mask = np.array([value is None for value in values]) if None in values else None
    filled = (
        values
        if mask is None
        else [_FILL.get(column.type, 0) if value is None else value for value in values]
    )
    return Cells(np.array(filled, dtype=kind), mask)


_FILL: Mapping[str, Any] = {
    "float": math.nan,
    "timestamp": _NULL_COUNT,
    "date": _NULL_COUNT,
    "duration": _NULL_COUNT,
}


def _array_dtype(column: Column) -> str | None:
    """Return the numpy dtype of the cells; None when they are a list."""
    if column.type in {"timestamp", "date", "duration"}:
        return "int64" if column.number else None
    return column.number or None


# The fast way: every value of the column at once. None says: look at each value.


def _fast_int(column: Column, values: list[Any], types: set[type]) -> Cells | None:
    if not types <= {int, _NONE}:
        return None
    low, high = column.bounds or (-math.inf, math.inf)
    held = values if types == {int} else [value for value in values if value is not None]
    if (
        held and not low <= min(held) <= max(held) <= high
    ):  # older versions of numpy wrap around instead of raising
        return None
    return _pack(column, values)


def _fast_float(column: Column, values: list[Any], types: set[type]) -> Cells | None:
    if not column.number:
        fits = types <= {float, _NONE} and all(value is None or math.isfinite(value) for value in values)
        return Cells(values) if fits else None
    if not types <= {int, float, _NONE}:
        return None
    numbers = np.array(values, dtype=np.float64)
    if column.number != "float64":
        with np.errstate(over="ignore"):
            numbers = numbers.astype(column.number)
    if np.isfinite(numbers).all():
        return Cells(numbers)
    mask = np.array([value is None for value in values])
    return Cells(numbers, mask) if np.isfinite(numbers[~mask]).all() else None


def _fast_bool(column: Column, values: list[Any], types: set[type]) -> Cells | None:
    return _pack(column, values) if types <= {bool, _NONE} else None


def _fast_string(_column: Column, values: list[Any], types: set[type]) -> Cells | None:
    if not types <= {str, _NONE} or not all(map(is_text, values)):
        return None
    return Cells(values)


def _fast_time(column: Column, values: list[Any], types: set[type]) -> Cells | None:
    if types != {str} or not column.number:
        return None
    if column.type == "date":
        return Cells(np.array([times.days(text) for text in values], dtype=np.int64))
    aware = column.tz is not None
    counts = [times.parse_timestamp(text, column.unit, aware=aware) for text in values]
    return Cells(np.array(counts, dtype=np.int64))


def _fast_category(column: Column, values: list[Any], types: set[type]) -> Cells | None:
    if not column.categories:
        return _fast_string(column, values, types)
    if not types <= {str, _NONE} or column.of is None or column.of.type != "string":
        return None
    codes = column.derived(category_codes)
    return Cells(np.array([-1 if value is None else codes[value] for value in values], dtype=np.int64))


def _fast_json(_column: Column, values: list[Any], types: set[type]) -> Cells | None:
    return Cells(values) if types <= PLAIN_JSON and all(map(is_text, values)) else None


_Fast: TypeAlias = Callable[[Column, list[Any], set[type]], Cells | None]
_FAST: Mapping[ColumnType, _Fast] = {
    "int": _fast_int,
    "float": _fast_float,
    "number": lambda _column, _values, _types: None,
    "bool": _fast_bool,
    "string": _fast_string,
    "timestamp": _fast_time,
    "date": _fast_time,
    "duration": _fast_int,
    "category": _fast_category,
    "json": _fast_json,
}


def as_list(cells: Cells) -> Sequence[Any]:
    """Return the values as a Python list with None for null."""
    if isinstance(cells.values, list):
        return cells.values
    plain: list[Any] = cells.values.tolist()
    if cells.mask is None:
        return plain
    return [None if is_null else value for value, is_null in zip(plain, cells.mask.tolist(), strict=True)]
