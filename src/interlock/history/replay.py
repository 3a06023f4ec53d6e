"""Make a run again, step by step, without recording it: the work of the process that `replay_child` is.

A replay reads the records and the store of the project, and writes to a store of its own that is thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from interlock.engine.capture import capturing_streams
from interlock.engine.context import RunContext
from interlock.engine.datasets import RunDatasets
from interlock.engine.lookup import Lookup
from interlock.engine.metrics import merged_metrics, metric_refs
from interlock.engine.values import RunValues
from interlock.engine.worker import run_step
from interlock.errors import InterlockError
from interlock.graph.conditions import ConditionError, taken, why_left_out
from interlock.graph.model import RESULT, Graph, Node, Ref
from interlock.history.difference import difference
from interlock.history.overlay import Overlay
from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore
from interlock.store.blobs import LocalStore
from interlock.store.opening import StorePlace

Verdict = Literal[
    "identical", "equal", "different", "failed", "stopped", "skipped", "not reached", "not compared"
]


@dataclass(frozen=True)
class ReplaySpec:
    """What is made again, and how.

    Attributes:
        root: The folder with the code.
        data_root: The folder that datasets kept by reference are relative to.
        home: The project's `.interlock`, which is only read.
        scratch: Where the replay writes.
        model: The name that the run went by.
        ref: Where the pipeline is, as `package.module:name`.
        main: The script that is `__main__` of the ref.
        params: The params.
        seed: What the random numbers begin with.
        snapshots: Digest of the snapshot of each dataset.
        expected: The run with whose artifacts those of the replay are compared; "" for none.
        given: Whether each step gets the inputs that the expected run recorded, rather than what was made again.
        steps: The only steps to make again; all when empty.
        cache: Whether results of earlier runs may be taken.
        tolerance: The relative difference up to which numbers count as equal.
        store: Where the project's store is, which is only read; "" for the folder in its home.
        store_cache: How many bytes of a store in a bucket are kept on this machine.
    """

    root: str
    data_root: str
    home: str
    scratch: str
    model: str
    ref: str
    main: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    snapshots: Mapping[str, str] = field(default_factory=dict)
    expected: str = ""
    given: bool = False
    steps: tuple[str, ...] = ()
    cache: bool = False
    tolerance: float = 0.0
    store: str = ""
    store_cache: int = StorePlace.cache


@dataclass(frozen=True)
class OutputReplay:
    """One output made again, and what became of it."""

    output: str
    verdict: Verdict
    expected: str | None
    found: str | None
    size: float = 0.0
    where: str = ""
    words: str = ""


@dataclass(frozen=True)
class StepReplay:
    """One step made again."""

    step: str
    verdict: Verdict
    seconds: float = 0.0
    outputs: tuple[OutputReplay, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Replay:
    """What came of it all."""

    steps: tuple[StepReplay, ...]
    metrics: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def replay(spec: ReplaySpec, graph: Graph, context: RunContext, datasets: RunDatasets) -> Replay:
    """Make the steps of a graph again and compare what they give.

    Args:
        spec: What is made again, and how.
        graph: Traced from the code in the spec's `root`.
        context: The project's store and records.
        datasets: The datasets, pinned to the spec's snapshots.

    Raises:
        InterlockError: A dataset is no longer what its snapshot says.
    """
    with capturing_streams(None):
        return _Replaying(spec, graph, context, datasets).run()


class _Replaying:
    def __init__(self, spec: ReplaySpec, graph: Graph, context: RunContext, datasets: RunDatasets) -> None:
        self._spec = spec
        self._graph = graph
        store = Overlay(LocalStore(Path(spec.scratch) / "store"), context.store)
        self._artifacts = ArtifactStore(store, Path(spec.scratch) / "loaded")
        self._values = RunValues(graph, self._artifacts, datasets)
        self._lookup = Lookup(graph, context, datasets, cache=spec.cache, from_step=None, seed=spec.seed)
        self._expected: dict[str, Mapping[str, Artifact]] = {}
        self._left_out: dict[str, str] = {}
        if spec.expected:
            self._expected = {one.node: one.outputs for one in context.records.steps.of(spec.expected)}

    def run(self) -> Replay:
        steps = tuple(self._steps())
        whole = all(one.verdict not in ("failed", "stopped", "not reached") for one in steps)
        wanted = metric_refs(self._graph) if whole and not self._spec.steps else ()
        refs = [ref for ref in wanted if ref.node not in self._left_out]
        metrics = merged_metrics((ref, self._values.of([ref])[ref]) for ref in refs)
        return Replay(steps, metrics)

    def _steps(self) -> Iterator[StepReplay]:
        broken: set[str] = set()
        stopped = False
        for node in self._graph.nodes:
            if node.kind == "data":
                continue
            if self._spec.steps and node.name not in self._spec.steps:
                self._take_expected(node)
                continue
            if stopped or any(ref.node in broken for ref in node.refs()):
                broken.add(node.name)
                yield StepReplay(node.name, "not reached")
                continue
            try:
                why = why_left_out(node, self._left_out, self._value)
            except ConditionError as error:
                broken.add(node.name)
                yield StepReplay(node.name, "failed", error=str(error))
                continue
            if why:
                self._left_out[node.name] = why
                yield StepReplay(node.name, "skipped")
                continue
            # A dataset that is not what it was is no fault of the step that reads it.
            self._values.of(ref for ref in node.refs() if self._graph.node(ref.node).kind == "data")
            made = self._step(node)
            stopped = made.verdict == "stopped" and not self._spec.given
            if made.verdict == "failed" and not self._spec.given:
                broken.add(node.name)
            yield made

    def _value(self, ref: Ref) -> Any:
        return self._values.of([ref])[ref]

    def _step(self, node: Node) -> StepReplay:
        clock = time.perf_counter()
        if node.kind == "either":
            one = taken(node, self._left_out)
            return self._made(node, {RESULT: self._values.artifacts[one]}, self._values.in_memory(one), clock)
        found = self._lookup.find(node, self._lookup.key(node))[0] if self._spec.cache else None
        values: Mapping[str, Any] = {}
        if found is None:
            outcome = run_step(node, self._values, self._artifacts, seed=self._spec.seed)
            if outcome.failure is not None:
                self._take_expected(node)
                return StepReplay(
                    node.name,
                    "failed",
                    outcome.usage.seconds,
                    error=outcome.failure.user_traceback or str(outcome.failure),
                )
            if outcome.stopped is not None:
                return StepReplay(node.name, "stopped", outcome.usage.seconds)
            found, values = outcome.artifacts, outcome.values
        return self._made(node, found, values, clock)

    def _made(
        self, node: Node, found: Mapping[str, Artifact], values: Mapping[str, Any], clock: float
    ) -> StepReplay:
        self._add(node, found, values)
        outputs = tuple(self._compared(node, output, found[output]) for output in node.outputs)
        return StepReplay(node.name, worst(outputs), time.perf_counter() - clock, outputs)

    def _add(self, node: Node, found: Mapping[str, Artifact], values: Mapping[str, Any]) -> None:
        expected = self._expected.get(node.name)
        if self._spec.given and expected:
            found, values = expected, {}
        self._values.add(node, found, values)
        self._lookup.add(node, found)
        self._values.consumed(node)

    def _take_expected(self, node: Node) -> None:
        """Let later steps have what the expected run recorded, where this run does not make it."""
        expected = self._expected.get(node.name)
        if expected and (self._spec.given or self._spec.steps):
            self._values.add(node, expected, {})
            self._lookup.add(node, expected)
        elif self._spec.steps:
            self._left_out[node.name] = "it was skipped"

    def _compared(self, node: Node, output: str, found: Artifact) -> OutputReplay:
        expected = self._expected.get(node.name, {}).get(output)
        if expected is None:
            return OutputReplay(output, "not compared", None, found.digest)
        if expected.digest == found.digest:
            return OutputReplay(output, "identical", expected.digest, found.digest)
        try:
            apart = difference(self._load(expected), self._load(found))
        except InterlockError as error:
            return OutputReplay(output, "different", expected.digest, found.digest, words=str(error))
        verdict: Verdict = "equal" if apart.size <= self._spec.tolerance else "different"
        where = apart.where.replace("value", str(Ref(node.name, output)), 1)
        return OutputReplay(output, verdict, expected.digest, found.digest, apart.size, where, apart.words)

    def _load(self, artifact: Artifact) -> Any:
        # Recorded by a run of this project, and loaded in a process that runs this project's code anyway.
        return self._artifacts.load(artifact, allow_pickle=True)


_ORDER: tuple[Verdict, ...] = (
    "not compared",
    "identical",
    "equal",
    "different",
    "failed",
    "stopped",
    "skipped",
    "not reached",
)


def worst(parts: tuple[OutputReplay, ...] | tuple[StepReplay, ...]) -> Verdict:
    """Return the verdict over several."""
    return max((one.verdict for one in parts), key=_ORDER.index, default="not compared")
