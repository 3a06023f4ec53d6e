"""From the JSON values of one column to checked cells: by the column where all is well, by the value to explain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from interlock.models.codec import times
from interlock.models.codec.faults import Faults, json_type, near_names, shown
from interlock.models.codec.schema import Column, ColumnType

_NONE = type(None)
_NULL_COUNT = np.iinfo(np.int64).min
_PLAIN_JSON = frozenset({str, int, bool, _NONE})


@dataclass(frozen=True)
class Cells:
    """The values of one column.

    Numbers, booleans, times (counts of the unit, days for dates) and the codes of closed categories are a
    numpy array, with a mask where there are nulls (codes are -1 instead). Everything else is a list with
    None for null.
    """

    values: Any
    mask: Any = None


class BadValue(ValueError):
    """One value that does not fit; the message is the problem in words."""


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


def read_value(column: Column, value: Any) -> Any:
    """Check and convert one value; numbers, times and codes stay plain Python.

    Raises:
        BadValue: It does not fit.
    """
    if value is None:
        if not column.nullable:
            raise BadValue("null is not allowed here: the recorded rows have none")
        return None
    try:
        return _VALUE[column.type](column, value)
    except times.BadTime as error:
        raise BadValue(f"{shown(value)} {error}") from None


def _read_slowly(column: Column, values: list[Any], faults: Faults, place: Place) -> Cells | None:
    found: list[Any] = []
    for position, value in enumerate(values):
        try:
            found.append(read_value(column, value))
        except BadValue as error:
            row, name = place(position)
            faults.add(row, name, str(error))
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
    is_nat = column.type == "duration" and _NULL_COUNT in values
    return _pack(column, values) if types <= {int, _NONE} and not is_nat else None


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
    if not types <= {str, _NONE} or not all(map(_is_text, values)):
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
    return Cells(values) if types <= _PLAIN_JSON and all(map(_is_text, values)) else None


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


# The slow way: one value, with the problem in words.


def _int(column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(f"{shown(value)} is {json_type(value)}, not an integer")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue(f"{shown(value)} is not a finite number")
    if value != int(value):
        raise BadValue(f"{shown(value)} is not an integer")
    if column.bounds and not column.bounds[0] <= value <= column.bounds[1]:
        low, high = column.bounds
        raise BadValue(f"{shown(value)} is outside of the range of {column.number} ({low} to {high})")
    return int(value)


def _float(column: Column, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(f"{shown(value)} is {json_type(value)}, not a number{_about_nan(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise BadValue(f"{shown(value)} is outside of the range of {column.number or 'a float'}") from None
    if not math.isfinite(number):
        raise BadValue(f"{shown(value)} is not a finite number")
    with np.errstate(over="ignore"):
        if column.number and not np.isfinite(np.dtype(column.number).type(number)):
            raise BadValue(f"{shown(value)} is outside of the range of {column.number}")
    return number


def _about_nan(value: Any) -> str:
    if isinstance(value, str) and value.strip().lower() in {"nan", "na", "null", "none", ""}:
        return "; a missing number is null"
    return ""


def _number(column: Column, value: Any) -> float | int:
    return value if type(value) is int else _float(column, value)


def _bool(_column: Column, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadValue(f"{shown(value)} is {json_type(value)}, not true or false")
    return value


def _string(_column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{shown(value)} is {json_type(value)}, not a string")
    if not _is_text(value):
        raise BadValue(f"{shown(value)} is not valid text: it has half of a surrogate pair")
    return value


def _timestamp(column: Column, value: Any) -> int:
    return times.parse_timestamp(_time_text(value, "timestamp"), column.unit, aware=column.tz is not None)


def _date(column: Column, value: Any) -> Any:
    text = _time_text(value, "date")
    return times.days(text) if column.number else times.parse_date(text)


def _time_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{shown(value)} is {json_type(value)}, not an ISO 8601 {what} in a string")
    return value


def _category(column: Column, value: Any) -> Any:
    if column.of is None or not column.categories:
        return _string(column, value)
    code = column.derived(category_codes).get(read_value(column.of, value))
    if code is None:
        near = near_names(str(value), map(str, column.categories))
        raise BadValue(f"{shown(value)} is none of the {len(column.categories)} categories{near}")
    return code


def _json(_column: Column, value: Any) -> Any:
    problem = json_problem(value)
    if problem:
        raise BadValue(problem)
    return value


_VALUE: Mapping[ColumnType, Callable[[Column, Any], Any]] = {
    "int": _int,
    "float": _float,
    "number": _number,
    "bool": _bool,
    "string": _string,
    "timestamp": _timestamp,
    "date": _date,
    "duration": _int,
    "category": _category,
    "json": _json,
}


def category_codes(column: Column) -> dict[Any, int]:
    """Return the code of each category of a closed category column, by its checked value."""
    of = column.of
    return {} if of is None else {read_value(of, value): code for code, value in enumerate(column.categories)}


def json_problem(value: Any) -> str:
    """Say why a value is not JSON that can be written again; nothing when it is."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return f"{shown(item)} is not a finite number"
        if isinstance(item, str) and not _is_text(item):
            return f"{shown(item)} is not valid text: it has half of a surrogate pair"
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif type(item) not in _PLAIN_JSON | {float}:
            return f"it holds a {type(item).__name__}, which JSON does not have"
    return ""


def _is_text(value: Any) -> bool:
    """Tell whether a string can be written as UTF-8; other values are none of this check's business."""
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_list(cells: Cells) -> Sequence[Any]:
    """Return the values as a Python list with None for null."""
    if isinstance(cells.values, list):
        return cells.values
    plain: list[Any] = cells.values.tolist()
    if cells.mask is None:
        return plain
    return [None if is_null else value for value, is_null in zip(plain, cells.mask.tolist(), strict=True)]
