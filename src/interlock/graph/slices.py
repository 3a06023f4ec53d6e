"""Slices: the part of a graph between one output and others, split into what is live and what is frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from interlock.graph.arguments import walk
from interlock.graph.conditions import taken, why_left_out
from interlock.graph.handing import handed_over, own_copy
from interlock.graph.model import Const, Graph, GraphError, Input, Node, Ref

if TYPE_CHECKING:
    from interlock.graph.step import Step


class SliceError(GraphError):
    """There is no slice between the outputs named."""


class NoAnswer(GraphError):
    """No branch of a slice that leads to the answer was taken."""


class MapLengthError(GraphError):
    """The lists that a mapped step walks over are not lists, or not equally long."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The nodes from `given` to `answers`.

    `nodes` depend on `given` and lead to an answer: they run live, in this order. `frozen` are the
    outputs that those nodes consume and that do not depend on `given`.
    """

    given: Ref
    answers: tuple[Ref, ...]
    nodes: tuple[Node, ...]
    frozen: tuple[Ref, ...]


def slice_graph(graph: Graph, given: Ref, answers: Sequence[Ref]) -> Slice:
    """Cut the slice from `given` to `answers` out of a graph.

    Raises:
        SliceError: An answer does not depend on `given`.
    """
    live = live_nodes(graph, given)
    for answer in answers:
        if answer == given:
            raise SliceError(
                f"{str(given)!r} is both given and answer: nothing is computed between them.",
                where=graph.node(given.node).location,
            )
        if answer.node not in live:
            raise SliceError(
                f"The answer {str(answer)!r} does not depend on the given {str(given)!r}.",
                where=graph.node(answer.node).location,
                hint=_what_depends(graph, given, live),
            )
    needed = _needed(graph, tuple(answers), live)
    nodes = tuple(node for node in graph.nodes if node.name in needed)
    return Slice(given, tuple(answers), nodes, _frozen(given, nodes))


def decided(piece: Slice, left_out: Mapping[str, str], value_of: Callable[[Ref], Any]) -> Slice:
    """Return a slice as a run decided it: without the nodes that what is frozen keeps from running.

    The conditions that are frozen are decided with it, and are no longer part of it.

    Args:
        piece: The slice.
        left_out: Why nodes of the run did not run, by name.
        value_of: Gives the value of a frozen condition.
    """
    live = {node.name for node in piece.nodes}
    gone = {name: why for name, why in left_out.items() if name not in live and name != piece.given.node}
    nodes = []
    for node in piece.nodes:
        asked = [one for one in node.conditions if one.ref in piece.frozen or one.ref.node in gone]
        why = why_left_out(replace(node, conditions=tuple(asked)), gone, value_of)
        if why:
            gone[node.name] = why
            continue
        conditions = tuple(one for one in node.conditions if one not in asked)
        inputs = node.inputs
        if node.kind == "either":
            inputs = {name: ref for name, ref in inputs.items() if ref.node not in gone}  # type: ignore[union-attr]
        nodes.append(replace(node, conditions=conditions, inputs=inputs))
    return replace(piece, nodes=tuple(nodes), frozen=_frozen(piece.given, nodes))


def _frozen(given: Ref, nodes: Sequence[Node]) -> tuple[Ref, ...]:
    live = {node.name for node in nodes}
    found = {ref: None for node in nodes for ref in node.refs() if ref != given and ref.node not in live}
    return tuple(found)


def live_nodes(graph: Graph, given: Ref) -> frozenset[str]:
    """Return the nodes that depend on an output, by their inputs or by their conditions."""
    live: set[str] = set()
    for node in graph.nodes:
        if any(ref == given or ref.node in live for ref in node.refs()):
            live.add(node.name)
    return frozenset(live)


def _needed(graph: Graph, answers: tuple[Ref, ...], live: frozenset[str]) -> frozenset[str]:
    """Walk back from the answers, but no further than the live nodes."""
    found: set[str] = set()
    waiting = [answer.node for answer in answers]
    while waiting:
        name = waiting.pop()
        if name in live and name not in found:
            found.add(name)
            waiting.extend(ref.node for ref in graph.node(name).refs())
    return frozenset(found)


def _what_depends(graph: Graph, given: Ref, live: frozenset[str]) -> str:
    names = [node.name for node in graph.nodes if node.name in live]
    if not names:
        return f"No step consumes {str(given)!r}."
    return f"What depends on it: {', '.join(names)}."


def resolve(value: Input, values: Mapping[Ref, Any]) -> Any:
    """Return the Python value of an input, given the values of the outputs that it holds."""
    if isinstance(value, Ref):
        return handed_over(values[value])
    if isinstance(value, Const):
        return own_copy(value.value)
    items = [resolve(item, values) for item in value.items]
    if value.kind == "dict":
        return dict(zip(value.keys, items, strict=True))
    return tuple(items) if value.kind == "tuple" else items


def call_node(node: Node, function: Callable[..., Any], values: Mapping[Ref, Any]) -> dict[str, Any]:
    """Call a node's function and return its outputs by name.

    Raises:
        MapLengthError: The node is mapped over something else than equally long lists.
        StepOutputError: The function returned another number of outputs than it promises.
    """
    arguments = whole_arguments(node, values)
    if node.mapped:
        made = [function(**item) for item in map_items(node, arguments)]
        return {node.outputs[0]: [node.step.checked(one) for one in made] if node.step else made}
    if node.step is None:
        return {node.outputs[0]: function(**arguments)}
    outputs: dict[str, Any] = node.step.split_outputs(function(**arguments))
    return outputs


def whole_arguments(node: Node, values: Mapping[Ref, Any], *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the arguments of a node's function by name, but for those `without`; a mapped one is its whole list."""
    inputs = {name: value for name, value in node.inputs.items() if name not in without}
    arguments = {name: resolve(value, values) for name, value in inputs.items()}
    if node.step is None:
        return arguments
    return {name: _as_wanted(node.step, name, value) for name, value in arguments.items()}


def call_item(node: Node, values: Mapping[Ref, Any], item: Mapping[str, Any]) -> Any:
    """Call the function of a mapped node for one item and return what it gives.

    Args:
        node: The node.
        values: Of the outputs that every call is given whole.
        item: The arguments that are walked over, by name.

    Raises:
        StepOutputError: The function returned something else than its annotation promises.
    """
    if node.step is None:
        raise SliceError(f"Node {node.name!r} has no function to run.", where=node.location)
    arguments = whole_arguments(node, values, without=node.mapped)
    return node.step.checked(node.step.function(**arguments, **item))


def _as_wanted(step: Step[..., Any], name: str, value: Any) -> Any:
    """Make a tuple the NamedTuple that the step is annotated with; its fields are outputs of their own."""
    wanted = step.signature.parameters[name].annotation
    if type(value) is tuple and isinstance(wanted, type) and hasattr(wanted, "_make"):
        return wanted._make(value)
    return value


def map_items(node: Node, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments of each call of a mapped node.

    Raises:
        MapLengthError: A mapped input is no list, or the lists are not equally long.
    """
    lists = {name: arguments[name] for name in node.mapped}
    for name, value in lists.items():
        if not isinstance(value, list | tuple):
            raise MapLengthError(
                f"Step {node.name!r} is mapped over {name!r}, which is {type(value).__name__}, not a list.",
                where=node.location,
            )
    same = {name: value for name, value in arguments.items() if name not in lists}
    return [
        {name: own_copy(value) for name, value in same.items()}
        | {name: handed_over(value) for name, value in item.items()}
        for item in walked_items(node, lists)
    ]


def walked_items(node: Node, lists: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return what each call of a mapped node takes of its lists.

    Raises:
        MapLengthError: They are walked side by side, and not equally long.
    """
    lengths = {name: len(value) for name, value in lists.items()}
    if not node.product and len(set(lengths.values())) > 1:
        raise MapLengthError(
            f"Step {node.name!r} is mapped over lists of different lengths: {lengths}.",
            where=node.location,
            hint=f"For every combination of their items: {node.step.name if node.step else node.name}.product(...)",
        )
    return list(walk(lists, product=node.product))


def run_slice(
    piece: Slice,
    given: Any,
    frozen: Mapping[Ref, Any],
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> dict[Ref, Any]:
    """Run the live nodes of a slice on a value of `given` and return the answers.

    Args:
        piece: The slice.
        given: The value that stands in for the output `piece.given`.
        frozen: A value for each of `piece.frozen`.
        functions: What to call for a node, by its name, in place of the step's own function.

    Raises:
        ConditionError: A condition is no bool.
        NoAnswer: No branch that leads to an answer was taken.
    """
    values: dict[Ref, Any] = {**frozen, piece.given: given}
    left_out: dict[str, str] = {}
    for node in piece.nodes:
        why = why_left_out(node, left_out, values.__getitem__) if node.conditions or left_out else ""
        if why:
            left_out[node.name] = why
            continue
        if node.kind == "either":
            values[Ref(node.name)] = values[taken(node, left_out)]
            continue
        function = functions[node.name] if functions else _own_function(node)
        for name, value in call_node(node, function, values).items():
            ref = Ref(node.name, name)
            if ref != piece.given:  # the given's own node may be live only by a cycle, which Graph refuses
                values[ref] = value
    for answer in piece.answers:
        if answer.node in left_out:
            raise NoAnswer(f"There is no {str(answer)!r}: {left_out[answer.node]}.")
    return {answer: values[answer] for answer in piece.answers}


def _own_function(node: Node) -> Callable[..., Any]:
    if node.step is None:
        raise SliceError(f"Node {node.name!r} has no function to run.", where=node.location)
    own: Callable[..., Any] = node.step.function
    return own
