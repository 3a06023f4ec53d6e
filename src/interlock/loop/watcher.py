"""Watch what may wake the loop for one model, and record a signal for each new occasion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from interlock.engine.context import RunContext
from interlock.engine.datasets import record_snapshot, watched_snapshot
from interlock.identity.artifact import Snapshot
from interlock.loop.occasions import FIRST, Known, due_occasions, first_occasion
from interlock.loop.triggers import Trigger
from interlock.models.registry import CHAMPION
from interlock.records.model import ENDED_WELL, RunRecord, Signal

_WINDOWS = 50


@dataclass
class DataWatch:
    """The datasets of a model as they are on disk.

    A state counts when two looks in a row have found it: a file that is still being copied is another one at
    each look.
    """

    context: RunContext
    _last: dict[str, Snapshot] = field(default_factory=dict)
    _settled: dict[str, Snapshot] = field(default_factory=dict)

    def look(self, datasets: Sequence[str], *, patient: bool = True) -> Mapping[str, Snapshot]:
        """Return the settled state of some datasets; without patience, that of this moment.

        Raises:
            NoData, UnknownDataFormat, UnknownDataset: A dataset cannot be found (any more).
        """
        for name in datasets:
            now = self._take(name)
            if not patient or self._last.get(name) == now:
                self._settle(name, now)
            self._last[name] = now
        return {name: self._settled[name] for name in datasets if name in self._settled}

    def _take(self, name: str) -> Snapshot:
        last = self._last.get(name)
        return watched_snapshot(self.context, name, last.parts if last else None)

    def _settle(self, name: str, now: Snapshot) -> None:
        if self._settled.get(name) != now:
            if self.context.records.datasets.pinned(name) is None:  # a pinned one is recorded already
                record_snapshot(self.context, now)
            self._settled[name] = now


class Watcher:
    """The triggers of one model.

    Args:
        context: The project, its store and its records.
        model: The model.
        triggers: What may wake its loop.
        clock: The time, in seconds since the epoch.
    """

    def __init__(
        self, context: RunContext, model: str, triggers: Sequence[Trigger], clock: Callable[[], float]
    ) -> None:
        self._context = context
        self._records = context.records
        self.model = model
        self._triggers = triggers
        self._clock = clock
        self._data = DataWatch(context)

    def begin(self) -> Signal | None:
        """Record, at the start of a supervisor, that there is no champion, unless that is under way."""
        if self._records.models.alias(self.model, CHAMPION) is not None:
            return None
        known = [one for one in self._records.signals.list(self.model) if one.kind == FIRST]
        if any(one.state in ("new", "claimed") for one in known):
            return None
        occasion = first_occasion(len(known) + 1)
        return self._records.signals.add(self.model, occasion.kind, occasion.evidence, occasion.key)

    def look(self, *, patient: bool = True) -> Sequence[Signal]:
        """Record the occasions that are new and return their signals.

        Raises:
            InterlockError: A dataset cannot be found, or read.
        """
        known = self.known(patient=patient)
        added = [
            self._records.signals.add(self.model, one.kind, one.evidence, one.key)
            for one in due_occasions(self._triggers, known)
        ]
        return [signal for signal in added if signal is not None]

    def known(self, *, patient: bool = True) -> Known:
        """Return all that triggers are judged by."""
        run = last_run(self._context, self.model)
        snapshots = self._data.look(sorted(run.snapshots), patient=patient) if run else {}
        complete = run is not None and len(snapshots) == len(run.snapshots)
        champion = self._records.models.alias(self.model, CHAMPION)
        signals = self._records.signals.list(self.model)
        versions = self._records.models.list(self.model)
        born = [*(one.created_at for one in signals[-1:]), *(one.created_at for one in versions[-1:])]
        windows = self._records.windows.list(self.model, champion.number, limit=_WINDOWS) if champion else ()
        return Known(
            now=self._clock(),
            since=min(born, default=self._clock()),
            last_run=run,
            data={name: one.digest for name, one in snapshots.items()} if complete else None,
            changes=self._changes(run, snapshots) if run and complete else None,
            champion=champion.number if champion else None,
            windows=windows,
            signals=signals,
        )

    def _changes(self, run: RunRecord, snapshots: Mapping[str, Snapshot]) -> Mapping[str, str]:
        """Say, for each dataset, how it differs from what a run has read."""
        found = {}
        for name, now in snapshots.items():
            if now.digest == run.snapshots[name]:
                continue
            then = self._records.datasets.by_digest(run.snapshots[name], name)
            found[name] = difference(then.snapshot if then else None, now)
        return found


def last_run(context: RunContext, model: str) -> RunRecord | None:
    """Return the run whose data counts as known: the latest that ended well, else the latest that read any."""
    recent = [run for run in context.records.runs.list(model, limit=200) if run.snapshots]
    well = [run for run in recent if run.status in ENDED_WELL]
    return next(iter(well or recent), None)


def difference(then: Snapshot | None, now: Snapshot) -> str:
    """Say how a dataset has changed, such as "1 new part"."""
    if then is None:
        return "changed"
    before, after = ({part.path: part.digest for part in one.parts} for one in (then, now))
    counts = {
        "new": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "changed": sum(before[path] != after[path] for path in before.keys() & after.keys()),
    }
    said = [f"{count} {how} part{'s' if count > 1 else ''}" for how, count in counts.items() if count]
    return ", ".join(said) or "changed"
