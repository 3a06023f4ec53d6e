"""Handing a value to a step without letting the step change it for others."""

from __future__ import annotations

from typing import Any


def handed_over(value: Any) -> Any:
    """Return the value as a step may have it.

    Several steps, and many requests, are given the same value, and a step may write into what it is given
    (`rows["hour"] = ...`). A pandas object is handed over as a copy that shares its data until it is written
    to (copy-on-write); a numpy array as a read-only view, so that writing into it is an error that says so;
    lists, dicts and sets as shallow copies. Other values are handed over as they are.
    """
    kind = type(value)
    if kind in (list, dict, set):
        return value.copy()
    library = kind.__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "copy"):
        return value.copy(deep=False)
    if library == "numpy" and kind.__name__ == "ndarray" and value.flags.writeable:
        value = value.view()
        value.flags.writeable = False
    return value
