"""A plan: what a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from interlock.engine.context import RunContext
from interlock.engine.datasets import DataChoice, RunDatasets
from interlock.engine.lookup import Lookup
from interlock.graph.conditions import taken, why_left_out, words_of_choice
from interlock.graph.model import RESULT, Graph, Node, Ref
from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore

PlannedState = Literal["hit", "miss", "open", "skipped"]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a run would do with a step.

    `hit`: its earlier outputs would be taken. `miss`: it would run. `open`: it consumes what a missed step
    has yet to make, or that decides about it; it runs unless that comes out as before. `skipped`: it stands in a
    branch that would not be taken.
    """

    name: str
    state: PlannedState
    reason: str


def plan_graph(
    graph: Graph,
    context: RunContext,
    *,
    cache: bool = True,
    from_step: str | None = None,
    seed: int = 0,
    data: DataChoice | None = None,
) -> tuple[PlannedStep, ...]:
    """Return what a run of the graph would do with each step; nothing is run.

    Raises:
        InterlockError: A dataset is missing, or `from_step` names no step.
    """
    datasets = RunDatasets(graph, context, data)
    lookup = Lookup(graph, context, datasets, cache=cache, from_step=from_step, seed=seed)
    planning = _Planning(lookup, context.artifacts)
    return tuple(planning.step(node) for node in graph.nodes if node.kind != "data")


class _Planning:
    """What is known so far of the run to come."""

    def __init__(self, lookup: Lookup, artifacts: ArtifactStore) -> None:
        self._lookup = lookup
        self._store = artifacts
        self._found: dict[Ref, Artifact] = {}
        self._left_out: dict[str, str] = {}

    def step(self, node: Node) -> PlannedStep:
        """Return what would be done with a node; those before it have been asked about."""
        open_conditions = self._open(one.ref for one in node.conditions)
        if open_conditions:
            return PlannedStep(node.name, "open", f"depends on what {open_conditions} will give")
        why = why_left_out(node, self._left_out, self._value)
        if why:
            self._left_out[node.name] = why
            return PlannedStep(node.name, "skipped", why)
        open_inputs = self._open(node.input_refs())
        if open_inputs:
            return PlannedStep(node.name, "open", f"depends on what {open_inputs} will give")
        if node.kind == "either":
            self._add(node, {RESULT: self._found[taken(node, self._left_out)]})
            return PlannedStep(node.name, "hit", words_of_choice(node, self._left_out))
        found, reason = self._lookup.find(node, self._lookup.key(node))
        if found is None:
            return PlannedStep(node.name, "miss", reason)
        self._add(node, found)
        return PlannedStep(node.name, "hit", reason)

    def _open(self, refs: Iterable[Ref]) -> str:
        """Name the nodes of which it is not known what they will give."""
        return ", ".join(
            sorted(
                {ref.node for ref in refs if ref.node not in self._left_out and not self._lookup.knows(ref)}
            )
        )

    def _add(self, node: Node, found: Mapping[str, Artifact]) -> None:
        self._lookup.add(node, found)
        self._found |= {Ref(node.name, output): found[output] for output in node.outputs}

    def _value(self, ref: Ref) -> Any:
        return self._store.load(self._found[ref])
