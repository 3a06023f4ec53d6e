"""Recorded answers beside the answers that came back: row by row, number by number."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InterlockError

_SHOWN = 80


@dataclass(frozen=True)
class Difference:
    """An answer that is not the recorded one; `row` counts the recorded rows from 0."""

    mode: str
    row: int
    column: str | None
    expected: Any
    got: Any

    def __str__(self) -> str:
        column = "" if self.column is None else f", column {self.column!r},"
        return (
            f"Row {self.row}{column} sent {self.mode} is answered {_shown(self.got)}; "
            f"the recorded answer is {_shown(self.expected)}."
        )


class Mismatch(InterlockError):
    """Carries the first difference out of a comparison."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference


class Answers:
    """The recorded answers, as JSON, and how far the answers that came back are away from them.

    Two floats are the same when they differ by no more than `tolerance` times the larger of the recorded
    number and the median of its column: a sum that cancels out to nearly nothing keeps the error of its terms.
    """

    def __init__(self, numbers: Sequence[int], recorded: Sequence[Any], tolerance: float) -> None:
        self.max_abs_diff = 0.0
        self._numbers = numbers
        self._recorded = recorded
        self._tolerance = tolerance
        self._scales = _scales(recorded)

    def row(self, at: int) -> int:
        """Return which of the recorded rows the answer at this position belongs to."""
        return self._numbers[at]

    def compare(self, mode: str, rows: Sequence[int], got: Sequence[Any]) -> None:
        """Compare the answers to some rows.

        Raises:
            Mismatch: One differs.
        """
        for row, answer in zip(rows, got, strict=True):
            for column, (expected, found) in _pairs(self._recorded[row], answer):
                if not self._same(expected, found, self._scales.get(column, 0.0)):
                    raise Mismatch(Difference(mode, self.row(row), column, expected, found))

    def _same(self, expected: Any, got: Any, scale: float) -> bool:
        if isinstance(expected, dict) and isinstance(got, dict):
            same_keys = expected.keys() == got.keys()
            return same_keys and all(self._same(expected[key], got[key], scale) for key in expected)
        if isinstance(expected, list) and isinstance(got, list):
            pairs = zip(expected, got, strict=False)
            return len(expected) == len(got) and all(self._same(*pair, scale) for pair in pairs)
        if not _is_number(expected) or not _is_number(got):
            return type(expected) is type(got) and bool(expected == got)
        distance: float = abs(expected - got)
        self.max_abs_diff = max(self.max_abs_diff, distance)
        if isinstance(expected, int) and isinstance(got, int):
            return distance == 0
        return bool(distance <= self._tolerance * max(abs(expected), scale))


def _pairs(expected: Any, got: Any) -> Iterator[tuple[str | None, tuple[Any, Any]]]:
    """Give what belongs together in two answers to a row, with the name of its column."""
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        yield from ((name, (expected[name], got[name])) for name in expected)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        yield from ((str(at), pair) for at, pair in enumerate(zip(expected, got, strict=True)))
    else:
        yield None, (expected, got)


def _scales(recorded: Sequence[Any]) -> dict[str | None, float]:
    """Return the median size of the numbers of each column."""
    sizes: dict[str | None, list[float]] = {}
    for answer in recorded:
        for column, (value, _) in _pairs(answer, answer):
            if _is_number(value):
                sizes.setdefault(column, []).append(abs(value))
    return {column: statistics.median(found) for column, found in sizes.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
