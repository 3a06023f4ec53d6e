"""Read the fields of a recorded JSON object, and name every one that is missing or of the wrong type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import InterlockError

Types = type | tuple[type, ...]


class MalformedRecord(InterlockError):
    """A recorded JSON object does not have the fields of its kind."""

    def __init__(self, kind: str, faults: list[str]) -> None:
        super().__init__(
            f"This is no recorded {kind}: {'; '.join(faults)}.",
            hint="The record was edited, or written by another version of Interlock.",
        )
        self.kind = kind
        self.faults = faults


def take_fields(record: Any, kind: str, fields: Mapping[str, Types]) -> dict[str, Any]:
    """Return the named fields of `record`; fields that are not asked for are left alone.

    Raises:
        MalformedRecord: With all faults of the record at once.
    """
    if not isinstance(record, Mapping):
        raise MalformedRecord(kind, [f"it is of type {type(record).__qualname__!r}, not an object"])
    faults = [fault for name, types in fields.items() if (fault := _fault(record, name, types))]
    if faults:
        raise MalformedRecord(kind, faults)
    return {name: record[name] for name in fields}


def _fault(record: Mapping[str, Any], name: str, types: Types) -> str:
    if name not in record:
        return f"{name!r} is missing"
    value = record[name]
    wanted = types if isinstance(types, tuple) else (types,)
    if (isinstance(value, bool) and bool not in wanted) or not isinstance(value, wanted):
        return f"{name!r} has the type {type(value).__qualname__!r}"
    return ""
