"""From the values of a library to JSON values, without losing a bit; what JSON lacks is named, not bent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal, TypeAlias

import numpy as np

from interlock.errors import InterlockError
from interlock.models.codec import times
from interlock.models.codec.schema import Column, ColumnType, Unservable
from interlock.models.codec.values import json_problem

Null: TypeAlias = Literal["", "none", "nan", "na"]
"""Which null a library has for what is null in JSON."""


class NotEncodable(InterlockError):
    """A value for which JSON has no form: infinity, or NaN in an answer."""

    def __init__(self, row: int, column: str, problem: str) -> None:
        super().__init__(f"Row {row}, column {column!r}: {problem}.")
        self.row = row
        self.column = column
        self.problem = problem


class OtherShape(InterlockError):
    """A value that does not look like the one from which the schema was made."""

    def __init__(self, difference: str) -> None:
        super().__init__(f"The value does not look like the recorded one: {difference}.")
        self.difference = difference


def float_list(numbers: Any, column: str, *, nan_is_null: bool) -> list[float | None]:
    """Return a numpy array of floats as exact Python floats; NaN becomes None where that is allowed.

    Raises:
        NotEncodable: There is an infinity, or a NaN where it is not allowed.
    """
    found: list[Any] = numbers.tolist()
    return found if np.isfinite(numbers).all() else optional_floats(found, column, nan_is_null=nan_is_null)


def optional_floats(numbers: Sequence[float | None], column: str, *, nan_is_null: bool) -> list[float | None]:
    """Return floats of a library that has a null beside NaN; both become None.

    Raises:
        NotEncodable: There is an infinity, or a NaN where it is not allowed.
    """
    found: list[float | None] = []
    for row, number in enumerate(numbers):
        is_nan = number is not None and math.isnan(number)
        if number is not None and not math.isfinite(number) and not (is_nan and nan_is_null):
            raise NotEncodable(row, column, f"{number} has no form in JSON")
        found.append(
            None if number is None or is_nan else float(number)
        )  # float: half precision comes as numpy's
    return found


def float_nulls(*, has_nan: bool, has_null: bool, column: str) -> Null:
    """Return which null a column of floats has, of a library that has a null beside NaN.

    Raises:
        Unservable: It has both; JSON has only one null.
    """
    if has_nan and has_null:
        raise Unservable("it has both NaN and null", column=column, hint="Turn one into the other in a step.")
    return "nan" if has_nan else "none" if has_null else ""


def time_list(counts: Any, column: Column) -> list[Any]:
    """Return counts of a unit as JSON: texts for timestamps and dates, the counts for durations; NaT is None."""
    if column.type == "duration":
        lowest = np.iinfo(np.int64).min
        return [None if count == lowest else count for count in counts.tolist()]
    unit = "D" if column.type == "date" else column.unit
    return list(times.texts(counts, unit, aware=column.tz is not None))


def python_list(values: Iterable[Any], column: str, *, nan_is_null: bool) -> list[Any]:
    """Return Python objects as JSON values.

    Raises:
        NotEncodable: A value has no form in JSON.
    """
    found = [_plain(value) for value in values]
    for row, value in enumerate(found):
        if isinstance(value, float) and math.isnan(value) and nan_is_null:
            found[row] = None
        elif isinstance(value, date):
            found[row] = value.isoformat()
        else:
            problem = json_problem(value)
            if problem:
                raise NotEncodable(row, column, problem)
    return found


def python_column(name: str, values: Sequence[Any], dtype: str, *, label: str | int | None) -> Column:
    """Return the column of plain Python objects, from what they are.

    Raises:
        Unservable: There are objects that JSON does not have.
    """
    plain = [_plain(value) for value in values]
    nulls = [original for original, value in zip(values, plain, strict=True) if _is_null(value)]
    column_type = _python_type([value for value in plain if not _is_null(value)], name)
    null: Null = _null_kind(nulls[0]) if nulls else ""
    return Column(name, column_type, dtype, nullable=bool(nulls), label=label, null=null)


def restore(values: Sequence[Any], column: Column, na: Any) -> list[Any]:
    """Return checked Python values with the null that was recorded in place of None."""
    null = {"nan": math.nan, "na": na}.get(column.null)
    return list(values) if null is None else [null if value is None else value for value in values]


_PYTHON_TYPES: dict[frozenset[type], ColumnType] = {
    frozenset({int}): "int",
    frozenset({float}): "float",
    frozenset({int, float}): "number",
    frozenset({bool}): "bool",
    frozenset({str}): "string",
    frozenset({date}): "date",
}


def _python_type(values: Sequence[Any], column: str) -> ColumnType:
    found = _PYTHON_TYPES.get(frozenset(map(type, values)))
    if found is not None:
        return found
    for value in values:
        problem = json_problem(value)
        if problem and not isinstance(value, float):
            raise Unservable(
                problem, column=column, hint="Let a step turn it into numbers, text or timestamps."
            )
    return "json"


def _plain(value: Any) -> Any:
    """Return a scalar of numpy as Python's, and the null of pandas as None."""
    if isinstance(value, np.generic):
        return value.item()
    return None if type(value).__name__ in {"NAType", "NaTType"} else value


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _null_kind(null: Any) -> Null:
    if null is None:
        return "none"
    return "nan" if isinstance(null, float) else "na"
