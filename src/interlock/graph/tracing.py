"""Tracing: what happens when a pipeline function is called to find out its graph."""

from __future__ import annotations

import inspect
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interlock.errors import shown
from interlock.graph.conditions import is_always_there
from interlock.graph.connections import Connections, Taker, list_of
from interlock.graph.model import (
    DATA_PREFIX,
    RESULT,
    Condition,
    Const,
    CycleError,
    Deployable,
    Graph,
    Group,
    Input,
    Node,
    Ref,
    refs_of,
)
from interlock.graph.output import Output, TraceError, user_location

if TYPE_CHECKING:
    from interlock.graph.step import Step

INSIDE = "/"
"""Stands in the name of a node between a pipeline that is called inside another and its step."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """A pipeline function that is being called, and what the names of its nodes begin with."""

    function: Callable[..., Any]
    name: str
    prefix: str


class Trace:
    """The nodes that one call of a pipeline function has made so far.

    Args:
        pipeline: The name of the pipeline.
        function: The pipeline function.
    """

    def __init__(self, pipeline: str, function: Callable[..., Any]) -> None:
        self.pipeline = pipeline
        self._nodes: dict[str, Node] = {}
        self._uses: dict[str, tuple[object, str, int]] = {}
        self._connections = Connections(self._nodes)
        self._scopes = [_Scope(function, pipeline, "")]
        self._conditions: list[Condition] = []
        self.deployable: Deployable | None = None

    @property
    def prefix(self) -> str:
        """What the names of the nodes made now begin with."""
        return self._scopes[-1].prefix

    def add_step(
        self,
        step: Step[..., Any],
        arguments: Mapping[str, Any],
        mapped: Sequence[str] = (),
        *,
        product: bool = False,
    ) -> Any:
        """Add a node for one call of a step and return its outputs.

        Args:
            step: The step.
            arguments: What it is given, by parameter.
            mapped: The arguments that are walked over.
            product: Whether they are walked in every combination, rather than side by side.

        Raises:
            TraceError: Another step has its name.
            StepDefinitionError: A `@split` has one output.
            ConnectionTypeError: An argument has another type than the step wants.
        """
        where = user_location()
        step.check_outputs()
        inputs = {name: to_input(value, self) for name, value in arguments.items()}
        node = Node(
            name=self._name_for(step.name, step.function, step.location, where),
            kind=step.kind,
            step=step,
            inputs=inputs,
            mapped=tuple(mapped),
            product=product,
            conditions=tuple(dict.fromkeys(self._conditions)),
            outputs=(RESULT,) if mapped else step.outputs,
            location=where,
        )
        for name, value in arguments.items():
            taker = Taker("step", node.name, step.signature.parameters[name], where, step.location)
            check = self._connections.check_items if name in node.mapped else self._connections.check
            check(taker, value)
        self._nodes[node.name] = node
        return self._outputs_of(node, step)

    def add_data(self, dataset: str, *, reference: bool) -> Output:
        """Add the node of a dataset, or return the one that is there."""
        dataset = _one_name(dataset)
        name = f"{DATA_PREFIX}{dataset}"
        before = self._nodes.get(name)
        if before is not None and before.reference != reference:
            raise TraceError(
                f"Dataset {dataset!r} is used both as reference data and not.", where=user_location()
            )
        if before is None:
            self._nodes[name] = Node(
                name=name, kind="data", dataset=dataset, reference=reference, location=user_location()
            )
        return Output(Ref(name))

    def add_either(self, options: Sequence[Any], function: Callable[..., Any]) -> Output:
        """Add the node that gives the first of some outputs that there is.

        Raises:
            TraceError: There are fewer than two, one is no output of a step, or one that is always there stands
                before another.
        """
        where = user_location()
        if len(options) < 2:
            raise TraceError(f"either(...) takes two outputs or more, not {len(options)}.", where=where)
        refs = [self._option(one, where) for one in options]
        for ref in refs[:-1]:
            if is_always_there(self._nodes, ref.node, self._conditions):
                raise TraceError(
                    f"either(...) would always give {str(ref)!r}, which runs in any case.",
                    where=where,
                    hint="Call its step in `with when(...):`, or name it last.",
                )
        name = self._name_for("either", function, "interlock.either", where)
        conditions = tuple(dict.fromkeys(self._conditions))
        inputs = {str(place): ref for place, ref in enumerate(refs)}
        self._nodes[name] = Node(name, "either", inputs=inputs, conditions=conditions, location=where)
        first = options[0].type
        output = Output(Ref(name), first if all(one.type == first for one in options) else Any)
        self._connections.know(output)
        return output

    def enter(self, condition: Condition) -> None:
        """Let the nodes that are added from now on depend on one more condition."""
        self._conditions.append(condition)

    def leave(self) -> None:
        """Take back the latest condition."""
        self._conditions.pop()

    def check_condition(self, output: Output) -> None:
        """Refuse what no condition can be.

        Raises:
            TraceError: It is a dataset, or gives something else than a bool.
        """
        self.check_known(output.ref)
        self._connections.check_bool(output.ref, user_location())

    def check_params(
        self,
        pipeline: str,
        parameters: Mapping[str, inspect.Parameter],
        given: Mapping[str, Any],
        defined: str,
    ) -> None:
        """Check what a pipeline inside this one is given.

        Raises:
            ConnectionTypeError: An argument has another type than the pipeline wants.
        """
        for name, value in given.items():
            to_input(value, self)
            self._connections.check(
                Taker("pipeline", pipeline, parameters[name], user_location(), defined), value
            )

    @contextmanager
    def inside(self, pipeline: str, function: Callable[..., Any], defined: str) -> Iterator[None]:
        """Let the names of the nodes that are added in the block begin with that of a pipeline.

        Raises:
            CycleError: The pipeline is being called already.
            TraceError: Another pipeline of this name was called before, or its name cannot be part of another.
        """
        where = user_location()
        running = [scope.function for scope in self._scopes]
        if function in running:
            way = [scope.name for scope in self._scopes[running.index(function) :]]
            raise CycleError(
                f"Pipeline {pipeline!r} calls itself: {' → '.join([*way, pipeline])}.", where=where
            )
        if not pipeline.replace("-", "_").isidentifier():
            raise TraceError(
                f"Pipeline {pipeline!r} cannot be called inside another: its name begins the names of its steps.",
                where=where,
                hint="Use letters, digits and underscores: @pipeline(name=...).",
            )
        name = self._name_for(pipeline, function, defined, where, end=INSIDE)
        self._scopes.append(_Scope(function, pipeline, name))
        try:
            yield
        finally:
            self._scopes.pop()

    def graph(self, params: Mapping[str, Any], results: tuple[Ref, ...]) -> Graph:
        """Return the finished graph."""
        return Graph(self.pipeline, tuple(self._nodes.values()), self.deployable, dict(params), results)

    def check_known(self, ref: Ref) -> None:
        """Refuse an output that another pipeline's trace made."""
        if ref.node not in self._nodes:
            raise TraceError(
                f"Output {str(ref)!r} was made by another pipeline or another trace.", where=user_location()
            )

    def _option(self, value: Any, where: str) -> Ref:
        if not isinstance(value, Output):
            raise TraceError(f"either(...) takes what steps give, not {shown(value)}.", where=where)
        self.check_known(value.ref)
        node = self._nodes[value.ref.node]
        if node.kind == "data":
            raise TraceError(
                f"either(...) takes what steps give, not the dataset {node.dataset!r}.",
                where=where,
                hint="Hand the dataset to a step, and what that step gives to either.",
            )
        return value.ref

    def _name_for(
        self, name: str, function: Callable[..., Any], defined: str, where: str, *, end: str = ""
    ) -> str:
        key = f"{self.prefix}{name}{end}"
        first, place, uses = self._uses.get(key, (function, defined, 0))
        if first is not function:
            what, word = ("pipelines", "pipeline") if end else ("steps", "step")
            raise TraceError(
                f"Two different {what} of pipeline {self._scopes[-1].name!r} are named {name!r}: "
                f"{place} and {defined}.",
                where=where,
                hint=f"Give one of them another name: @{word}(name=...).",
            )
        self._uses[key] = (first, place, uses + 1)
        return f"{self.prefix}{name}#{uses + 1}{end}" if uses else key

    def _outputs_of(self, node: Node, step: Step[..., Any]) -> Any:
        types = {RESULT: list_of(step.output_types.get(RESULT, Any))} if node.mapped else step.output_types
        outputs = [Output(Ref(node.name, name), kind) for name, kind in types.items()]
        for output in outputs:
            self._connections.know(output)
        if node.outputs == (RESULT,):
            return outputs[0]
        returned = step.signature.return_annotation
        named = isinstance(returned, type) and hasattr(returned, "_make")
        return returned._make(outputs) if named else tuple(outputs)


_TRACE: ContextVar[Trace | None] = ContextVar("interlock_trace", default=None)


def current_trace() -> Trace | None:
    """Return the trace of the pipeline function that is being called, if one is."""
    return _TRACE.get()


@contextmanager
def tracing(pipeline: str, function: Callable[..., Any]) -> Iterator[Trace]:
    """Collect the steps that are called inside the block, by this function, into a new trace."""
    trace = Trace(pipeline, function)
    token = _TRACE.set(trace)
    try:
        yield trace
    finally:
        _TRACE.reset(token)


def _one_name(dataset: str) -> str:
    """Return a path as it is written shortest: `./f.csv` and `f.csv` are one dataset, and one source of rows."""
    return dataset if "://" in dataset else posixpath.normpath(dataset)


def to_input(value: Any, trace: Trace) -> Input:
    """Turn an argument of a traced call into an input of its node.

    Raises:
        TraceError: An output comes from another trace.
    """
    if isinstance(value, Output):
        trace.check_known(value.ref)
        return value.ref
    if isinstance(value, list | tuple | dict):
        return _group(value, trace)
    return Const(value)


def _group(value: Any, trace: Trace) -> Input:
    keys = tuple(value) if isinstance(value, dict) else ()
    items = tuple(to_input(item, trace) for item in (value.values() if keys else value))
    if not any(True for item in items for _ in refs_of(item)):
        return Const(value)
    kind = "dict" if keys else ("tuple" if isinstance(value, tuple) else "list")
    return Group(kind, keys, items)  # type: ignore[arg-type]  # one of the three literals
