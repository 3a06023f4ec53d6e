"""The leakage rule against a brute-force model: every row, every way in which splits may divide them."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from interlock.graph.leakage import find_leaks
from interlock.graph.model import Deployable, Graph, Node, NodeKind, Ref

KINDS: tuple[NodeKind, ...] = ("data", "step", "fit", "split")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    nodes: list[Node] = []
    outputs: list[Ref] = []
    for number in range(draw(st.integers(3, 9))):
        kind: NodeKind = draw(st.sampled_from(KINDS)) if outputs else "data"
        names = ("0", "1") if kind == "split" or (kind == "step" and draw(st.booleans())) else ("result",)
        inputs = draw(st.lists(st.sampled_from(outputs), min_size=1, max_size=3)) if kind != "data" else []
        node = Node(
            f"n{number}",
            kind,
            dataset=f"d{number}" if kind == "data" else None,
            reference=kind == "data" and draw(st.integers(0, 3)) == 0,
            inputs={f"x{place}": ref for place, ref in enumerate(inputs)},
            outputs=names,
        )
        nodes.append(node)
        outputs.extend(node.output_refs())
    ends = st.sampled_from(outputs)
    return Graph("p", tuple(nodes), Deployable(draw(ends), draw(ends), ()))


def holders(graph: Graph, source: str, choice: dict[str, str]) -> set[Ref]:
    """Return every output that holds the one row of a source, if each split gives it to the output chosen."""
    holding: set[Ref] = set()
    for node in graph.nodes:
        if node.name == source or (node.kind != "fit" and any(ref in holding for ref in node.refs())):
            chosen = choice.get(node.name)
            holding.update(ref for ref in node.output_refs() if chosen in (None, ref.output))
    return holding


def worlds(graph: Graph) -> list[set[Ref]]:
    sources = [node.name for node in graph.nodes if node.kind == "data" and not node.reference]
    splits = [node.name for node in graph.nodes if node.kind == "split"]
    choices = [dict(zip(splits, one, strict=True)) for one in product("01", repeat=len(splits))]
    return [holders(graph, source, choice) for source in sources for choice in choices]


@settings(max_examples=400, deadline=None)
@given(graphs())
def test_exactly_those_fits_leak_that_may_get_a_row_of_given(graph: Graph) -> None:
    report = find_leaks(graph)
    made: Any = graph.deployable
    assume(made.given.node in graph.ancestors((made.answer,)))  # as check_deployable has it
    held = [world for world in worlds(graph) if made.given in world]
    if not held:  # no row of a source comes to given without passing a @fit
        assert not report.checked or report.leaks
        return
    leads = graph.ancestors((made.answer,))
    wanted = {
        node.name
        for node in graph.nodes
        if node.kind == "fit"
        and node.name in leads
        and any(ref in world for world in held for ref in node.refs())
    }
    if report.checked:
        assert {leak.step for leak in report.leaks} == wanted
    else:
        assert not all(any(node.kind == kind for node in graph.nodes) for kind in ("fit", "split"))


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_the_path_of_a_leak_is_a_way_through_the_graph(graph: Graph) -> None:
    for leak in find_leaks(graph).leaks:
        way = [Ref.parse(one) for one in leak.path]
        for before, after in pairwise(way):
            assert before in graph.node(after.node).refs()
