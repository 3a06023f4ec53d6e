"""Which triggers are due: from what is known of a model to the signals that should be recorded.

An occasion has a key, and of one key there is never a second signal: that, not a memory in some process, is
what makes each occasion count once, for however many supervisors see it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from interlock.identity.digest import digest_json
from interlock.loop.triggers import CronTrigger, DataTrigger, DriftTrigger, MetricTrigger, Trigger
from interlock.models.bundle_manifest import numbers_of
from interlock.monitor.drift import DriftReport
from interlock.records.model import RunRecord, Signal, Window

FIRST = "first"
"""The kind of the signal that there is no champion yet."""

_NAMED = 3


@dataclass(frozen=True)
class Occasion:
    """A signal that should be recorded; its evidence has the reason in words under "reason"."""

    kind: str
    evidence: Mapping[str, Any]
    key: str


@dataclass(frozen=True)
class Known:
    """All that triggers are judged by.

    Attributes:
        now: The time.
        since: When the model's story began: a schedule that was due before is not made up for.
        last_run: The latest run that read data; its snapshots are what the data is compared with.
        data: The digest of each dataset as it is now; None where that is not known (yet).
        changes: What is new in each dataset that changed, in words.
        champion: The version that answers.
        windows: The champion's windows, the newest first.
        signals: The model's signals, the newest first.
    """

    now: float
    since: float
    last_run: RunRecord | None = None
    data: Mapping[str, str] | None = None
    changes: Mapping[str, str] | None = None
    champion: int | None = None
    windows: Sequence[Window] = ()
    signals: Sequence[Signal] = ()

    @property
    def data_changed(self) -> bool:
        """Whether there is data that the latest run has not read."""
        return (
            bool(self.data)
            and self.last_run is not None
            and dict(self.data or {}) != dict(self.last_run.snapshots)
        )

    @property
    def unsettled(self) -> bool:
        """Whether there are datasets whose state is not known for sure at this moment."""
        return self.last_run is not None and self.data is None

    @property
    def data_digest(self) -> str:
        """The state of all datasets of the model, as one digest."""
        return digest_json(["Data", dict(self.data or {})])


def due_occasions(triggers: Iterable[Trigger], known: Known) -> Iterator[Occasion]:
    """Give the occasions that are there now, recorded already or not.

    Where new data wakes the loop, it is reason enough: that the champion drifts or fails as well adds nothing.
    """
    triggers = tuple(triggers)
    fresh = known.data_changed and any(isinstance(trigger, DataTrigger) for trigger in triggers)
    for trigger in triggers:
        if fresh and isinstance(trigger, DriftTrigger | MetricTrigger):
            continue
        found = _due(trigger, known)
        if found is not None:
            yield found


def first_occasion(attempt: int) -> Occasion:
    """Return the occasion that a model has no champion; each start of a supervisor is a new attempt."""
    return Occasion(FIRST, {"reason": "there is no champion yet"}, f"{FIRST}:{attempt}")


def _due(trigger: Trigger, known: Known) -> Occasion | None:
    match trigger:
        case DataTrigger():
            return _data(known)
        case DriftTrigger():
            return _drift(known)
        case MetricTrigger():
            return _metric(trigger, known)
        case CronTrigger():
            return _cron(trigger, known)
        case _:
            assert_never(trigger)


def _data(known: Known) -> Occasion | None:
    """Data that the latest run has not read: one occasion for each such state of it, seen from that run."""
    if not known.data_changed or known.last_run is None:
        return None
    changes = "; ".join(f"{name}: {text}" for name, text in (known.changes or {}).items())
    evidence = {
        "reason": f"new data ({changes})" if changes else "new data",
        "snapshots": dict(known.data or {}),
        "since": known.last_run.id,
    }
    return Occasion("data", evidence, f"data:{known.last_run.id}:{known.data_digest}")


def _drift(known: Known) -> Occasion | None:
    """Drift of what the champion is asked.

    As long as neither the champion nor the data changes, further windows of the same drift are the same
    occasion: a run would learn nothing that the last one has not.
    """
    window = _latest(known, "drift")
    if window is None or not window.alarm or known.unsettled:
        return None
    report = DriftReport.from_json(window.values)
    names = report.drifted_columns
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    evidence = {
        "reason": f"drift in {', '.join(names[:_NAMED])}{more}, over {window.rows} rows",
        "window": window.id,
        "version": window.version,
        "columns": list(names),
        "psi": {one.column: one.psi for one in (*report.columns, *report.answer) if one.drifted},
    }
    return Occasion("drift", evidence, f"drift:{window.version}:{known.data_digest}")


def _metric(trigger: MetricTrigger, known: Known) -> Occasion | None:
    """A broken bound; the same champion on the same data is one occasion, as with drift."""
    window = _latest(known, "metric")
    if window is None or known.unsettled:
        return None
    metrics = numbers_of(window.values["metrics"])
    if not trigger.broken(metrics, window.rows):
        return None
    judged = {metric.name: metrics[metric.name] for metric in trigger.rule.metrics()}
    shown = ", ".join(f"{name} is {value:.4g}" for name, value in judged.items())
    evidence = {
        "reason": f"{shown} over {window.rows} answers, and the trigger is {trigger.text!r}",
        "window": window.id,
        "version": window.version,
        "metrics": judged,
    }
    return Occasion("metric", evidence, f"metric:{trigger.text}:{window.version}:{known.data_digest}")


def _cron(trigger: CronTrigger, known: Known) -> Occasion | None:
    """The last scheduled time, if it came after the one that was acted on before.

    Times that were missed count as one. A time that is recorded and still to come was recorded by a clock
    that was wrong; it holds nothing up.
    """
    time_of = trigger.latest(known.now)
    before = [s.evidence["scheduled"] for s in known.signals if s.evidence.get("trigger") == trigger.text]
    last = max((at for at in before if at <= known.now), default=known.since)
    if time_of is None or time_of <= last:
        return None
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(time_of))
    evidence = {"reason": f"scheduled for {shown}", "scheduled": time_of, "trigger": trigger.text}
    return Occasion("cron", evidence, f"{trigger.text}:{int(time_of)}")


def _latest(known: Known, kind: str) -> Window | None:
    """Return the champion's newest window of a kind."""
    return next((one for one in known.windows if one.kind == kind and one.version == known.champion), None)
