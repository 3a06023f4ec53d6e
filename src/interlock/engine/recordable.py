"""Values as the records show them: JSON, or the text that they print as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.identity.canonical import NotCanonical, canonical_json

_LONGEST = 10_000


def recordable(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return params as JSON; a value that is none is recorded as the text that it prints as."""
    return {name: recordable_value(value) for name, value in params.items()}


def recordable_value(value: Any) -> Any:
    """Return a value as JSON, or as the text that it prints as; very long ones are cut."""
    try:
        text = canonical_json(value)
    except NotCanonical:
        return repr(value)[:_LONGEST]
    return value if len(text) <= _LONGEST else text.decode()[:_LONGEST]
