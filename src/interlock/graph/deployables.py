"""Deployables: whether what a pipeline puts into production can be cut out of it, and what judges it."""

from __future__ import annotations

from collections.abc import Collection

from interlock.graph.conditions import combinations, conditions_before, is_there
from interlock.graph.model import Deployable, Graph, Ref
from interlock.graph.slices import Slice, SliceError, live_nodes, slice_graph

_MOST_CONDITIONS = 10
"""How many conditions are looked at in all their combinations; with more, a request finds out."""


def check_deployable(graph: Graph) -> None:
    """Check that a graph's deployable, if it names one, can be cut out of it.

    Raises:
        SliceError: The answer does not depend on what is given, or no metric on the answer; or a branch that is
            decided for each request may leave it without an answer, or makes a `@fit` learn anew.
    """
    deployable = graph.deployable
    if deployable is None:
        return
    _check_branches(graph, slice_graph(graph, deployable.given, [deployable.answer]))
    judging = judging_metrics(graph, deployable)
    if deployable.metrics and not judging:
        names = ", ".join(repr(str(ref)) for ref in deployable.metrics)
        raise SliceError(
            f"No metric is computed from the answer {str(deployable.answer)!r}: {names} would not judge what is served.",
            where=graph.node(deployable.metrics[0].node).location,
            hint="Hand the answer to the step that computes the metric.",
        )


def judging_metrics(graph: Graph, deployable: Deployable) -> tuple[Ref, ...]:
    """Return the metrics that are computed from the answer; others, such as scores of a cross-validation, are not.

    Raises:
        SliceError: The answer itself is named as a metric.
    """
    if deployable.answer in deployable.metrics:
        slice_graph(graph, deployable.answer, [deployable.answer])  # says so
    live = live_nodes(graph, deployable.answer)
    return tuple(ref for ref in deployable.metrics if ref.node in live)


def _check_branches(graph: Graph, piece: Slice) -> None:
    live = {node.name for node in piece.nodes}
    fed: set[str] = set()  # what depends on given by its inputs, rather than by its conditions alone
    for node in piece.nodes:
        if any(ref == piece.given or ref.node in fed for ref in node.input_refs()):
            fed.add(node.name)
        elif node.kind == "fit":
            raise SliceError(
                f"@fit {node.name!r} stands in a branch that is decided for each request; it would learn anew each time.",
                where=node.location,
                hint="Call it outside of the branch, and only what uses it inside.",
            )
    unanswered = _unanswered(graph, piece, live)
    if unanswered is not None:
        answer, asked = unanswered
        raise SliceError(
            f"The answer {str(answer)!r} is missing for a request for which {asked}.",
            where=graph.node(answer.node).location,
            hint="Call a step for it in `with branch.otherwise:` too, and answer with either(...) of the two.",
        )


def _unanswered(graph: Graph, piece: Slice, live: Collection[str]) -> tuple[Ref, str] | None:
    """Return an answer that conditions which are decided for each request may leave out, and when they do."""
    nodes = {node.name: node for node in graph.nodes}
    for answer in piece.answers:
        refs = conditions_before(nodes, [answer.node])
        asked, fixed = [r for r in refs if r.node in live], [r for r in refs if r.node not in live]
        if not asked or len(refs) > _MOST_CONDITIONS:
            continue
        for known in combinations(fixed):
            there = {is_there(nodes, answer.node, known | one): one for one in combinations(asked)}
            if len(there) > 1:
                return answer, " and ".join(f"{ref} is {value}" for ref, value in there[False].items())
    return None
