"""What woke the loop, who took it on, and what came of it: signals and decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from interlock.errors import InterlockError
from interlock.records.database import first_of
from interlock.records.leases import holds, require
from interlock.records.ledger import Body, Fact, Ledger, later_than, next_number, row_of, upsert
from interlock.records.model import ClosedState, Decision, DecisionKind, Fence, Signal, SignalState
from interlock.records.schema import decisions, signals

_SAVE_SIGNAL = upsert(signals)
_SAVE_DECISION = upsert(decisions)
_OPEN: tuple[SignalState, ...] = ("new", "claimed")


class UnknownSignal(InterlockError):
    """No signal has this id."""

    def __init__(self, signal_id: int) -> None:
        super().__init__(f"Unknown signal {signal_id}.", hint="Signals are listed by: interlock models MODEL")
        self.signal_id = signal_id


class SignalClosed(InterlockError):
    """A signal was acted on already; it is acted on once."""

    def __init__(self, signal: Signal) -> None:
        super().__init__(
            f"Signal {signal.id} of {signal.model!r} is already closed as {signal.state!r}.",
            hint="Another supervisor was quicker; nothing was written.",
        )
        self.signal = signal


class Signals:
    """Add, claim and close signals; each is acted on once, whoever dies meanwhile."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._database = ledger.database

    def add(self, model: str, kind: str, evidence: Mapping[str, Any], key: str) -> Signal | None:
        """Record an occasion to act; None when `key` says that it is recorded already."""

        def work(connection: sa.Connection) -> Signal | None:
            same = sa.select(signals.c.id).where(signals.c.model == model, signals.c.key == key)
            if connection.execute(same).first() is not None:
                return None
            now = later_than()
            number = next_number(connection, signals.c.id)
            new = Signal(number, model, kind, evidence, key, "new", None, None, None, now, None, now)
            return self._state(connection, new)

        return self._database.write(work)

    def claim(self, signal_id: int, fence: Fence) -> bool:
        """Take a signal on, as the holder of a lease; False when it is not there to be taken.

        A signal that an earlier holder claimed and never closed can be claimed again: its epoch is
        lower. Claims are in no manifest, after a rebuild such a signal is new again.

        Raises:
            UnknownSignal: There is no such signal.
        """

        def work(connection: sa.Connection) -> bool:
            signal = self._read(connection, signal_id)
            taken = signal.state == "claimed" and (signal.epoch or 0) >= fence.epoch
            if signal.state not in _OPEN or taken or not holds(connection, fence.lease, fence.epoch):
                return False
            claimed = sa.update(signals).where(signals.c.id == signal_id)
            connection.execute(claimed.values(state="claimed", epoch=fence.epoch))
            return True

        return self._database.write(work)

    def close(
        self,
        signal_id: int,
        state: ClosedState,
        *,
        run_id: str | None = None,
        version: int | None = None,
        fence: Fence | None = None,
    ) -> Signal:
        """Record what came of a signal: the run that it caused and the version that came of that.

        Raises:
            UnknownSignal: There is no such signal.
            SignalClosed: Something came of it already.
            LeaseLost: `fence` is no longer valid.
        """

        def work(connection: sa.Connection) -> Signal:
            require(connection, fence)
            signal = self._read(connection, signal_id)
            if signal.state not in _OPEN:
                raise SignalClosed(signal)
            now = later_than(signal.recorded_at)
            end: dict[str, Any] = {"run_id": run_id, "version": version, "closed_at": now, "recorded_at": now}
            return self._state(connection, replace(signal, state=state, **end))

        return self._database.write(work)

    def get(self, signal_id: int) -> Signal:
        """Return a signal.

        Raises:
            UnknownSignal: There is no such signal.
        """
        return self._database.read(lambda connection: self._read(connection, signal_id))

    def pending(self, model: str) -> Sequence[Signal]:
        """Return the signals of a model that nothing came of yet, the oldest first."""
        query = sa.select(signals).where(signals.c.model == model, signals.c.state.in_(_OPEN))
        return [Signal(**row) for row in self._database.rows(query.order_by(signals.c.id))]

    def list(self, model: str | None = None, *, limit: int = 1000) -> Sequence[Signal]:
        """Return signals, the newest first."""
        query = sa.select(signals).order_by(signals.c.id.desc()).limit(limit)
        if model is not None:
            query = query.where(signals.c.model == model)
        return [Signal(**row) for row in self._database.rows(query)]

    def _state(self, connection: sa.Connection, signal: Signal) -> Signal:
        body = {name: value for name, value in vars(signal).items() if name != "manifest"}
        self._ledger.state(connection, SIGNAL, body)
        return self._read(connection, signal.id)

    def _read(self, connection: sa.Connection, signal_id: int) -> Signal:
        row = first_of(connection, sa.select(signals).where(signals.c.id == signal_id))
        if row is None:
            raise UnknownSignal(signal_id)
        return Signal(**row)


class Decisions:
    """Record what was decided about a model and why, also when that is to do nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(
        self,
        model: str,
        signal_id: int | None,
        kind: DecisionKind,
        reason: str,
        *,
        run_id: str | None = None,
        version: int | None = None,
        fence: Fence | None = None,
    ) -> Decision:
        """Record a decision.

        Raises:
            LeaseLost: `fence` is no longer valid.
        """

        def work(connection: sa.Connection) -> Decision:
            require(connection, fence)
            number = next_number(connection, decisions.c.id)
            made = Decision(number, model, signal_id, kind, reason, run_id, version, later_than())
            body = {name: value for name, value in vars(made).items() if name != "manifest"}
            digest = self._ledger.state(connection, DECISION, body | {"recorded_at": made.at})
            return replace(made, manifest=digest)

        return self._ledger.database.write(work)

    def list(self, model: str | None = None, *, limit: int = 1000) -> Sequence[Decision]:
        """Return decisions, the newest first."""
        query = sa.select(decisions).order_by(decisions.c.id.desc()).limit(limit)
        if model is not None:
            query = query.where(decisions.c.model == model)
        return [Decision(**row) for row in self._ledger.database.rows(query)]


def _write_signal(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE_SIGNAL(connection), row_of(signals, body, digest))


def _write_decision(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE_DECISION(connection), row_of(decisions, body, digest))


SIGNAL = Fact("signal", ("id",), _write_signal)
DECISION = Fact("decision", ("id",), _write_decision)
