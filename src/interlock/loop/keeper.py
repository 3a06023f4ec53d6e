"""One model's loop: a state machine whose state is in the records, so that it may die at any point.

A look does what is due and waits for nothing. In order: hold the lease; see what the run under way has come
to; record new signals; take up the oldest open one. A signal that was taken up by somebody who died is taken
up again: if its run made a version, that is judged; if its run still lives, it is waited for; else it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from interlock.engine.context import RunContext
from interlock.loop.events import Tell
from interlock.loop.occasions import Known
from interlock.loop.outcome import (
    Desk,
    cool,
    decline,
    fail,
    reason_of,
    retry_at,
    runs_of,
    settle,
    version_of,
)
from interlock.loop.runner import Runner, Running, RunReport
from interlock.loop.watcher import Watcher
from interlock.models.registry import CHAMPION, is_stale, may_pass
from interlock.records.leases import LeaseLost
from interlock.records.model import ENDED_WELL, Fence, ModelVersion, Signal
from interlock.stack.config import RetrainConfig

LEASE_SECONDS = 30.0
"""How long a supervisor that says nothing keeps a model to itself."""

_ABOUT_DATA = ("data", "drift", "metric")
_ABOUT_CHAMPION = ("drift", "metric")


@dataclass(frozen=True)
class Holder:
    """Who holds leases, and for how long without a renewal. The name is one that no other supervisor has."""

    name: str
    seconds: float = LEASE_SECONDS


@dataclass(frozen=True)
class _UnderWay:
    """The run of a signal, or the judging of the version that came of it."""

    signal: Signal
    running: Running
    judging: bool = False


class Keeper:
    """The loop of one model.

    Args:
        context: The project, its store and its records.
        config: When it may be retrained.
        watcher: Its triggers.
        runner: Starts its runs.
        tell: Told what happens.
        holder: Who we are to other supervisors.
        clock: The time, in seconds since the epoch.
    """

    def __init__(
        self,
        context: RunContext,
        config: RetrainConfig,
        *,
        watcher: Watcher,
        runner: Runner,
        tell: Tell,
        holder: Holder,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.model = watcher.model
        self._records = context.records
        self._cooldown = config.cooldown
        self._watcher = watcher
        self._runner = runner
        self._tell = tell
        self._holder = holder
        self._clock = clock
        self._lease = f"loop/{watcher.model}"
        self._epoch: int | None = None
        self._under_way: _UnderWay | None = None
        self._awaiting = False
        self._cooled: set[int] = set()  # whose waiting is recorded: the records are not asked each time

    @property
    def holding(self) -> bool:
        """Whether this is the supervisor of the model, as far as it knows."""
        return self._epoch is not None

    @property
    def busy(self) -> bool:
        """Whether a run is under way, ours or one that a former supervisor left."""
        return self._under_way is not None or self._awaiting

    def look(self, *, patient: bool = True) -> None:
        """Do what is due.

        Args:
            patient: Wait for data to settle; without it, what is there now counts.

        Raises:
            InterlockError: The data cannot be found, or the records not written; look again.
        """
        if not self._hold():
            return
        try:
            if self._under_way is not None:
                self._follow(self._under_way)
            if self._under_way is None:
                for signal in self._watcher.look(patient=patient):
                    self._tell("signal", f"{signal.kind}: {reason_of(signal)}")
                self._take_up(patient=patient)
        except LeaseLost:
            self.drop()

    def drop(self) -> None:
        """End the run under way and forget the lease, which is somebody else's."""
        self._epoch = None
        self._awaiting = False
        if self._under_way is not None:
            self._under_way.running.stop()
            self._under_way = None

    def release(self) -> None:
        """End the run under way and give the lease back, for the next supervisor to go on at once."""
        epoch = self._epoch
        self.drop()
        if epoch is not None:
            self._records.leases.release(self._lease, epoch)

    def _hold(self) -> bool:
        """Renew the lease, or take it if it is free; whoever lost it ends what it has under way."""
        leases = self._records.leases
        if self._epoch is not None:
            if leases.renew(self._lease, self._epoch, self._holder.seconds):
                return True
            self._tell("trouble", "another supervisor has taken over")
            self.drop()
        self._epoch = leases.acquire(self._lease, self._holder.name, self._holder.seconds)
        if self._epoch is None:
            return False
        self._records.runs.mark_lost()
        signal = self._watcher.begin()
        if signal is not None:
            self._tell("signal", f"{signal.kind}: {reason_of(signal)}")
        return True

    def _desk(self) -> Desk:
        return Desk(self._records, Fence(self._lease, self._epoch or 0), self._tell)

    def _follow(self, under_way: _UnderWay) -> None:
        report = under_way.running.poll()
        if report is None:
            return
        self._under_way = None
        self._finish(under_way.signal, report, unjudged=report.failure if under_way.judging else "")

    def _finish(self, signal: Signal, report: RunReport, *, unjudged: str) -> None:
        """Believe the records, not the report: what is recorded happened, whatever the process said."""
        version = version_of(self._records, signal)
        if version is not None:
            self._settle(signal, version, unjudged)
            return
        self._records.runs.mark_lost()
        runs = runs_of(self._records, signal)
        run_id = report.run or (runs[0].id if runs else None)
        if report.needless:
            decline(self._desk(), signal, report.needless, run_id)
            return
        fail(self._desk(), signal, report.failure or "it reported a version that is not recorded", run_id)

    def _settle(self, signal: Signal, version: ModelVersion, unjudged: str = "") -> None:
        """Act on a version; first have it judged again where the champion changed while it was made."""
        champion = self._records.models.alias(self.model, CHAMPION)
        if not unjudged and may_pass(self._records, version) and is_stale(self._records, version, champion):
            running = self._runner.judge(self.model, version.number)
            self._under_way = _UnderWay(signal, running, judging=True)
        else:
            settle(self._desk(), signal, version, unjudged)

    def _take_up(self, *, patient: bool) -> None:
        """Act on the oldest signal that may be acted on now."""
        self._awaiting = False
        pending = self._records.signals.pending(self.model)
        if not pending:
            return
        known = self._watcher.known(patient=patient)
        running = self._running()
        retry = retry_at(self._records, self.model)
        for signal in pending:
            if (made := version_of(self._records, signal)) is not None:
                self._settle(signal, made)
            elif signal.id in running:
                self._awaiting = True  # a former supervisor's run that has not ended yet: ours to judge
            elif needless := _needless(signal, known):
                decline(self._desk(), signal, needless)
            elif self._must_wait(signal, retry) or not self._start(signal):
                continue
            return

    def _running(self) -> set[int | None]:
        """Return the signals whose run lives; a run whose process is dead is marked as lost on the way."""
        if not self._records.runs.list(self.model, "running"):
            return set()
        self._records.runs.mark_lost()
        return {run.signal_id for run in self._records.runs.list(self.model, "running")}

    def _start(self, signal: Signal) -> bool:
        fence = Fence(self._lease, self._epoch or 0)
        # Ours already: claimed, and then something went wrong before or after its run.
        if signal.epoch != fence.epoch and not self._records.signals.claim(signal.id, fence):
            return False
        self._under_way = _UnderWay(signal, self._runner.start(self.model, signal.id))
        self._tell("run", f"runs, because: {reason_of(signal)}")
        return True

    def _must_wait(self, signal: Signal, retry: float) -> bool:
        """Tell whether a signal has to wait, and record why the first time."""
        now = self._clock()
        if signal.created_at <= now < retry:
            return True  # said when the run failed; a clock set back behind the signal holds nothing up
        until = self._cool_at(signal, now)
        if until <= now:
            return False
        if signal.id not in self._cooled:
            cool(self._desk(), signal, until)
            self._cooled.add(signal.id)
        return True

    def _cool_at(self, signal: Signal, now: float) -> float:
        """Return when the cooldown is over; at once when the clock was set back behind the last run."""
        if not self._cooldown:
            return now
        recent = self._records.runs.list(self.model, limit=200)
        ours = [run.started_at for run in recent if run.signal_id is not None and run.signal_id != signal.id]
        last = max(ours, default=0.0)
        return now if last > now else last + self._cooldown


def _needless(signal: Signal, known: Known) -> str:
    """Return why a run could tell nothing new; empty when it could, or nobody knows."""
    run = known.last_run
    about = signal.evidence.get("version")
    if signal.kind in _ABOUT_CHAMPION and about != known.champion:
        return f"{reason_of(signal)}: that was about version {about}, which is no longer the champion"
    seen = known.data is not None and run is not None and run.status in ENDED_WELL and not known.data_changed
    if signal.kind in _ABOUT_DATA and seen and run is not None:
        return f"{reason_of(signal)}: run {run.id} has read all the data that there is"
    return ""
