"""A plan: what a run would do, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interlock.engine.context import RunContext
from interlock.engine.datasets import DataChoice, RunDatasets
from interlock.engine.lookup import Lookup
from interlock.graph.model import Graph, Node

PlannedState = Literal["hit", "miss", "open"]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a run would do with a step.

    `hit`: its earlier outputs would be taken. `miss`: it would run. `open`: it consumes what a missed step
    has yet to make; it runs unless that comes out as before.
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
    return tuple(_planned(node, lookup) for node in graph.nodes if node.kind != "data")


def _planned(node: Node, lookup: Lookup) -> PlannedStep:
    if not lookup.knows(node):
        waits = sorted({ref.node for ref in node.refs()})
        return PlannedStep(node.name, "open", f"depends on what {', '.join(waits)} will give")
    found, reason = lookup.find(node, lookup.key(node))
    if found is None:
        return PlannedStep(node.name, "miss", reason)
    lookup.add(node, found)
    return PlannedStep(node.name, "hit", reason)
