"""Structural leakage: whether anything that learns has seen the rows it is judged on.

The rule: edges out of a `@fit` carry learned state, all other edges carry rows. A `@fit` that leads to the
answer has seen what it is judged on if one and the same row of a source may come to `given` and to the
`@fit`. What a row may do: any step may pass it on to any of its outputs; a `@split` passes it on to one of
them only. Reference data carries no rows, and neither does the condition of a branch; an `either` passes on
the rows of all that it chooses among.

Where nothing but a `@fit` lies between `given` and a source, the rows of `given` came out of that `@fit`:
it gives rows after all, and is walked through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from interlock.errors import did_you_mean
from interlock.graph.model import Deployable, Graph, GraphError, Node, Ref


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


def find_leaks(graph: Graph, places: Mapping[str, str] | None = None) -> LeakReport:
    """Look for structural leakage in a graph; runs nothing.

    Args:
        graph: The graph.
        places: Where datasets lie, by name. Two of one place are one source; one without a place is its own.

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
    rows = _Rows(graph, places or {})
    leads = graph.ancestors((deployable.answer,))
    leaks = [
        _leak(node, path, rows, deployable)
        for node in graph.nodes
        if node.kind == "fit" and node.name in leads and (path := rows.shared_with_given(node))
    ]
    why = "" if leaks else rows.why_unknown
    return LeakReport(checked=not why, why_unchecked=why, leaks=tuple(leaks))


def _check_waivers(graph: Graph, waivers: Mapping[str, str]) -> None:
    fits = [node.name for node in graph.nodes if node.kind == "fit"]
    for name in waivers:
        if name not in fits:
            raise UnknownWaiver(
                f"Pipeline {graph.name!r} waives a leak of {name!r}, which is no @fit step of it.",
                hint=did_you_mean(name, fits) or "It has no @fit step: take the waiver out.",
            )


def _leak(fit: Node, path: tuple[Ref, ...], rows: _Rows, deployable: Deployable) -> Leak:
    reason = (
        f"{fit.name!r} learns from {str(path[-1])!r}, which may hold rows of the given "
        f"{str(deployable.given)!r}: it has seen what it is judged on."
    )
    if fit.name in rows.giving:
        reason += " The given's rows come out of it: what a @fit returns is learned state; return rows from a @step."
    waived = deployable.waivers.get(fit.name)
    return Leak(fit.name, (*map(str, path), fit.name), reason, waived)


class _Rows:
    """Where rows come from in a graph, as far as `given` is concerned.

    Attributes:
        giving: The `@fit` nodes out of which the rows of `given` come.
        why_unknown: Why it is unknown where the rows of `given` come from; empty when it is known.
    """

    def __init__(self, graph: Graph, places: Mapping[str, str]) -> None:
        self._graph = graph
        self._given = graph.deployable.given if graph.deployable else Ref("")
        self._places = _places(graph, places)
        self._mere_reference = _reference_places(graph, self._places)
        self.giving: frozenset[str] = frozenset()
        self._sourced = self._find_sourced()
        self.giving = self._find_giving()
        self._sourced = self._find_sourced()
        self._rank = {
            node.name: position if self._inputs(node) else -1 for position, node in enumerate(graph.nodes)
        }
        self.why_unknown = self._why_unknown()

    def shared_with_given(self, fit: Node) -> tuple[Ref, ...]:
        """Return the way on which a row that `given` may hold comes to a `@fit`; empty when there is none.

        Two ways back, one from `given` and one from the `@fit`, are walked side by side: always a step back
        on the one that is further on in the order of the graph, so that both stand at a node at once if both
        pass through it. There the row is one and the same, unless a `@split` would have to give it to two
        of its outputs.
        """
        came: dict[tuple[Ref, Ref], tuple[Ref, Ref] | None] = {
            (self._given, ref): None for ref in self._inputs(fit)
        }
        waiting = list(came)
        for pair in waiting:  # grows while it is walked
            if self._is_one_row(*pair):
                return (*self._way_to(pair[1]), *_way_on(pair, came))
            for further in self._back(*pair):
                if further not in came:
                    came[further] = pair
                    waiting.append(further)
        return ()

    def _back(self, given: Ref, fit: Ref) -> Iterator[tuple[Ref, Ref]]:
        if self._source(given) == self._source(fit):
            return  # a split: its outputs have no row in common
        if self._rank[given.node] > self._rank[fit.node]:
            yield from ((ref, fit) for ref in self._inputs(self._graph.node(given.node)))
        else:
            yield from ((given, ref) for ref in self._inputs(self._graph.node(fit.node)))

    def _is_one_row(self, one: Ref, other: Ref) -> bool:
        if self._source(one) != self._source(other) or one.node not in self._sourced | {self._given.node}:
            return False
        return one.output == other.output or self._graph.node(one.node).kind != "split"

    def _source(self, ref: Ref) -> str:
        return self._places.get(ref.node, ref.node)

    def _way_to(self, ref: Ref) -> tuple[Ref, ...]:
        """Return a way from a source to the inputs of an output's node."""
        way: list[Ref] = []
        while known := [one for one in self._inputs(self._graph.node(ref.node)) if one.node in self._sourced]:
            ref = known[0]
            way.append(ref)
        return tuple(reversed(way))

    def _inputs(self, node: Node) -> tuple[Ref, ...]:
        """Return the inputs of a node that carry rows."""
        return tuple(ref for ref in node.input_refs() if self._carries(ref))

    def _carries(self, ref: Ref) -> bool:
        node = self._graph.node(ref.node)
        if node.kind == "data":
            return self._places[node.name] not in self._mere_reference
        return node.kind != "fit" or node.name in self.giving

    def _find_sourced(self) -> frozenset[str]:
        """Return the nodes whose rows come from a dataset, or from a step that takes nothing."""
        found: set[str] = set()
        for node in self._graph.nodes:
            own = node.kind != "fit" and not node.input_refs()
            if self._carries(Ref(node.name)) and (
                own or any(one.node in found for one in self._inputs(node))
            ):
                found.add(node.name)
        return frozenset(found)

    def _find_giving(self) -> frozenset[str]:
        """Walk back from `given`, through a `@fit` where no other input has rows from a source."""
        giving: set[str] = set()
        seen: set[str] = set()
        waiting = [self._given.node]
        while waiting:
            node = self._graph.node(waiting.pop())
            if node.name in seen or node.reference:
                continue
            seen.add(node.name)
            if node.kind == "fit":
                giving.add(node.name)
            known = [ref.node for ref in node.input_refs() if ref.node in self._sourced]
            waiting.extend(known or [ref.node for ref in node.input_refs()])
        return frozenset(giving)

    def _why_unknown(self) -> str:
        if self._given.node in self._sourced:
            return ""
        if self.giving:
            names = ", ".join(repr(node.name) for node in self._graph.nodes if node.name in self.giving)
            return f"the rows of the given {str(self._given)!r} come out of the @fit {names}, from no known source"
        return f"all that the given {str(self._given)!r} is made of is reference data"


def _places(graph: Graph, places: Mapping[str, str]) -> dict[str, str]:
    """Return the place of each dataset, by node."""
    return {
        node.name: f"place:{places.get(node.dataset, node.dataset)}"
        for node in graph.nodes
        if node.dataset is not None
    }


def _reference_places(graph: Graph, places: Mapping[str, str]) -> frozenset[str]:
    """Return the places of which every dataset is reference data."""
    used_for_rows = {places[node.name] for node in graph.nodes if node.kind == "data" and not node.reference}
    return frozenset(set(places.values()) - used_for_rows)


def _way_on(pair: tuple[Ref, Ref], came: Mapping[tuple[Ref, Ref], tuple[Ref, Ref] | None]) -> tuple[Ref, ...]:
    """Return the outputs that a row passes through from where both ways met to the `@fit`."""
    way = [pair[1]]
    before = came[pair]
    while before is not None:
        if before[1] != way[-1]:
            way.append(before[1])
        before = came[before]
    return tuple(way)
