"""What is wrong with a request: every fault with its row and column, in words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from interlock.errors import InterlockError, did_you_mean

MAX_FAULTS = 20
_SHOWN = 40


@dataclass(frozen=True)
class Fault:
    """One fault; no row means that it is in all rows or in the request as such."""

    row: int | None
    column: str | None
    problem: str

    def __str__(self) -> str:
        places = [] if self.row is None else [f"row {self.row}"]
        if self.column is not None:
            places.append(f"column {self.column!r}")
        return f"{', '.join(places)}: {self.problem}" if places else self.problem

    def to_json(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        return {"row": self.row, "column": self.column, "problem": self.problem}


class InvalidRequest(InterlockError):
    """A request that does not fit the schema.

    Args:
        faults: The first of the faults, in the order of the rows.
        total: How many there are.
    """

    def __init__(self, faults: Iterable[Fault], total: int | None = None) -> None:
        self.faults = tuple(faults)
        self.total = len(self.faults) if total is None else total
        if self.total == 1:
            what = f"The request does not fit the model: {self.faults[0]}."
        else:
            lines = [f"  {fault}" for fault in self.faults]
            more = self.total - len(self.faults)
            lines += [f"  and {more} more"] if more else []
            what = "\n".join([f"The request does not fit the model, {self.total} faults:", *lines])
        super().__init__(what)


class Faults:
    """Collect faults: all are counted, only the first of each column are kept."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[tuple[int, Fault]] = []
        self._room: dict[str | None, int] = {}

    def add(self, row: int | None, column: str | None, problem: str | Callable[[], str]) -> None:
        """Note one fault; a problem that is costly to put into words is a function, called if it is kept."""
        self.total += 1
        self._room[column] = self._room.get(column, MAX_FAULTS) - 1
        if self._room[column] >= 0:
            words = problem if isinstance(problem, str) else problem()
            self._kept.append((-1 if row is None else row, Fault(row, column, words)))

    def raise_any(self) -> None:
        """Raise what was found.

        Raises:
            InvalidRequest: There is at least one fault.
        """
        if self.total:
            first = sorted(self._kept, key=lambda kept: kept[0])[:MAX_FAULTS]
            raise InvalidRequest([fault for _, fault in first], self.total)


def invalid(problem: str, *, column: str | None = None) -> InvalidRequest:
    """Return the error for the one fault that leaves nothing else to look at."""
    return InvalidRequest([Fault(None, column, problem)])


def json_type(value: Any) -> str:
    """Say what a parsed JSON value is."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, float):
        return "a number" if math.isfinite(value) else "not a finite number"
    names = {int: "an integer", str: "a string", list: "an array", dict: "an object", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")


def shown(value: Any) -> str:
    """Write a value as JSON, cut to what fits into a sentence."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def near_names(name: str, known: Iterable[str]) -> str:
    """Offer the nearest known name inside a sentence."""
    offer = did_you_mean(name, known).rstrip(".")
    return f" ({offer[0].lower()}{offer[1:]})" if offer else ""
