"""What a run came to, for people and programs that look at it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from interlock.engine.datasets import RunDatasets
from interlock.engine.logged import Logged, load_logged
from interlock.engine.worker import StepFailed
from interlock.graph.model import Graph, Node, Ref
from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore

StepState = Literal["ran", "cached", "failed", "skipped", "stopped"]
RunStatus = Literal["succeeded", "stopped", "failed", "refused", "cancelled"]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one step of a run."""

    name: str
    state: StepState
    seconds: float = 0.0
    reason: str = ""
    error: str | None = None


@dataclass(frozen=True)
class NodeResult:
    """The outputs of one node of a run."""

    name: str
    artifacts: Mapping[str, Artifact]
    _store: ArtifactStore = field(repr=False)
    _logged: Callable[[str], Logged] = field(repr=False, default=lambda name: Logged(name, ""))

    @property
    def values(self) -> dict[str, Any]:
        """The outputs by name, loaded from the store."""
        return {
            name: self._store.load(artifact, allow_pickle=True)  # recorded by a run of this project
            for name, artifact in self.artifacts.items()
        }

    @property
    def value(self) -> Any:
        """The output, or the tuple of them when there are several, loaded from the store."""
        loaded = tuple(self.values.values())
        return loaded[0] if len(loaded) == 1 else loaded

    @property
    def metrics(self) -> dict[str, list[tuple[int, float]]]:
        """The series that the step logged by name: step and value of each point."""
        series = self._logged(self.name).metrics
        return {name: [(point.step, point.value) for point in points] for name, points in series.items()}

    @property
    def figures(self) -> dict[str, bytes]:
        """The figures that the step logged, by name: the bytes of a PNG, of HTML, or what was given."""
        return load_logged(self._store, self._logged(self.name).figures)

    @property
    def tables(self) -> dict[str, Any]:
        """The tables that the step logged, by name."""
        return load_logged(self._store, self._logged(self.name).tables)


@dataclass(frozen=True)
class Run:
    """A run that is over.

    Attributes:
        id: Such as `delays/3`.
        status: `succeeded`, `stopped` (a step ended it early: `StopRun`), `failed`, `refused` (a leak, before
            anything ran) or `cancelled`.
        metrics: The numbers that the metrics steps returned.
        steps: What became of each step, in order.
        model: The number of the model version that came of it, if one did.
        failure: The error that ended it, if one did.
        logged: Returns what a step logged, by its name, also of one that failed.
    """

    id: str
    status: RunStatus
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    steps: tuple[StepResult, ...]
    seconds: float
    graph: Graph = field(repr=False)
    outputs: Mapping[Ref, Artifact] = field(repr=False)
    snapshots: Mapping[str, str] = field(repr=False, default_factory=dict)
    model: int | None = None
    failure: StepFailed | None = None
    artifacts: ArtifactStore | None = field(repr=False, default=None)
    datasets: RunDatasets | None = field(repr=False, default=None)
    logged: Callable[[str], Logged] = field(repr=False, default=lambda name: Logged(name, ""))

    @property
    def stopped(self) -> str | None:
        """Why a step ended the run early, where one did."""
        return next((step.reason for step in self.steps if step.state == "stopped"), None)

    def __getitem__(self, name: str) -> NodeResult:
        """Return the outputs of a step.

        Raises:
            UnknownNode: The pipeline has no such step.
            KeyError: The step did not finish in this run.
        """
        node = self.graph.node(name)
        found = self._finished(node)
        if self.artifacts is None:
            raise KeyError(name)
        return NodeResult(name, found, self.artifacts, self.logged)

    def artifact(self, ref: Ref) -> Artifact:
        """Return the artifact of one output."""
        return self.outputs[ref]

    def value(self, ref: Ref) -> Any:
        """Return the value of one output, loaded from the store or, for a dataset, from its source."""
        node = self.graph.node(ref.node)
        if node.kind == "data" and self.datasets is not None:
            return self.datasets.load(node)
        return self[ref.node].values[ref.output]

    def _finished(self, node: Node) -> dict[str, Artifact]:
        missing = [ref for ref in node.output_refs() if ref not in self.outputs]
        if missing:
            raise KeyError(f"step {node.name!r} did not finish in run {self.id}")
        return {ref.output: self.outputs[ref] for ref in node.output_refs()}
