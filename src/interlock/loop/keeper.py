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
    failures,
    reason_of,
    retry_at,
    runs_of,
    settle,
    version_of,
)
from interlock.loop.runner import Runner, Running, RunReport
from interlock.loop.watcher import Watcher
from interlock.records.leases import LeaseLost
from interlock.records.model import Fence, Signal
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
    """The run of a signal."""

    signal: Signal
    running: Running


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

    @property
    def holding(self) -> bool:
        """Whether this is the supervisor of the model, as far as it knows."""
        return self._epoch is not None

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self._under_way is not None

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
        self._finish(under_way.signal, report)

    def _finish(self, signal: Signal, report: RunReport) -> None:
        """Believe the records, not the report: what is recorded happened, whatever the process said."""
        version = version_of(self._records, signal)
        if version is not None:
            settle(self._desk(), signal, version)
            return
        self._records.runs.mark_lost()
        runs = runs_of(self._records, signal)
        run_id = report.run or (runs[0].id if runs else None)
        fail(self._desk(), signal, report.failure or "it reported a version that is not recorded", run_id)

    def _take_up(self, *, patient: bool) -> None:
        """Act on the oldest signal that may be acted on now."""
        for signal in self._records.signals.pending(self.model):
            if self._act(signal, patient=patient):
                return

    def _act(self, signal: Signal, *, patient: bool) -> bool:
        """Act on a signal; False when it has to wait, so that the next one is asked."""
        version = version_of(self._records, signal)
        if version is not None:
            settle(self._desk(), signal, version)
            return True
        if any(run.status == "running" for run in runs_of(self._records, signal)):
            self._records.runs.mark_lost()
            return True  # a former supervisor's run that has not ended yet: its version will be ours to judge
        needless = self._needless(signal, self._watcher.known(patient=patient))
        if needless:
            decline(self._desk(), signal, needless)
            return True
        if self._must_wait(signal):
            return False
        return self._start(signal)

    def _start(self, signal: Signal) -> bool:
        fence = Fence(self._lease, self._epoch or 0)
        # Ours already: claimed, and then something went wrong before or after its run.
        if signal.epoch != fence.epoch and not self._records.signals.claim(signal.id, fence):
            return False
        self._under_way = _UnderWay(signal, self._runner.start(self.model, signal.id))
        self._tell("run", f"runs, because: {reason_of(signal)}")
        return True

    def _needless(self, signal: Signal, known: Known) -> str:
        """Return why a run could tell nothing new; empty when it could, or nobody knows."""
        run = known.last_run
        about = signal.evidence.get("version")
        if signal.kind in _ABOUT_CHAMPION and about != known.champion:
            return f"{reason_of(signal)}: that was about version {about}, which is no longer the champion"
        if (
            signal.kind in _ABOUT_DATA
            and known.data
            and run
            and run.status == "succeeded"
            and not known.data_changed
        ):
            return f"{reason_of(signal)}: run {run.id} has read all the data that there is"
        return ""

    def _must_wait(self, signal: Signal) -> bool:
        """Tell whether a signal has to wait, and record why the first time."""
        now = self._clock()
        if failures(self._records, signal) and _before(now, retry_at(self._records, signal), signal):
            return True
        until = self._cool_at(signal, now)
        if until <= now:
            return False
        cool(self._desk(), signal, until)
        return True

    def _cool_at(self, signal: Signal, now: float) -> float:
        """Return when the cooldown is over; at once when the clock was set back behind the last run."""
        if not self._cooldown:
            return now
        recent = self._records.runs.list(self.model, limit=200)
        ours = [run.started_at for run in recent if run.signal_id is not None and run.signal_id != signal.id]
        last = max(ours, default=0.0)
        return now if last > now else last + self._cooldown


def _before(now: float, at: float, signal: Signal) -> bool:
    """Tell whether a time is still to come; a clock set back behind the signal itself makes nothing wait."""
    return signal.created_at <= now < at
