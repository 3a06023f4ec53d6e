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
from interlock.models.registry import promote, was_champion
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
    """Return the version that came of a signal, a new one or an earlier one; None when none did (yet)."""
    made = next((one for one in records.models.list(signal.model) if one.signal_id == signal.id), None)
    run = _run_of(records, signal)
    if made is None and run is not None and run.model_version is not None:
        return records.models.get(signal.model, run.model_version)
    return made


def _run_of(records: Records, signal: Signal) -> RunRecord | None:
    """Return the run of a signal that came to a version which it did not make."""
    return next((run for run in runs_of(records, signal) if run.model_version is not None), None)


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


def settle(desk: Desk, signal: Signal, version: ModelVersion, unjudged: str = "") -> None:
    """Act on the version that came of a signal: promote it or say why not, and close the signal.

    Args:
        desk: Where it is written down.
        signal: The signal.
        version: What came of it.
        unjudged: Why it could not be judged against the champion of now; empty when it was.

    Raises:
        LeaseLost: Somebody else took over.
        StalePromotion, NotJudged: The champion changed in this very moment; call again.
    """
    records, number = desk.records, version.number
    name, earlier = f"{version.model}@{number}", version.signal_id != signal.id
    run = _run_of(records, signal) if earlier else None
    run_id = run.id if run else version.run_id
    how = f"nothing new by run {run_id}, the same as {name}" if earlier else f"{name} by run {run_id}"
    desk.decide(signal, "retrained", f"{how}, because: {reason_of(signal)}", run_id=run_id, version=number)
    if run is not None and was_champion(records, version, before=run.started_at):
        known = f"{name} is the same as before, and has been promoted already"
        desk.decide(signal, "not promoted", known, run_id=run_id, version=number)
    elif version.status == "passed" and not unjudged:
        reason = f"{name} passed its gates"
        if not was_champion(records, version):
            promote(records, version.model, number, reason=reason, actor=ACTOR, fence=desk.fence)
        desk.decide(signal, "promoted", reason, run_id=run_id, version=number)
    else:
        again = f"it could not be judged against the champion of now: {unjudged}"
        refusal = f"{name}, because {again if unjudged else _refusal(records, version)}"
        desk.decide(signal, "not promoted", refusal, run_id=run_id, version=number)
    records.signals.close(signal.id, "acted", run_id=run_id, version=number, fence=desk.fence)


def decline(desk: Desk, signal: Signal, why: str, run_id: str | None = None) -> None:
    """Close a signal that need not be acted on any more, with the reason, and the run that found it so.

    Raises:
        LeaseLost: Somebody else took over.
    """
    desk.decide(signal, "not retrained", why, run_id=run_id)
    desk.records.signals.close(signal.id, "declined", run_id=run_id, fence=desk.fence)


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


def _refusal(records: Records, version: ModelVersion) -> str:
    verdicts = records.models.verdicts(version.model, version.number)
    failed = [f"{verdict.gate}: {verdict.reason}" for verdict in verdicts if not verdict.passed]
    return "; ".join(failed) or "its gates refused it"
