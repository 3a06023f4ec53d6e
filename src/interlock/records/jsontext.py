"""JSON in columns and manifests: what plain JSON cannot say, and the way back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_FLOAT = "$float"
"""JSON has no NaN and no infinity, and a gate's numbers must keep both: they become {"$float": "nan"}."""


def plain(value: Any) -> Any:
    """Return `value` as JSON types only; the form that manifests and JSON columns hold.

    A value of another type is returned as it is: the writer of the JSON names it and its place.
    """
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: repr(float(value))}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    # The scalars of numpy and its kin, without importing it: no dimensions and a Python value inside.
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return plain(value.item())
    return value


def lively(value: Any) -> Any:
    """Return what `plain` was given: the special floats are floats again."""
    if isinstance(value, Mapping):
        return _revive({key: lively(item) for key, item in value.items()})
    if isinstance(value, list):
        return [lively(item) for item in value]
    return value


def legible(text: str) -> str:
    """Return `text` such that every database can hold it: no NUL, no half of a surrogate pair."""
    if "\x00" in text:
        text = text.replace("\x00", "\\x00")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def dumps(value: Any) -> str:
    """Write `value` as one JSON text that does not depend on the order of keys."""
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError):
        return _ENCODER.encode(plain(value))
    # Most values are JSON already; the others have something in them that the text shows.
    return text if text.isascii() and _NUL not in text else _ENCODER.encode(plain(value))


def loads(text: str) -> Any:
    """Read what `dumps` wrote."""
    return (_REVIVER if _FLOAT in text else _DECODER).decode(text)


def _revive(value: dict[str, Any]) -> Any:
    return float(value[_FLOAT]) if len(value) == 1 and _FLOAT in value else value


_NUL = "\\u0000"
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder()
_REVIVER = json.JSONDecoder(object_hook=_revive)
