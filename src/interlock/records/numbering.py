"""Which thing is which in two stores: numbers are given in each, so a thing is known by where it began.

The run `delays/3` of one store and the run `delays/3` of another are one run when they began at one moment
in one process, and two runs otherwise. Of two things the second gets the next number that is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from interlock.records.database import rows_of
from interlock.records.ledger import Body
from interlock.records.schema import (
    alias_moves,
    certificates,
    decisions,
    model_versions,
    runs,
    signals,
    snapshots,
    windows,
)

Origin = tuple[Any, ...]
Place = tuple[Any, ...]
"""Where a number is given: the model, the pipeline, or nothing where there is one sequence for all."""


@dataclass(frozen=True)
class Numbered:
    """A kind of thing that has a number.

    Attributes:
        kind: Of its manifests.
        table: Where its rows are.
        place: The columns within which the number is unique.
        number: The column of the number.
        origin: The columns that no two things share, in whatever store.
    """

    kind: str
    table: sa.Table
    place: tuple[str, ...]
    number: str
    origin: tuple[str, ...]

    def name(self, body: Body) -> Place:
        """Return what the thing is called in its store."""
        return (*(body[column] for column in self.place), body[self.number])

    def begin(self, body: Body) -> Origin:
        """Return where the thing began."""
        return tuple(body[column] for column in self.origin)


RUN = Numbered("run", runs, ("pipeline",), "number", ("pipeline", "started_at", "host", "pid", "process"))
SIGNAL = Numbered("signal", signals, (), "id", ("model", "kind", "created_at"))
SNAPSHOT = Numbered("snapshot", snapshots, ("dataset",), "number", ("dataset", "digest"))
VERSION = Numbered("version", model_versions, ("model",), "number", ("model", "bundle", "created_at"))
MOVE = Numbered("alias", alias_moves, ("model",), "number", ("model", "alias", "at", "actor"))
DECISION = Numbered("decision", decisions, (), "id", ("model", "kind", "at"))
WINDOW = Numbered("window", windows, (), "id", ("model", "kind", "at"))
CERTIFICATE = Numbered("certificate", certificates, ("run_id",), "number", ("run_id", "at"))
"""Compared when `run_id` is already that of this store."""

NUMBERED = (RUN, SIGNAL, SNAPSHOT, VERSION, DECISION, WINDOW)
"""Those whose numbers depend on no other; certificates and moves of aliases come after them."""


_ALL = {what.kind: what for what in (*NUMBERED, CERTIFICATE, MOVE)}


def lacking(kind: str, body: Body) -> list[str]:
    """Return the columns of a fact's row that its body has nothing for, and that cannot be empty."""
    what = _ALL.get(kind)
    columns = what.table.columns if what else ()
    return [c.name for c in columns if not c.nullable and c.name != "manifest" and body.get(c.name) is None]


@dataclass
class Numbers:
    """The numbers of one kind: those that are given here, and the ones that came from elsewhere.

    Attributes:
        rows: What is here, by origin.
        here: The number here of each thing elsewhere, by its name there.
        moved: The names there of those that got another number just now.
    """

    what: Numbered
    rows: dict[Origin, Mapping[str, Any]] = field(default_factory=dict)
    here: dict[Place, int] = field(default_factory=dict)
    moved: list[Place] = field(default_factory=list)
    _used: dict[Place, set[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: sa.Connection, what: Numbered) -> Numbers:
        """Read what is here."""
        found = cls(what)
        for row in rows_of(connection, sa.select(what.table)):
            found.rows[what.begin(row)] = row
            found._use(what.name(row))
        return found

    def known(self, body: Body) -> Mapping[str, Any] | None:
        """Return the row of the same thing here, or None."""
        return self.rows.get(self.what.begin(body))

    def give(self, bodies: Iterable[Body], wanted: Callable[[Body], bool]) -> None:
        """Find or give the numbers of things from elsewhere; what keeps its number comes first."""
        clashing = []
        for body in bodies:
            row, name = self.known(body), self.what.name(body)
            if row is not None:
                self.here[name] = row[self.what.number]
            elif not wanted(body):
                continue
            elif name[-1] in self._used.get(name[:-1], ()):
                clashing.append(name)
            else:
                self._assign(name, name[-1])
        for name in sorted(clashing):
            self._assign(name, self.next(name[:-1]))
        self.moved += clashing

    def next(self, place: Place) -> int:
        """Return the number after the highest one in a place."""
        return max(self._used.get(place, ()), default=0) + 1

    def number(self, *name: Any) -> int | None:
        """Return the number here of what has this name elsewhere; None when it is not here."""
        return None if name[-1] is None else self.here.get(name)

    def forget(self, body: Body) -> None:
        """Take back the number of a thing that could not be written."""
        self.here.pop(self.what.name(body), None)

    def _assign(self, name: Place, number: int) -> None:
        self.here[name] = number
        self._use((*name[:-1], number))

    def _use(self, name: Place) -> None:
        self._used.setdefault(name[:-1], set()).add(name[-1])
