"""From a signal to its end: the run that came of it, the verdict, the promotion, and the record of each.

Every function here may be called again after a crash at any point of it. What has been done is seen in the
records and not done twice: that it is this supervisor who looks is made sure by the fence of its lease.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from interlock.loop.events import Tell
from interlock.models.registry import CHAMPION, promote
from interlock.records.model import Decision, DecisionKind, Fence, ModelVersion, RunRecord, Signal
from interlock.records.records import Records

ACTOR = "interlock up"
"""Who moves aliases, as the records have it."""

ATTEMPTS = 3
"""Runs that a signal gets, when they fail, before it is given up."""

MAX_PAUSE = 3600.0
"""Seconds that a pipeline which fails again and again is left alone at most."""

_FAILED = "the run failed"
_COOLDOWN = "cooldown until"
_BASE_PAUSE = 60.0
_RUNS = 200


def runs_of(records: Records, signal: Signal) -> Sequence[RunRecord]:
    """Return the runs that a signal caused, the newest first."""
    recent = records.runs.list(signal.model, limit=_RUNS)
    return [run for run in recent if run.signal_id == signal.id]


def version_of(records: Records, signal: Signal) -> ModelVersion | None:
    """Return the version that came of a signal; None when none did (yet)."""
    return next((one for one in records.models.list(signal.model) if one.signal_id == signal.id), None)


@dataclass(frozen=True)
class Desk:
    """Where a model's supervisor writes down what it decides.

    Attributes:
        records: The records.
        fence: The lease under which it decides.
        tell: Told of each decision.
    """

    records: Records
    fence: Fence
    tell: Tell

    def decide(
        self,
        signal: Signal,
        kind: DecisionKind,
        reason: str,
        *,
        run_id: str | None = None,
        version: int | None = None,
    ) -> None:
        """Record a decision about a signal, unless it is recorded already.

        Raises:
            LeaseLost: Somebody else took over.
        """
        known = [one for one in self.records.decisions.list(signal.model) if one.signal_id == signal.id]
        if any((one.kind, one.reason, one.run_id) == (kind, reason, run_id) for one in known):
            return
        self.records.decisions.add(
            signal.model, signal.id, kind, reason, run_id=run_id, version=version, fence=self.fence
        )
        self.tell(kind, reason)


def settle(desk: Desk, signal: Signal, version: ModelVersion) -> None:
    """Act on the version that came of a signal: promote it or say why not, and close the signal.

    Raises:
        LeaseLost: Somebody else took over.
        StalePromotion: The champion changed in this very moment; call again.
    """
    records, run_id, number = desk.records, version.run_id, version.number
    name = f"{version.model}@{number}"
    why = f"{name} by run {run_id}, because: {reason_of(signal)}"
    desk.decide(signal, "retrained", why, run_id=run_id, version=number)
    if version.status == "passed":
        reason = f"{name} passed its gates"
        if not _was_champion(records, version):
            promote(records, version.model, number, reason=reason, actor=ACTOR, fence=desk.fence)
        desk.decide(signal, "promoted", reason, run_id=run_id, version=number)
    else:
        refusal = f"{name}, because {_refusal(records, version)}"
        desk.decide(signal, "not promoted", refusal, run_id=run_id, version=number)
    records.signals.close(signal.id, "acted", run_id=run_id, version=number, fence=desk.fence)


def decline(desk: Desk, signal: Signal, why: str) -> None:
    """Close a signal that need not be acted on any more, with the reason.

    Raises:
        LeaseLost: Somebody else took over.
    """
    desk.decide(signal, "not retrained", why)
    desk.records.signals.close(signal.id, "declined", fence=desk.fence)


def cool(desk: Desk, signal: Signal, until: float) -> None:
    """Record, once, that a signal is not acted on yet; it stays open, and is acted on when its time comes.

    Raises:
        LeaseLost: Somebody else took over.
    """
    known = desk.records.decisions.list(signal.model)
    if any(one.signal_id == signal.id and _COOLDOWN in one.reason for one in known):
        return
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(until))
    desk.decide(signal, "not retrained", f"{reason_of(signal)}: {_COOLDOWN} {shown}")


def fail(desk: Desk, signal: Signal, why: str, run_id: str | None) -> None:
    """Record that a run of a signal failed, and give the signal up when it was the last attempt.

    Raises:
        LeaseLost: Somebody else took over.
    """
    attempt = failures(desk.records, signal) + 1
    given_up = attempt >= ATTEMPTS
    in_a_row = len(_failures_in_a_row(desk.records, signal.model)) + 1
    then = "given up" if given_up else f"next try in {pause_after(in_a_row):g} s"
    text = f"{_FAILED} (attempt {attempt} of {ATTEMPTS}, {then}): {why}"
    desk.decide(signal, "not retrained", text, run_id=run_id)
    if given_up:
        desk.records.signals.close(signal.id, "failed", run_id=run_id, fence=desk.fence)


def failures(records: Records, signal: Signal) -> int:
    """Return how many runs of a signal failed."""
    return sum(one.signal_id == signal.id and _failed(one) for one in records.decisions.list(signal.model))


def retry_at(records: Records, model: str) -> float:
    """Return when a model may be run again after failures, whatever the signal; 0 when its last run succeeded.

    A pipeline that is broken is broken for each signal: a storm of them must not run it in turn.
    """
    failed = _failures_in_a_row(records, model)
    return failed[0].at + pause_after(len(failed)) if failed else 0.0


def pause_after(attempt: int) -> float:
    """Return the seconds between a number of failures in a row and the next attempt."""
    return min(MAX_PAUSE, _BASE_PAUSE * 2.0 ** min(attempt - 1, 20))


def reason_of(signal: Signal) -> str:
    """Return what woke the loop, in words."""
    return str(signal.evidence.get("reason", signal.kind))


def _failures_in_a_row(records: Records, model: str) -> Sequence[Decision]:
    """Return the failed runs since the last one that made a version, the newest first."""
    since = itertools.takewhile(lambda one: one.kind != "retrained", records.decisions.list(model))
    return [one for one in since if _failed(one)]


def _failed(decision: Decision) -> bool:
    return decision.reason.startswith(_FAILED)


def _was_champion(records: Records, version: ModelVersion) -> bool:
    """Tell whether a version was promoted before: promoting it again would undo what happened since."""
    moves = records.models.moves(version.model)
    return any(move.alias == CHAMPION and move.version == version.number for move in moves)


def _refusal(records: Records, version: ModelVersion) -> str:
    verdicts = records.models.verdicts(version.model, version.number)
    failed = [f"{verdict.gate}: {verdict.reason}" for verdict in verdicts if not verdict.passed]
    return "; ".join(failed) or "its gates refused it"
