"""Aliases that arrive from another store: where they point there, and whether they shall here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from interlock.records.database import rows_of
from interlock.records.ledger import Body, Fact, Ledger
from interlock.records.numbering import MOVE, Numbers
from interlock.records.schema import alias_moves, aliases

_OURS = sa.select(alias_moves).order_by(alias_moves.c.number)


@dataclass(frozen=True)
class KeptAlias:
    """An alias that was left where it points, though it points elsewhere in the other store.

    Attributes:
        here: The version that it points at; None for nowhere.
        there: The version, by its number here, that it points at in the other store; None for nowhere.
        reason: Why it was moved there.
    """

    model: str
    alias: str
    here: int | None
    there: int | None
    reason: str


@dataclass(frozen=True)
class _Move:
    """A move that arrives, its version by the number here, and whether it is asked for."""

    body: Body
    version: int | None
    wanted: bool


@dataclass
class _Track:
    """The moves of one alias that arrive."""

    fact: Fact
    moves: list[_Move] = field(default_factory=list)


class Moves:
    """The moves of aliases that arrive.

    Args:
        connection: The transaction.
        versions: The numbers of model versions.
        ledger: Where the moves are written.
    """

    def __init__(self, connection: sa.Connection, versions: Numbers, ledger: Ledger) -> None:
        self._connection = connection
        self._versions = versions
        self._ledger = ledger
        self._numbers = Numbers.read(connection, MOVE)
        self._now = {(row["model"], row["alias"]): row["version"] for row in self._aliases()}
        self._tracks: dict[tuple[str, str], _Track] = {}
        self.kept: list[KeptAlias] = []

    def add(self, fact: Fact, body: Body, *, wanted: bool) -> None:
        """Note a move; they come in the order of their numbers. One to a version that is not here is left out."""
        version = self._versions.number(body["model"], body["version"])
        if version is None and body["version"] is not None:
            return
        track = self._tracks.setdefault((body["model"], body["alias"]), _Track(fact))
        track.moves.append(_Move(body, version, wanted))

    def bring(self, *, follow: bool) -> int:
        """Write the moves that shall happen here too, and return how many they are."""
        chosen = [
            (track.fact, move)
            for name, track in self._tracks.items()
            for move in self._chosen(name, track.moves, follow=follow)
        ]
        for fact, move in sorted(chosen, key=lambda one: (one[1].body["model"], one[1].body["number"])):
            self._write(fact, move.body, move.version)
        return len(chosen)

    def _chosen(self, name: tuple[str, str], moves: list[_Move], *, follow: bool) -> list[_Move]:
        here, last = self._now.get(name), moves[-1]
        fresh = [move for move in moves if move.wanted and self._numbers.known(move.body) is None]
        if here is None or not fresh:
            return fresh
        if here == last.version:
            return []
        passed = [place for place, move in enumerate(moves) if move.version == here]
        if follow and passed:
            return [move for move in moves[passed[-1] + 1 :] if move in fresh]
        self.kept.append(KeptAlias(*name, here, last.version, last.body["reason"]))
        return []

    def _write(self, fact: Fact, body: Body, version: int | None) -> None:
        name = (body["model"], body["alias"])
        number = max(body["number"], self._numbers.next((body["model"],)))
        changed = {"number": number, "previous": self._now.get(name), "version": version}
        self._numbers.give([{**body, "number": number}], lambda _: True)
        self._now[name] = version
        self._ledger.state(self._connection, fact, {**body, **changed})

    def _aliases(self) -> list[dict[str, Any]]:
        return rows_of(self._connection, sa.select(aliases))
