"""Structural leakage: whether anything that learns has seen the rows it is judged on.

The rule: edges out of a `@fit` carry learned state, all other edges carry rows. The rows that `given` may
hold are traced back along row edges to their sources; from those sources they spread forward along row
edges. At a `@split`, rows of `given` came out of some outputs; the other outputs are free of them. A
`@fit` that leads to the answer and into which such rows flow has seen what it is judged on. Reference
data carries no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.errors import did_you_mean
from interlock.graph.model import Graph, GraphError, Ref


class UnknownWaiver(GraphError):
    """A waiver names a step that is no `@fit` of the pipeline."""


@dataclass(frozen=True, slots=True)
class Leak:
    """One `@fit` that has seen rows it is judged on, and how they came there."""

    step: str
    path: tuple[str, ...]
    reason: str
    waived: str | None = None


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What the structure of a graph says about leakage; `checked` is False where it cannot say anything."""

    checked: bool
    why_unchecked: str
    leaks: tuple[Leak, ...]

    @property
    def unwaived(self) -> tuple[Leak, ...]:
        """The leaks that nobody has accepted."""
        return tuple(leak for leak in self.leaks if leak.waived is None)


def find_leaks(graph: Graph) -> LeakReport:
    """Look for structural leakage in a graph; runs nothing.

    Raises:
        UnknownWaiver: A waiver names a step that is no `@fit` of the graph.
    """
    deployable = graph.deployable
    if deployable is None:
        return LeakReport(checked=False, why_unchecked="the pipeline names no deployable", leaks=())
    _check_waivers(graph, deployable.waivers)
    missing = [kind for kind in ("fit", "split") if not any(node.kind == kind for node in graph.nodes)]
    if missing:
        return LeakReport(
            checked=False, why_unchecked=f"the pipeline has no @{' and no @'.join(missing)}", leaks=()
        )
    came_through = _backward(graph, deployable.given)
    spread = _forward(graph, came_through)
    leads = graph.ancestors((deployable.answer,))
    leaks = [
        _leak(graph, node.name, spread, deployable.given, deployable.waivers)
        for node in graph.nodes
        if node.kind == "fit" and node.name in leads and any(ref in spread for ref in node.refs())
    ]
    return LeakReport(checked=True, why_unchecked="", leaks=tuple(leaks))


def _check_waivers(graph: Graph, waivers: Mapping[str, str]) -> None:
    fits = [node.name for node in graph.nodes if node.kind == "fit"]
    for name in waivers:
        if name not in fits:
            raise UnknownWaiver(
                f"Pipeline {graph.name!r} waives a leak of {name!r}, which is no @fit step of it.",
                hint=did_you_mean(name, fits) or "It has no @fit step: take the waiver out.",
            )


def _backward(graph: Graph, given: Ref) -> frozenset[Ref]:
    """Return the outputs through which the rows of `given` may have come, `given` included."""
    found: set[Ref] = set()
    waiting = [given]
    while waiting:
        ref = waiting.pop()
        node = graph.node(ref.node)
        if ref in found or node.reference or (node.kind == "fit" and ref != given):
            continue
        found.add(ref)
        if node.kind != "fit":
            waiting.extend(node.refs())
    return frozenset(found)


def _forward(graph: Graph, came_through: frozenset[Ref]) -> dict[Ref, Ref | None]:
    """Return the outputs that may hold rows of `given`, each with the output that they came from."""
    split_nodes = {ref.node for ref in came_through if graph.node(ref.node).kind == "split"}
    spread: dict[Ref, Ref | None] = {}
    for node in graph.nodes:
        source = next((ref for ref in node.refs() if ref in spread), None)
        for ref in node.output_refs():
            if source is not None and node.kind != "fit":
                if node.name not in split_nodes or ref in came_through:
                    spread[ref] = source
            elif ref in came_through:
                spread[ref] = None
    return spread


def _leak(
    graph: Graph, fit: str, spread: Mapping[Ref, Ref | None], given: Ref, waivers: Mapping[str, str]
) -> Leak:
    entry = next(ref for ref in graph.node(fit).refs() if ref in spread)
    path = [fit]
    step: Ref | None = entry
    while step is not None:
        path.append(str(step))
        step = spread[step]
    return Leak(
        step=fit,
        path=tuple(reversed(path)),
        reason=f"{fit!r} learns from {str(entry)!r}, which may hold rows of the given {str(given)!r}: "
        "it has seen what it is judged on.",
        waived=waivers.get(fit),
    )
