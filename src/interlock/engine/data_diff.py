"""What changed from one snapshot of a dataset to another: parts, rows, columns, and the values in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from interlock.engine.context import RunContext
from interlock.engine.snapshots import profile_of
from interlock.identity.profile import Column, Profile
from interlock.records.model import SnapshotRecord

Change = Literal["added", "removed", "changed", "same"]


@dataclass(frozen=True)
class PartChange:
    """What became of a part; rows are None where nobody knows them."""

    path: str
    change: Change
    rows: tuple[int | None, int | None]


@dataclass(frozen=True)
class ColumnChange:
    """What became of a column, with its statistics before and after."""

    name: str
    change: Change
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True)
class DataDiff:
    """The difference between two snapshots.

    Attributes:
        before, after: Which, as `flights@3`.
        rows: How many there were, and are; None where nobody knows.
        parts: All parts of either.
        columns: All columns of either; empty where the rows of one are not known.
    """

    before: str
    after: str
    rows: tuple[int | None, int | None]
    parts: Sequence[PartChange]
    columns: Sequence[ColumnChange]

    @property
    def schema(self) -> Sequence[ColumnChange]:
        """The columns that came, went, or have another type."""
        return [one for one in self.columns if one.change != "same" and _types(one)[0] != _types(one)[1]]

    def to_json(self) -> dict[str, Any]:
        """Return the difference as a JSON object."""
        return {
            "from": self.before,
            "to": self.after,
            "rows": {"from": self.rows[0], "to": self.rows[1]},
            "parts": [
                {"path": one.path, "change": one.change, "rows": {"from": one.rows[0], "to": one.rows[1]}}
                for one in self.parts
            ],
            "schema": [
                {"column": one.name, "from": _types(one)[0], "to": _types(one)[1]} for one in self.schema
            ],
            "columns": [
                {"column": one.name, "change": one.change, "from": one.before, "to": one.after}
                for one in self.columns
            ],
        }


def diff_snapshots(context: RunContext, before: SnapshotRecord, after: SnapshotRecord) -> DataDiff:
    """Compare two snapshots by what was recorded of their parts when they were read."""
    profiles = profile_of(context, before), profile_of(context, after)
    known = profiles[0] is not None and profiles[1] is not None
    return DataDiff(
        _name(before),
        _name(after),
        (_rows(profiles[0]), _rows(profiles[1])),
        _parts(context, before, after),
        _columns(*(() if one is None else one.columns for one in profiles)) if known else (),
    )


def _parts(context: RunContext, before: SnapshotRecord, after: SnapshotRecord) -> list[PartChange]:
    old, new = ({part.path: part.digest for part in one.snapshot.parts} for one in (before, after))
    profiles = context.records.datasets.profiles([*old.values(), *new.values()])

    def rows(digest: str | None) -> int | None:
        return _rows(profiles.get(digest or ""))

    return [
        PartChange(path, _change(old.get(path), new.get(path)), (rows(old.get(path)), rows(new.get(path))))
        for path in sorted(old.keys() | new.keys())
    ]


def _columns(before: Sequence[Column], after: Sequence[Column]) -> list[ColumnChange]:
    old, new = ({column.name: column.statistics() for column in columns} for columns in (before, after))
    return [
        ColumnChange(name, _change(old.get(name), new.get(name)), old.get(name), new.get(name))
        for name in dict.fromkeys([*new, *old])
    ]


def _change(before: object, after: object) -> Change:
    if before is None or after is None:
        return "added" if before is None else "removed"
    return "same" if before == after else "changed"


def _types(column: ColumnChange) -> tuple[str | None, str | None]:
    before, after = ((one or {}).get("type") for one in (column.before, column.after))
    return before, after


def _rows(profile: Profile | None) -> int | None:
    return None if profile is None else profile.rows


def _name(record: SnapshotRecord) -> str:
    return f"{record.snapshot.dataset}@{record.number}"
