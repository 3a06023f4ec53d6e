"""What the steps of a run logged: series of numbers, figures and tables, found again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.engine.tracking import FIGURE, TABLE
from interlock.identity.artifact import Artifact
from interlock.records.model import MetricPoint, RunRecord, StepRecord
from interlock.records.records import Records
from interlock.store.artifacts import ArtifactStore


@dataclass(frozen=True)
class Logged:
    """What one step logged.

    Attributes:
        node: The step.
        run: The run in which it ran: that of an earlier one, where this run took the step from the cache.
        metrics: The points of each series, in the order of their steps.
        figures: The figures by name.
        tables: The tables by name.
    """

    node: str
    run: str
    metrics: Mapping[str, Sequence[MetricPoint]] = field(default_factory=dict)
    figures: Mapping[str, Artifact] = field(default_factory=dict)
    tables: Mapping[str, Artifact] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.metrics or self.figures or self.tables)


def logged_in(records: Records, run_id: str) -> list[Logged]:
    """Return what each step of a run logged, in the order of its graph; steps that logged nothing are left out.

    Raises:
        UnknownRun: There is no such run.
    """
    run = records.runs.get(run_id)
    found = (_of_step(records, run, step) for step in records.steps.of(run_id))
    return [one for one in found if one]


def load_logged(store: ArtifactStore, artifacts: Mapping[str, Artifact]) -> dict[str, Any]:
    """Return logged figures (as bytes) or tables by name."""
    return {name: store.load(artifact) for name, artifact in artifacts.items()}


def _of_step(records: Records, run: RunRecord, step: StepRecord) -> Logged:
    made = records.steps.maker(run, step) if step.state == "cached" else None
    made_in, node = made or (run.id, step.node)
    return Logged(
        step.node,
        made_in,
        {name: records.metrics.series(made_in, name, node) for name in records.metrics.names(made_in, node)},
        dict(_named(step, FIGURE)),
        dict(_named(step, TABLE)),
    )


def _named(step: StepRecord, prefix: str) -> Iterator[tuple[str, Artifact]]:
    for name, artifact in step.outputs.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), artifact
