"""Two columns of a table made comparable: numbers without gaps, categories as counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from interlock.monitor.statistics import Counts, Floats

Kind: TypeAlias = Literal["number", "category", "time", "none"]
"""How a column is compared; times move by their nature and lists have no order, so those are not."""

MAX_CATEGORIES = 200
"""Categories that get a count of their own; the rarer ones share one."""

_MIN_EXPECTED = 5
_IDENTIFIER_SHARE = 0.5


@dataclass(frozen=True)
class Numbers:
    """The finite values of a column, and how many were missing, NaN or infinite."""

    values: Floats
    missing: int

    @property
    def rows(self) -> int:
        """The rows of the column."""
        return self.values.size + self.missing

    @property
    def missing_share(self) -> float:
        """The share of rows without a finite value."""
        return self.missing / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Categories:
    """Counts of the same categories on both sides; missing is a category like any other.

    Attributes:
        names: The categories. Rare ones are pooled under `OTHER`, those that the reference has not under `NEW`.
        reference: Their counts in the reference.
        current: Their counts in what is compared with it.
        identifier: Whether most values of the reference are different, so that nothing can be compared.
    """

    names: tuple[str, ...]
    reference: Counts
    current: Counts
    missing_reference: float
    missing_current: float
    new_share: float
    identifier: bool


MISSING, OTHER, NEW = "(missing)", "(other)", "(new)"


def kind_of(column: pa.ChunkedArray) -> Kind:
    """Return how a column is compared."""
    import pyarrow.types as of  # heavy: only for those who compare

    if of.is_integer(column.type) or of.is_floating(column.type):
        return "number"
    if of.is_boolean(column.type) or of.is_string(column.type) or of.is_large_string(column.type):
        return "category"
    return "time" if of.is_temporal(column.type) else "none"


def numbers(column: pa.ChunkedArray) -> Numbers:
    """Return a column as finite numbers. An infinity counts as missing: no distance can be told from it."""
    import pyarrow as pa

    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    finite = values[np.isfinite(values)]
    return Numbers(finite, values.size - finite.size)


def categories(reference: pa.ChunkedArray, current: pa.ChunkedArray) -> Categories:
    """Count the categories of two columns.

    A category that is expected fewer than five times on the smaller side is pooled: its count tells nothing
    yet, and many such counts together would look like a change.
    """
    before, now = _counts(reference), _counts(current)
    rows, rows_now = len(reference), len(current)
    missing, missing_now = before.pop(None, 0), now.pop(None, 0)
    needed = _MIN_EXPECTED * rows / max(1, min(rows, rows_now))
    ordered = sorted(before, key=lambda name: (-before[name], name))
    kept = [name for name in ordered[:MAX_CATEGORIES] if before[name] >= needed]
    rest = [name for name in before if name not in set(kept)]
    new = sum(count for name, count in now.items() if name not in before)
    table = {name: (before[name], now.get(name, 0)) for name in kept}
    table[OTHER] = (sum(before[name] for name in rest), sum(now.get(name, 0) for name in rest))
    table[NEW], table[MISSING] = (0, new), (missing, missing_now)
    filled = {name: pair for name, pair in table.items() if any(pair)}
    counted = np.array(list(filled.values()), dtype=np.int64).reshape(-1, 2)
    return Categories(
        names=tuple(filled),
        reference=counted[:, 0],
        current=counted[:, 1],
        missing_reference=missing / max(1, rows),
        missing_current=missing_now / max(1, rows_now),
        new_share=new / max(1, rows_now),
        identifier=len(before) > max(20, _IDENTIFIER_SHARE * (rows - missing)),
    )


def _counts(column: pa.ChunkedArray) -> dict[Any, int]:
    counted = column.value_counts()
    names = (None if name is None else str(name) for name in counted.field("values").to_pylist())
    return dict(zip(names, counted.field("counts").to_pylist(), strict=True))
