"""A second real runner: runs of it are records from the start, so that a loop can be turned in no time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from tiny_project import MODEL, rows, write_rows

from interlock.engine.context import RunContext
from interlock.engine.datasets import current_snapshot
from interlock.loop.keeper import Holder, Keeper
from interlock.loop.runner import RunReport
from interlock.loop.triggers import parse_trigger
from interlock.loop.watcher import Watcher
from interlock.models.registry import CHAMPION
from interlock.records.model import VerdictRecord, Window
from interlock.records.records import Records


class RecordsRunner:
    """Records, for each signal, a run and a version of the next outcome: passed, refused, failed,
    stopped early or the same as version 1."""

    def __init__(self, context: RunContext, outcomes: Sequence[str] = ()) -> None:
        self.outcomes = list(outcomes)
        self.started: list[int] = []
        self.stopped = 0
        self.recorded: RunReport | None = None  # what the run under way has recorded already
        self.judged: list[int] = []
        self.judgements: list[str] = []
        self.gate = "error <= 5"
        self.held = False  # a held run is under way until it is let go
        self._context = context

    def start(self, model: str, signal_id: int) -> RecordsRun:
        self.started.append(signal_id)
        return RecordsRun(self, model, signal_id, self.outcomes.pop(0) if self.outcomes else "passed")

    def judge(self, model: str, version: int) -> JudgesRun:
        self.judged.append(version)
        return JudgesRun(self, version, self.judgements.pop(0) if self.judgements else "passed")

    def record(self, model: str, signal_id: int, outcome: str) -> RunReport:
        records = self._context.records
        run = records.runs.start(model, signal_id=signal_id)
        if outcome == "failed":
            records.runs.finish(run.id, "failed", error="boom", snapshots=self._snapshots())
            return RunReport(run.id, None, "step 'learn' failed: boom")
        if outcome == "stopped":
            records.runs.finish(run.id, "stopped", snapshots=self._snapshots())
            return RunReport(run.id, None, needless="nothing new since yesterday")
        records.runs.finish(run.id, "succeeded", metrics={"error": 1.0}, snapshots=self._snapshots())
        if outcome == "same":
            records.runs.set_model_version(run.id, 1)
            return RunReport(run.id, 1)
        said = [VerdictRecord(self.gate, outcome == "passed", self._numbers(), f"it is {outcome}")]
        bundle = f"blake3:{uuid.uuid4().hex * 2}"
        made = records.models.add_version(
            model, run.id, bundle, {"error": 1.0}, outcome, signal_id=signal_id, verdicts=said
        )
        return RunReport(run.id, made.number)

    def say(self, version: int, outcome: str) -> RunReport:
        """Record what judging a version against the champion of now came to; "broken" records nothing."""
        if outcome == "broken":
            return RunReport(None, None, "its bundle is damaged")
        said = [VerdictRecord(self.gate, outcome == "passed", self._numbers(), f"it is {outcome}, now")]
        self._context.records.models.set_status(MODEL, version, outcome, said)
        return RunReport(None, None)

    def _numbers(self) -> dict[str, float]:
        champion = self._context.records.models.alias(MODEL, CHAMPION)
        return {"error": 1.0} | ({"champion": champion.number} if champion else {})

    def _snapshots(self) -> dict[str, str]:
        return {"rows": current_snapshot(self._context, "rows").digest}


@dataclass
class RecordsRun:
    runner: RecordsRunner
    model: str
    signal_id: int
    outcome: str

    def poll(self) -> RunReport | None:
        if self.runner.held:
            return None
        return self.runner.recorded or self.runner.record(self.model, self.signal_id, self.outcome)

    def stop(self) -> None:
        self.runner.stopped += 1


@dataclass
class JudgesRun:
    runner: RecordsRunner
    version: int
    outcome: str

    def poll(self) -> RunReport | None:
        return self.runner.say(self.version, self.outcome)

    def stop(self) -> None:
        self.runner.stopped += 1


@dataclass
class World:
    """A model's loop with everything around it in the test's hand."""

    context: RunContext
    told: list[tuple[str, str]] = field(default_factory=list)
    offset: float = 0.0
    parts: int = 1

    def __post_init__(self) -> None:
        self.runner = RecordsRunner(self.context)
        self.keeper = self.another()

    @property
    def records(self) -> Records:
        return self.context.records

    def now(self) -> float:
        return time.time() + self.offset

    def another(
        self, holder: str = "us", *, runner: RecordsRunner | None = None, seconds: float = 30.0
    ) -> Keeper:
        """Return a keeper of the same model, as another supervisor would have it."""
        config = self.context.project.config.model[MODEL].retrain
        triggers = [parse_trigger(text) for text in config.on]
        return Keeper(
            self.context,
            config,
            watcher=Watcher(self.context, MODEL, triggers, self.now),
            runner=runner or self.runner,
            tell=lambda kind, text: self.told.append((kind, text)),
            holder=Holder(holder, seconds),
            clock=self.now,
        )

    def turn(self, times: int = 6) -> None:
        """Let the keeper look a few times."""
        for _ in range(times):
            self.keeper.look(patient=False)

    def new_data(self) -> None:
        """Let another part of the data become known."""
        self.parts += 1
        write_rows(self.context.project.root, self.parts, rows(seed=self.parts))

    def window(
        self, kind: str, *, alarm: bool, version: int = 1, values: dict[str, object] | None = None
    ) -> Window:
        """Record what a monitor would have seen."""
        return self.records.windows.add(
            MODEL, version, kind, started_at=1.0, ended_at=2.0, rows=500, values=values or {}, alarm=alarm
        )

    def champion(self) -> int | None:
        found = self.records.models.alias(MODEL, CHAMPION)
        return found.number if found else None

    def decisions(self) -> list[tuple[str, str]]:
        """Return the decisions, the oldest first."""
        return [(one.kind, one.reason) for one in reversed(self.records.decisions.list(MODEL))]

    def states(self) -> list[tuple[str, str]]:
        """Return kind and state of the signals, the oldest first."""
        return [(one.kind, one.state) for one in reversed(self.records.signals.list(MODEL))]
