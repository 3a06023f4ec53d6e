"""The profile of rows, gathered batch by batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from interlock.extras import require
from interlock.identity.profile import MOST_VALUES, Column, Profile, joined

_COUNTED = 1000
"""How many different values of a column are counted; of columns with more, nobody counts."""

_LONGEST = 100
"""Characters beyond which a value is not kept: it is a text to read, not the name of something."""

_TOP = 10


class Profiler:
    """Takes in batches of rows that have the same columns."""

    def __init__(self) -> None:
        self._rows = 0
        self._columns: dict[str, _Gathered] = {}

    def add(self, table: Any) -> None:
        """Take in some rows."""
        self._rows += table.num_rows
        for name, column in zip(table.column_names, table.columns, strict=True):
            self._columns.setdefault(name, _Gathered(name)).add(column)

    def profile(self, schema: Any) -> Profile:
        """Return the profile of all rows so far, the types as the schema has them."""
        types = {field.name: str(field.type) for field in schema}
        return Profile(
            self._rows,
            tuple(self._columns.get(name, _Gathered(name)).column(kind) for name, kind in types.items()),
        )


@dataclass
class _Gathered:
    """What is known of a column so far."""

    name: str
    parts: list[Column] = field(default_factory=list)
    counts: Counter[str] | None = field(default_factory=Counter)
    is_text: bool = False

    def add(self, column: Any) -> None:
        pa, pc = require("pyarrow", extra="tables"), require("pyarrow.compute", extra="tables")
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
            kind = kind.value_type
        if pa.types.is_floating(kind):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        self.parts.append(_of(self.name, column, kind))
        if str(kind) in ("string", "large_string", "string_view", "bool"):
            self.is_text = True
            self._count(column)

    def column(self, kind: str) -> Column:
        both = joined(Profile(one.rows, (one,)) for one in self.parts).columns
        found = both[0] if both else Column(self.name, kind, 0, 0)
        distinct, top = self._counted()
        return replace(found, type=kind, distinct=distinct, exact=True, top=top)

    def _count(self, column: Any) -> None:
        if self.counts is None:
            return
        pc = require("pyarrow.compute", extra="tables")
        counted = pc.value_counts(column.drop_null())
        if len(counted) > _COUNTED:
            self.counts = None
            return
        for pair in counted.to_pylist():
            self.counts[str(pair["values"])] += pair["counts"]
        if len(self.counts) > _COUNTED:
            self.counts = None

    def _counted(self) -> tuple[int | None, tuple[tuple[str, int], ...]]:
        if self.counts is None or not self.is_text:
            return None, ()
        if any(len(value) > _LONGEST for value in self.counts):
            return len(self.counts), ()
        ordered = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return len(ordered), tuple(ordered if len(ordered) <= MOST_VALUES else ordered[:_TOP])


def _of(name: str, column: Any, kind: Any) -> Column:
    """Return the numbers of one batch of a column."""
    pa, pc = require("pyarrow", extra="tables"), require("pyarrow.compute", extra="tables")
    rows, nulls = len(column), column.null_count
    types = pa.types
    if rows == nulls:
        return Column(name, str(kind), rows, nulls)
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        numbers = column.cast(pa.float64(), safe=False)
        ends = pc.min_max(column)
        mean = pc.mean(numbers).as_py()
        spread = pc.variance(numbers).as_py() * (rows - nulls)
        low, high = _plain(ends["min"].as_py()), _plain(ends["max"].as_py())
        return Column(name, str(kind), rows, nulls, mean, spread, low, high)
    if types.is_temporal(kind) and not types.is_duration(kind) and not types.is_interval(kind):
        ends = pc.min_max(column)
        first, last = (ends[end].cast(pa.string()).as_py() for end in ("min", "max"))
        return Column(name, str(kind), rows, nulls, None, None, first, last)
    return Column(name, str(kind), rows, nulls)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return value if isinstance(value, bool | int) else float(value)
