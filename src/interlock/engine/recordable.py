"""Values as the records show them: JSON, or the text by which a shell would give them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from interlock.identity.canonical import NotCanonical, canonical_json

_LONGEST = 10_000


def recordable(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return params as JSON; what JSON has not is recorded by the text that `-p` would take."""
    return {name: _plain(value) for name, value in params.items()}


def recordable_value(value: Any) -> Any:
    """Return a value as `recordable` does; very long ones are cut."""
    plain = _plain(value)
    text = canonical_json(plain)
    return plain if len(text) <= _LONGEST else text.decode()[:_LONGEST]


def _plain(value: Any) -> Any:
    spelled = _spelled(value)
    try:
        canonical_json(spelled)
    except NotCanonical:
        return repr(value)
    return spelled


def _spelled(value: Any) -> Any:
    """Return a value with enums by their names, paths and times as text, tuples as lists."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_spelled(one) for one in value]
    if isinstance(value, dict):
        return {name: _spelled(one) for name, one in value.items()}
    return value
