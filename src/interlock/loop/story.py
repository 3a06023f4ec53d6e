"""The story of a model: what woke the loop, what was run, what the gates said, what was decided."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interlock.loop.outcome import ACTOR, reason_of
from interlock.models.registry import CHAMPION
from interlock.records.model import ModelVersion, RunRecord
from interlock.records.records import Records


@dataclass(frozen=True)
class Entry:
    """Something that happened to a model, in words, with what it is about.

    Attributes:
        at: When, in seconds since the epoch.
        kind: "signal", "run", "gates", "alarm", "alias", or the kind of a decision.
        text: What and why.
        signal_id: The signal that it belongs to.
        run_id: The run that it belongs to.
        version: The version that it belongs to.
    """

    at: float
    kind: str
    text: str
    signal_id: int | None = None
    run_id: str | None = None
    version: int | None = None


def story(records: Records, model: str) -> Sequence[Entry]:
    """Return all that happened to a model, in order; nothing where nothing is known of it."""
    found = [
        *_signals(records, model),
        *_runs(records, model),
        *_gates(records, model),
        *_alarms(records, model),
        *_decisions(records, model),
        *_moves(records, model),
    ]
    return sorted(found, key=operator.attrgetter("at"))


def _signals(records: Records, model: str) -> Iterator[Entry]:
    for one in records.signals.list(model):
        yield Entry(
            one.created_at, "signal", f"{one.kind}: {reason_of(one)}", one.id, one.run_id, one.version
        )


def _runs(records: Records, model: str) -> Iterator[Entry]:
    for run in records.runs.list(model, limit=1000):
        by = "" if run.signal_id is None else f", for signal {run.signal_id}"
        at = run.finished_at or run.started_at
        yield Entry(
            at, "run", f"{run.id} {run.status}{_took(run)}{by}", run.signal_id, run.id, run.model_version
        )


def _took(run: RunRecord) -> str:
    return "" if run.finished_at is None else f" after {run.finished_at - run.started_at:.1f} s"


def _gates(records: Records, model: str) -> Iterator[Entry]:
    for version in records.models.list(model):
        text = f"{model}@{version.number} {version.status}: {_verdicts(records, version)}"
        yield Entry(version.created_at, "gates", text, version.signal_id, version.run_id, version.number)


def _verdicts(records: Records, version: ModelVersion) -> str:
    said = records.models.verdicts(version.model, version.number)
    marks = [f"{'✓' if verdict.passed else '✗'} {verdict.gate}" for verdict in said]
    return ", ".join(marks) or "it has no gates"


def _alarms(records: Records, model: str) -> Iterator[Entry]:
    for one in records.windows.list(model):
        if one.alarm:
            text = f"{one.kind} of what version {one.version} was asked, over {one.rows} rows"
            yield Entry(one.at, "alarm", text, version=one.version)


def _decisions(records: Records, model: str) -> Iterator[Entry]:
    for one in records.decisions.list(model):
        yield Entry(one.at, one.kind, one.reason, one.signal_id, one.run_id, one.version)


def _moves(records: Records, model: str) -> Iterator[Entry]:
    """Give the moves of the champion that no decision of the loop tells already."""
    for one in records.models.moves(model):
        if one.alias == CHAMPION and one.actor != ACTOR:
            where = "nowhere" if one.version is None else f"to version {one.version}"
            yield Entry(
                one.at, "alias", f"{one.alias} {where} by {one.actor}: {one.reason}", version=one.version
            )
