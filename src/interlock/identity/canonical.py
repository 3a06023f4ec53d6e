"""One JSON text for one JSON value: the form in which records and manifests are digested."""

from __future__ import annotations

import json
import math
from typing import Any

from interlock.errors import InterlockError


class NotCanonical(InterlockError):
    """A value has no canonical JSON form."""

    def __init__(self, problem: str, place: str) -> None:
        super().__init__(
            f"{problem} cannot be written as canonical JSON.",
            where=place,
            hint="Allowed: dict with text keys, list, tuple, str, int, finite float, bool and None.",
        )
        self.place = place


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_CONTAINERS = (dict, list, tuple)


def canonical_json(obj: Any) -> bytes:
    """Write `obj` as JSON that depends on its content only.

    Keys are sorted, there is no white space, text is UTF-8 and floats are written by `repr`. The
    order in which a dict was filled leaves no trace, and a tuple is written as a list.

    Raises:
        NotCanonical: Something inside is no JSON value: NaN, infinity, a key that is not text,
            text that is not valid Unicode, an object, or a container that contains itself.
    """
    try:
        if _has_text_keys(obj):
            return _ENCODE(obj).encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        pass  # the slow way finds the place
    try:
        _check(obj, "$")
        text = _ENCODE(obj)
    except RecursionError:
        raise NotCanonical("A value nested too deeply, or one that contains itself,", "$") from None
    except ValueError as error:
        raise NotCanonical(f"A value ({error})", "$") from error
    return text.encode("utf-8")


def _has_text_keys(value: Any) -> bool:
    """Tell whether all keys are text: what else is no JSON, `json` refuses by itself."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or (isinstance(item, _CONTAINERS) and not _has_text_keys(item)):
                return False
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, _CONTAINERS) and not _has_text_keys(item):
                return False
    return True


def _check(value: Any, place: str) -> None:
    """Refuse what `json.dumps` would either drop, change silently, or not name the place of."""
    if value is None or isinstance(value, int):
        return
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise NotCanonical(f"The number {value!r}", place)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_key(key, place)
            _check(item, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check(item, f"{place}[{index}]")
    else:
        raise NotCanonical(f"A value of type {type(value).__qualname__!r}", place)


def _check_key(key: Any, place: str) -> None:
    if not isinstance(key, str):
        raise NotCanonical(f"The key {key!r}, which is not text,", place)
    _check_text(key, place)


def _check_text(text: str, place: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise NotCanonical("Text with a lone surrogate", place) from None
