"""Handing a value to a step without letting the step, or any other holder of it, change it for others."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, range})
_UNCHANGING = frozenset({"datetime", "decimal", "fractions", "uuid", "pathlib", "zoneinfo", "pyarrow"})
"""Modules whose values cannot be changed."""

_FROZEN_CELLS = frozenset(
    [
        "string",
        "bytes",
        "floating",
        "integer",
        "mixed-integer-float",
        "decimal",
        "complex",
        "boolean",
        "empty",
        "date",
        "datetime",
        "datetime64",
        "time",
        "timedelta",
        "timedelta64",
        "period",
        "interval",
    ]
)
"""What pandas infers a column of objects to hold, where none of them can be changed."""


def is_guarded(value: Any) -> bool:
    """Tell whether `handed_over` gives this value in a way that lets nobody change it for others.

    So it is for plain values, tables, arrays, and lists, tuples, dicts and sets of them; not for any other
    object, such as an estimator, nor for a table or an array that holds objects of its own.
    """
    kind = type(value)
    if kind in _PLAIN or isinstance(value, Enum | type):
        return True
    if isinstance(value, tuple) or kind in (list, dict, set, frozenset):
        return _all_guarded(value.values() if kind is dict else value)
    library = kind.__module__.partition(".")[0]
    guarded = _GUARDED.get(library)
    return library in _UNCHANGING or (guarded is not None and guarded(kind, value))


def handed_over(value: Any) -> Any:
    """Return the value as a step may have it.

    Several steps, and many requests, are given the same value, and a step may write into what it is given
    (`rows["hour"] = ...`). A pandas or polars object is handed over as a copy that shares its data until it
    is written to (copy-on-write); a numpy array as a read-only view, so that writing into it is an error that
    says so; lists, tuples, dicts and sets as containers of their own, with what they hold handed over
    likewise. Other values are handed over as they are.
    """
    return _handed(value, _read_only)


def set_aside(value: Any) -> Any:
    """Return a guarded value as it may be kept: whoever made it may hold on to it, and write into that."""
    return _handed(value, _own_array)


def own_copy(value: Any) -> Any:
    """Return the value as a step may have it, with any object in it copied."""
    return handed_over(value) if is_guarded(value) else copy.deepcopy(value)


def _handed(value: Any, array: Callable[[Any], Any]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in (list, set, tuple):
        return kind(value) if _all_plain(value) else kind(_handed(item, array) for item in value)
    if kind is dict:
        if _all_plain(value.values()):
            return value.copy()
        return {key: _handed(item, array) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(_handed(item, array) for item in value)
    library = kind.__module__.partition(".")[0]
    if library == "pandas" and kind.__name__ in ("DataFrame", "Series"):
        return value.copy(deep=False)
    if library == "polars" and kind.__name__ in ("DataFrame", "Series"):
        return value.clone()
    return array(value) if library == "numpy" and kind.__name__ == "ndarray" else value


def _read_only(array: Any) -> Any:
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def _own_array(array: Any) -> Any:
    return _read_only(array.copy())


def _all_plain(values: Iterable[Any]) -> bool:
    return _PLAIN.issuperset(map(type, values))


def _all_guarded(values: Iterable[Any]) -> bool:
    return _all_plain(values) or all(map(is_guarded, values))


def _guarded_pandas(kind: type, value: Any) -> bool:
    if kind.__name__ == "DataFrame":
        return all(
            str(dtype) != "object" or _frozen_cells(value.iloc[:, at])
            for at, dtype in enumerate(value.dtypes)
        )
    if kind.__name__ == "Series":
        return str(value.dtype) != "object" or _frozen_cells(value)
    return kind.__name__ in ("Timestamp", "Timedelta", "Period", "Interval", "NaTType", "NAType")


def _frozen_cells(column: Any) -> bool:
    return sys.modules["pandas"].api.types.infer_dtype(column, skipna=True) in _FROZEN_CELLS


def _guarded_numpy(kind: type, value: Any) -> bool:
    if kind.__name__ == "ndarray":
        return not value.dtype.hasobject
    numpy = sys.modules["numpy"]
    return isinstance(value, numpy.generic | numpy.dtype)


def _guarded_polars(kind: type, value: Any) -> bool:  # noqa: ARG001 - one signature for all libraries
    return kind.__name__ in ("DataFrame", "Series", "LazyFrame")


_GUARDED: dict[str, Callable[[type, Any], bool]] = {
    "pandas": _guarded_pandas,
    "numpy": _guarded_numpy,
    "polars": _guarded_polars,
}
