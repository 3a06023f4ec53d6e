"""The graph as data: frozen values that tracing makes and every other room reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from interlock.errors import InterlockError, did_you_mean

if TYPE_CHECKING:
    from interlock.graph.step import Step

NodeKind = Literal["step", "fit", "split", "data", "either"]
GroupKind = Literal["list", "tuple", "dict"]

RESULT = "result"
"""The name of a node's output when it has only one."""

DATA_PREFIX = "data:"
"""What the name of a dataset's node starts with."""


class GraphError(InterlockError):
    """A graph that cannot be run as it is connected."""


class CycleError(GraphError):
    """A node needs, directly or through others, what it produces itself."""


class UnknownNode(GraphError):
    """A node is asked for that the graph does not have."""


@dataclass(frozen=True, slots=True)
class Ref:
    """One output of one node."""

    node: str
    output: str = RESULT

    def __str__(self) -> str:
        return self.node if self.output == RESULT else f"{self.node}.{self.output}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read back what `str(ref)` wrote."""
        if text.startswith(DATA_PREFIX):  # a dataset may be named by its path, which holds dots
            return cls(text)
        node, _, output = text.partition(".")
        return cls(node, output or RESULT)


@dataclass(frozen=True, slots=True)
class Const:
    """A plain Python value given to a step while tracing."""

    value: Any


@dataclass(frozen=True, slots=True)
class Group:
    """A list, tuple or dict given to a step that holds at least one node output."""

    kind: GroupKind
    keys: tuple[str, ...]
    items: tuple[Input, ...]


Input = Ref | Const | Group


def refs_of(value: Input) -> Iterator[Ref]:
    """Yield every node output that an input holds, outermost first."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Group):
        for item in value.items:
            yield from refs_of(item)


@dataclass(frozen=True, slots=True)
class Condition:
    """A bool that a step gives, and what it must be for a node to run."""

    ref: Ref
    wanted: bool = True


@dataclass(frozen=True)
class Node:
    """One use of a step, one dataset, or one `either`, in a pipeline.

    `mapped` names the inputs that hold lists: the step is called once per item, and the node's single
    output is the list of what the calls returned. The lists are walked side by side, or, with `product`,
    in every combination. `conditions` are the branches that the node stands in. `location` is where the
    user wrote the call, for messages only; it is no part of any identity.

    A node of the kind `either` has the inputs "0", "1", …, and gives the first of them that there is.
    """

    name: str
    kind: NodeKind
    step: Step[..., Any] | None = None
    dataset: str | None = None
    reference: bool = False
    inputs: Mapping[str, Input] = field(default_factory=dict)
    mapped: tuple[str, ...] = ()
    product: bool = False
    conditions: tuple[Condition, ...] = ()
    outputs: tuple[str, ...] = (RESULT,)
    location: str = ""

    def refs(self) -> tuple[Ref, ...]:
        """Return every node output that this node waits for: its inputs, in their order, and its conditions."""
        return (*self.input_refs(), *(condition.ref for condition in self.conditions))

    def input_refs(self) -> tuple[Ref, ...]:
        """Return every node output that this node consumes, in the order of its inputs."""
        return tuple(ref for value in self.inputs.values() for ref in refs_of(value))

    def output_refs(self) -> tuple[Ref, ...]:
        """Return a reference to each output of this node."""
        return tuple(Ref(self.name, output) for output in self.outputs)


@dataclass(frozen=True)
class Deployable:
    """The part of a graph that goes to production, and how its answers are judged."""

    given: Ref
    answer: Ref
    metrics: tuple[Ref, ...]
    waivers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A traced pipeline: nodes in an order in which each comes after all that it consumes.

    Raises:
        CycleError: The nodes cannot be put into such an order.
        GraphError: A node consumes an output that no node has.
    """

    name: str
    nodes: tuple[Node, ...]
    deployable: Deployable | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[Ref, ...] = ()

    def __post_init__(self) -> None:
        index = {node.name: node for node in self.nodes}
        if len(index) != len(self.nodes):
            names = [node.name for node in self.nodes]
            twice = next(name for name in names if names.count(name) > 1)
            raise GraphError(f"Two nodes of pipeline {self.name!r} are named {twice!r}.")
        _check_references(self.name, self.nodes, index)
        object.__setattr__(self, "nodes", _in_order(self.name, self.nodes))
        object.__setattr__(self, "_index", index)

    def node(self, name: str) -> Node:
        """Return the node of that name.

        Raises:
            UnknownNode: There is none; the nearest name is offered.
        """
        index: dict[str, Node] = self._index  # type: ignore[attr-defined]  # set once in __post_init__
        try:
            return index[name]
        except KeyError:
            what = f"Pipeline {self.name!r} has no step {name!r}."
            raise UnknownNode(what, hint=did_you_mean(name, index)) from None

    def ancestors(self, refs: tuple[Ref, ...]) -> frozenset[str]:
        """Return the names of all nodes that the given outputs depend on, their own nodes included."""
        found: set[str] = set()
        waiting = [ref.node for ref in refs]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(ref.node for ref in self.node(name).refs())
        return frozenset(found)

    def descendants(self, name: str) -> frozenset[str]:
        """Return the names of all nodes that depend on the named node, itself included."""
        found = {self.node(name).name}
        for node in self.nodes:
            if any(ref.node in found for ref in node.refs()):
                found.add(node.name)
        return frozenset(found)


def _check_references(pipeline: str, nodes: tuple[Node, ...], index: Mapping[str, Node]) -> None:
    for node in nodes:
        for ref in node.refs():
            if ref.node not in index or ref.output not in index[ref.node].outputs:
                raise GraphError(
                    f"Step {node.name!r} of pipeline {pipeline!r} consumes {str(ref)!r}, which nothing produces.",
                    where=node.location,
                )


def _in_order(pipeline: str, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Sort topologically, keeping the order of definition wherever it is free (Kahn, 1962)."""
    done: dict[str, Node] = {}
    waiting = list(nodes)
    while waiting:
        ready = [node for node in waiting if _take_if_ready(node, done)]
        if not ready:
            names = ", ".join(repr(node.name) for node in waiting)
            raise CycleError(f"The steps {names} of pipeline {pipeline!r} wait for each other.")
        waiting = [node for node in waiting if node.name not in done]
    return tuple(done.values())


def _take_if_ready(node: Node, done: dict[str, Node]) -> bool:
    ready = all(ref.node in done for ref in node.refs())
    if ready:
        done[node.name] = node
    return ready
