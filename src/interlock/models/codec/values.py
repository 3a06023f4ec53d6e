"""One JSON value and the column it belongs to: checked, converted, and explained where it does not fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from interlock.errors import InterlockError
from interlock.models.codec import times
from interlock.models.codec.faults import json_type, near_names, shown
from interlock.models.codec.schema import Column, ColumnType

PLAIN_JSON = frozenset({str, int, bool, type(None)})
"""The types of JSON that need no second look, but for the characters of texts."""


_EXACT = 2**53
"""From here on a float stands for several integers: which one was meant is lost."""

MAX_DEPTH = 200
"""Arrays and objects within each other; the writer of JSON takes a few more."""


class BadValue(InterlockError):
    """One value that does not fit; the message is the problem in words.

    Args:
        problem: The problem.
        more: Finds what else to say, where that takes time and may not be wanted.
    """

    def __init__(self, problem: str, more: Callable[[], str] = str) -> None:
        super().__init__(problem)
        self._more = more

    def in_words(self) -> str:
        """Return all that there is to say."""
        return f"{self.what}{self._more()}"


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
    if isinstance(value, float) and abs(value) > _EXACT:
        raise BadValue(f"{shown(value)} is too large to be exact: send the digits alone, within 64 bits")
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
    if not is_text(value):
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
        raise BadValue(
            f"{shown(value)} is none of the {len(column.categories)} categories",
            lambda: near_names(str(value), map(str, column.categories)),
        )
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
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return f"it is nested more than {MAX_DEPTH} deep"
        if isinstance(item, int) and not -(2**63) <= item < 2**64:
            return f"{shown(item)} is outside of the range of 64-bit integers"
        if isinstance(item, float) and not math.isfinite(item):
            return f"{shown(item)} is not a finite number"
        if isinstance(item, str) and not is_text(item):
            return f"{shown(item)} is not valid text: it has half of a surrogate pair"
        if isinstance(item, dict):
            waiting += [(inner, depth + 1) for inner in (*item, *item.values())]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
        elif type(item) not in PLAIN_JSON | {float}:
            return f"it holds a {type(item).__name__}, which JSON does not have"
    return ""


def is_text(value: Any) -> bool:
    """Tell whether a string can be written as UTF-8; other values are none of this check's business."""
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
