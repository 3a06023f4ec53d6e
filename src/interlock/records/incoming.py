"""Take facts of another store in: what is not here yet becomes manifests and rows, under numbers that are free.

Nothing that is here is overwritten: of one thing in two states the later one holds, and of two things with one
number the one that arrives gets the next number, with all that refers to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from interlock.errors import InterlockError
from interlock.records import numbering
from interlock.records.database import savepoint
from interlock.records.incoming_aliases import KeptAlias, Moves
from interlock.records.ledger import Body, Fact, Ledger
from interlock.records.numbering import NUMBERED, Numbers
from interlock.records.records import Records
from interlock.records.schema import environments, metrics, patches, profiles

PULLED = "pulled"
"""The tag of a run that has another number here than where it came from: from where, and its number there."""

_WHOLE = {"environment": environments.c.digest, "patch": patches.c.digest, "profile": profiles.c.digest}
"""What has no number and one state: the same here and there, or not here."""

TRAVELLING = frozenset({*_WHOLE, *(what.kind for what in NUMBERED), "certificate", "alias"})
"""The kinds that can be taken in; what is of another one is a matter of its own store."""

NO_TIME = -1
"""The time of a part that no file of this machine has: its content must be looked at."""


@dataclass(frozen=True)
class Incoming:
    """A manifest of another store, and whether it is asked for or only there to be referred to."""

    fact: Fact
    digest: str
    body: Body
    wanted: bool = True


@dataclass(frozen=True)
class TakenIn:
    """What came of it.

    Attributes:
        new: How many facts of each kind are new here, or in a later state.
        known: How many were here already.
        renumbered: Name there -> name here, of runs and model versions whose number was taken.
        kept: Aliases that point elsewhere there, and were left as they are.
        skipped: Kind and digest of the manifests that could not be used, with the reason.
    """

    new: dict[str, int]
    known: int
    renumbered: dict[str, str] = field(default_factory=dict)
    kept: list[KeptAlias] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)


class _Undone(Exception):
    """Carries the result out of a transaction that is not to happen."""

    def __init__(self, result: TakenIn) -> None:
        super().__init__()
        self.result = result


class Unusable(InterlockError):
    """A fact refers to something that did not come with it."""


def take_in(
    records: Records, facts: Sequence[Incoming], source: str, *, follow: bool = False, dry: bool = False
) -> TakenIn:
    """Write the wanted facts that are not here yet, all in one transaction.

    Args:
        records: Where they are written.
        facts: All facts of the other store, in the order in which rows refer to each other.
        source: Where they come from, in words.
        follow: Whether an alias follows to where its own history goes on; otherwise one that is here stays.
        dry: Only find out what would come of it.
    """

    def work(connection: sa.Connection) -> TakenIn:
        result = _Arrival(records.ledger, connection, source).take(facts, follow=follow)
        if dry:
            raise _Undone(result)
        return result

    try:
        return records.ledger.report(work)
    except _Undone as undone:
        return undone.result


class _Arrival:
    """One transaction in which facts arrive."""

    def __init__(self, ledger: Ledger, connection: sa.Connection, source: str) -> None:
        self._ledger = ledger
        self._connection = connection
        self._source = source
        self._numbers = {what.kind: Numbers.read(connection, what) for what in NUMBERED}
        self._certificates = Numbers.read(connection, numbering.CERTIFICATE)
        self._whole = {
            kind: set(connection.execute(sa.select(column)).scalars()) for kind, column in _WHOLE.items()
        }
        self._keys = {(row["model"], row["key"]) for row in self._numbers["signal"].rows.values()}
        self._new: Counter[str] = Counter()
        self._known = 0
        self._skipped: list[tuple[str, str, str]] = []
        self._writers: Mapping[str, Callable[[Body, Any], Body | None]] = {
            "run": self._run,
            "signal": self._signal,
            "snapshot": self._snapshot,
            "version": self._version,
            "decision": self._decision,
            "window": self._window,
        }

    def take(self, facts: Sequence[Incoming], *, follow: bool) -> TakenIn:
        """Number everything first, as things refer to each other in both directions; then write."""
        wanted = {id(one.body) for one in facts if one.wanted}
        for kind, numbers in self._numbers.items():
            numbers.give([one.body for one in facts if one.fact.kind == kind], lambda b: id(b) in wanted)
        moves = Moves(self._connection, self._numbers["version"], self._ledger)
        for one in facts:
            if one.fact.kind == "alias":
                moves.add(one.fact, one.body, wanted=one.wanted)
            elif one.wanted and one.fact.kind in TRAVELLING:
                self._take(one)
        self._new["alias"] += moves.bring(follow=follow)
        renumbered = dict([*self._renumbered("run", "/"), *self._renumbered("version", "@")])
        return TakenIn(dict(+self._new), self._known, renumbered, moves.kept, self._skipped)

    def _renumbered(self, kind: str, sign: str) -> list[tuple[str, str]]:
        numbers = self._numbers[kind]
        moved = [(name, numbers.here[name]) for name in numbers.moved if name in numbers.here]
        return [(f"{name[0]}{sign}{name[1]}", f"{name[0]}{sign}{here}") for name, here in moved]

    def _take(self, one: Incoming) -> None:
        try:
            with savepoint(self._connection):
                body = self._translated(one)
                if body is not None:
                    self._ledger.state(self._connection, one.fact, body)
            self._known += body is None
            self._new[one.fact.kind] += body is not None
        except sa.exc.OperationalError:
            raise  # the disk or a lock: not a matter of this fact
        except (LookupError, TypeError, ValueError, AttributeError, Unusable, SQLAlchemyError) as error:
            if one.fact.kind in self._numbers:
                self._numbers[one.fact.kind].forget(one.body)
            self._skipped.append((one.fact.kind, one.digest, f"{type(error).__name__}: {error}"))

    def _translated(self, one: Incoming) -> Body | None:
        """Return the body with the numbers of this store; None when it is here already."""
        kind = one.fact.kind
        if kind in self._whole:
            name = one.digest if kind == "patch" else one.body["digest"]
            return None if name in self._whole[kind] else one.body
        if kind == "certificate":
            return self._certificate(one.body)
        return self._writers[kind](one.body, self._numbers[kind].known(one.body))

    def _run(self, body: Body, row: Any) -> Body | None:
        if row is not None and body["recorded_at"] <= row["recorded_at"]:
            return None
        number = self._numbers["run"].here[body["pipeline"], body["number"]]
        here = f"{body['pipeline']}/{number}"
        changed = {
            "id": here,
            "number": number,
            "signal_id": self._numbers["signal"].number(body["signal_id"]),
            "model_version": self._numbers["version"].number(body["pipeline"], body["model_version"]),
        }
        if row is not None:
            # Points have no identity of their own: the later state brings all of them again.
            self._connection.execute(sa.delete(metrics).where(metrics.c.run_id == here))
            return {**body, **changed, **_merged(body, row)}
        moved = {PULLED: f"{self._source} {body['id']}"} if here != body["id"] else {}
        return {**body, **changed, "tags": {**body["tags"], **moved}}

    def _signal(self, body: Body, row: Any) -> Body | None:
        if row is not None and body["recorded_at"] <= row["recorded_at"]:
            return None
        key = body["key"] if row is None else row["key"]
        if row is None and (body["model"], key) in self._keys:
            key = f"{key} ({self._source} {body['id']})"  # the same occasion, and another signal
        self._keys.add((body["model"], key))
        return {**body, "id": self._numbers["signal"].here[body["id"],], "key": key, **self._outcome(body)}

    def _snapshot(self, body: Body, row: Any) -> Body | None:
        if row is not None:
            return None
        number = self._numbers["snapshot"].here[body["dataset"], body["number"]]
        return {
            **body,
            "number": number,
            "parts": [{**part, "mtime_ns": NO_TIME} for part in body["parts"]],
        }

    def _version(self, body: Body, row: Any) -> Body | None:
        if row is not None and body["recorded_at"] <= row["recorded_at"]:
            return None
        run_id = self._run_id(body["run_id"])
        if run_id is None:
            raise Unusable(f"its run {body['run_id']} did not come with it")
        number = self._numbers["version"].here[body["model"], body["number"]]
        signal_id = self._numbers["signal"].number(body["signal_id"])
        return {**body, "number": number, "run_id": run_id, "signal_id": signal_id}

    def _decision(self, body: Body, row: Any) -> Body | None:
        if row is not None:
            return None
        signal_id = self._numbers["signal"].number(body["signal_id"])
        number = self._numbers["decision"].here[body["id"],]
        return {**body, "id": number, "signal_id": signal_id, **self._outcome(body)}

    def _window(self, body: Body, row: Any) -> Body | None:
        if row is not None:
            return None
        version = self._numbers["version"].number(body["model"], body["version"])
        if version is None:
            raise Unusable(f"{body['model']}@{body['version']} did not come with it")
        return {**body, "id": self._numbers["window"].here[body["id"],], "version": version}

    def _certificate(self, body: Body) -> Body | None:
        run_id = self._run_id(body["run_id"])
        if run_id is None:
            raise Unusable(f"its run {body['run_id']} did not come with it")
        there = {**body, "run_id": run_id}
        if self._certificates.known(there) is not None:
            return None
        self._certificates.give([there], lambda _: True)
        return {**there, "number": self._certificates.here[run_id, body["number"]]}

    def _outcome(self, body: Body) -> dict[str, Any]:
        version = self._numbers["version"].number(body["model"], body["version"])
        return {"run_id": self._run_id(body["run_id"]), "version": version}

    def _run_id(self, there: str | None) -> str | None:
        """Return the id here of a run; None for a run that is not here."""
        pipeline, _, number = (there or "").rpartition("/")
        here = self._numbers["run"].number(pipeline, int(number)) if number.isdigit() else None
        return None if here is None else f"{pipeline}/{here}"


def _merged(body: Body, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags of both states of a run; where that is a third state, it is a later one."""
    ours = {name: text for name, text in (row["tags"] or {}).items() if name == PULLED}
    theirs = {name: text for name, text in body["tags"].items() if name != PULLED}
    tags = {**(row["tags"] or {}), **theirs, **ours}
    return {"tags": tags, "recorded_at": body["recorded_at"] + (0.0 if tags == body["tags"] else 1e-6)}
