"""What the benches print: one line for each number, with its bar and whether it is met."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        bar: The most that it may be; None where it only stands beside others.
    """

    name: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def met(self) -> bool:
        """Whether the number keeps its bar; one without a bar does."""
        return self.bar is None or self.value <= self.bar


def verdicts(rows: Iterable[Row]) -> bool:
    """Print the numbers and return whether all bars are met; with `--strict`, exit with 1 when one is not."""
    rows = list(rows)
    print(f"{'':<42} {'measured':>10} {'':<10} {'bar':>8}")
    for row in rows:
        bar = "" if row.bar is None else f"{row.bar:g}"
        verdict = "" if row.bar is None else "met" if row.met else "MISSED"
        print(f"{row.name:<42} {row.value:>10.3f} {row.unit:<10} {bar:>8}  {verdict}", flush=True)
    met = all(row.met for row in rows)
    if not met and "--strict" in sys.argv:
        sys.exit(1)
    return met
