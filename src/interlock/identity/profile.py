"""What is noted of a part's rows when it is read: their number, their columns, and a few statistics of each.

Profiles of parts add up to the profile of a snapshot, so that snapshots can be compared whose files are gone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from interlock.identity.fields import take_fields

MOST_VALUES = 50
"""How many different values of a column a profile counts one by one."""


@dataclass(frozen=True)
class Column:
    """One column of some rows.

    Attributes:
        name: Its name.
        type: Its type, as Arrow calls it; `a | b` where parts disagree.
        rows: How many rows there are.
        nulls: In how many of them it has no value; NaN is none.
        mean: Of numbers and truth values.
        spread: Sum of the squared distances from the mean.
        min: The smallest value; a time is text.
        max: The largest value.
        distinct: How many different values text has; None where nobody counted.
        exact: Whether there are not more of them than that.
        top: Values of text and how often they are there, the most frequent first.
    """

    name: str
    type: str
    rows: int
    nulls: int
    mean: float | None = None
    spread: float | None = None
    min: Any = None
    max: Any = None
    distinct: int | None = None
    exact: bool = True
    top: tuple[tuple[str, int], ...] = ()

    @property
    def null_share(self) -> float | None:
        """The part of the rows without a value; None where there are no rows."""
        return self.nulls / self.rows if self.rows else None

    @property
    def std(self) -> float | None:
        """The standard deviation of the sample."""
        known = self.rows - self.nulls
        return math.sqrt(self.spread / (known - 1)) if self.spread is not None and known > 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return the column as a JSON object, without what is not known."""
        found = {name: getattr(self, name) for name in _COLUMN}
        return {name: value for name, value in found.items() if value is not None} | {
            "top": [list(pair) for pair in self.top]
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        fields = take_fields(dict.fromkeys(_COLUMN) | dict(record), "column of a profile", _COLUMN)
        return cls(**fields | {"top": tuple((str(value), int(count)) for value, count in fields["top"])})

    def statistics(self) -> dict[str, Any]:
        """Return what is worth showing and comparing."""
        shown = {
            "type": self.type,
            "rows": self.rows,
            "null_share": self.null_share,
            "mean": self.mean,
            "std": self.std,
            "min": self.min,
            "max": self.max,
            "distinct": self.distinct,
            "distinct_is_exact": self.exact if self.distinct is not None else None,
            "top": [list(pair) for pair in self.top[:5]] or None,
        }
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True)
class Profile:
    """Some rows, in numbers."""

    rows: int
    columns: tuple[Column, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the profile as a JSON object."""
        return {"rows": self.rows, "columns": [column.to_json() for column in self.columns]}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            MalformedRecord: A field is missing or has the wrong type.
        """
        fields = take_fields(record, "profile", {"rows": int, "columns": list})
        return cls(fields["rows"], tuple(Column.from_json(one) for one in fields["columns"]))


def joined(profiles: Iterable[Profile]) -> Profile:
    """Return the profile of all rows together; columns come in the order in which they first appear."""
    several = list(profiles)
    named: dict[str, list[Column]] = {}
    for profile in several:
        for column in profile.columns:
            named.setdefault(column.name, []).append(column)
    rows = sum(profile.rows for profile in several)
    return Profile(rows, tuple(_joined_column(columns) for columns in named.values()))


def _joined_column(columns: Sequence[Column]) -> Column:
    if len(columns) == 1:
        return columns[0]
    types = dict.fromkeys(column.type for column in columns if column.type != "null")
    mean, spread = _moments(columns)
    distinct, exact, top = _counted(columns)
    return Column(
        columns[0].name,
        " | ".join(types) or "null",
        sum(column.rows for column in columns),
        sum(column.nulls for column in columns),
        mean,
        spread,
        _extreme(min, [column.min for column in columns]),
        _extreme(max, [column.max for column in columns]),
        distinct,
        exact,
        top,
    )


def _moments(columns: Sequence[Column]) -> tuple[float | None, float | None]:
    """Return mean and spread of all values, from those of the parts."""
    count, mean, spread = 0, 0.0, 0.0
    for column in columns:
        known = column.rows - column.nulls
        if not known:
            continue
        if column.mean is None or column.spread is None:
            return None, None
        step = column.mean - mean
        spread += column.spread + step * step * count * known / (count + known)
        mean += step * known / (count + known)
        count += known
    return (mean, spread) if count else (None, None)


def _extreme(pick: Any, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    alike = len({isinstance(value, str) for value in known}) == 1
    return pick(known) if known and alike else None


def _counted(columns: Sequence[Column]) -> tuple[int | None, bool, tuple[tuple[str, int], ...]]:
    """Return how many different values there are, whether there are not more, and the most frequent."""
    with_values = [column for column in columns if column.rows > column.nulls]
    counted = [column for column in with_values if column.distinct is not None]
    if not counted or len(counted) < len(with_values):
        return None, True, ()
    counts: dict[str, int] = {}
    for column in counted:
        for value, count in column.top:
            counts[value] = counts.get(value, 0) + count
    complete = all(column.exact and len(column.top) == column.distinct for column in counted)
    distinct = len(counts) if complete else max(len(counts), *(column.distinct or 0 for column in counted))
    top = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return distinct, complete, tuple(top if complete else top[:MOST_VALUES])


_MAYBE = type(None)
_COLUMN: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "type": str,
    "rows": int,
    "nulls": int,
    "mean": (float, int, _MAYBE),
    "spread": (float, int, _MAYBE),
    "min": (float, int, str, bool, _MAYBE),
    "max": (float, int, str, bool, _MAYBE),
    "distinct": (int, _MAYBE),
    "exact": bool,
    "top": (list, tuple),
}
