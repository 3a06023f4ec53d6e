"""Tracing: what happens when a pipeline function is called to find out its graph."""

from __future__ import annotations

import inspect
import posixpath
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from interlock.errors import shown
from interlock.graph.annotations import (
    NOTHING,
    ConnectionTypeError,
    fits,
    item_type,
    items_of,
    type_name,
    value_fits,
)
from interlock.graph.model import (
    DATA_PREFIX,
    RESULT,
    Const,
    Deployable,
    Graph,
    GraphError,
    Group,
    Input,
    Node,
    Ref,
    refs_of,
)

if TYPE_CHECKING:
    from interlock.graph.step import Step

_PACKAGE = __file__.rpartition("graph")[0]
_TABLE_LIBRARIES = ("numpy", "pandas", "polars", "pyarrow")


class TraceError(GraphError):
    """A pipeline function does something that only a step can do, or connects steps wrongly."""


class Output:
    """What a step returns while tracing: a name for a value that does not exist yet.

    It can be handed to other steps, alone or inside a list, tuple or dict, and nothing else.
    """

    __slots__ = ("ref", "type")

    def __init__(self, ref: Ref, kind: Any = Any) -> None:
        object.__setattr__(self, "ref", ref)
        object.__setattr__(self, "type", kind)

    if TYPE_CHECKING:
        ref: Ref
        type: Any

    def __repr__(self) -> str:
        return f"<output {self.ref}>"

    def _refuse(self, doing: str) -> Any:
        raise TraceError(
            f"The pipeline function {doing} {str(self.ref)!r}, which has no value while steps are connected.",
            where=user_location(),
            hint="Do this inside a step, and connect the step here.",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse(f"reads the attribute {name!r} of")

    def __iter__(self) -> Iterator[Any]:
        raise TraceError(
            f"The pipeline function unpacks or loops over {str(self.ref)!r}, which is one output.",
            where=user_location(),
            hint="Annotate the step's return as tuple[A, B] to give it several outputs, or use step.map(...).",
        )

    def __bool__(self) -> bool:
        return bool(self._refuse("asks for the truth of"))

    def __hash__(self) -> int:
        return int(self._refuse("puts into a set or a dict, by its hash,"))

    def __str__(self) -> str:
        return str(self._refuse("writes into text"))

    def __format__(self, spec: str) -> str:
        return str(self)

    def __len__(self) -> int:
        return int(self._refuse("asks for the length of"))

    def __getitem__(self, key: object) -> Any:
        return self._refuse(f"takes the item {key!r} of")

    def __setitem__(self, key: object, value: object) -> None:
        self._refuse(f"sets the item {key!r} of")

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse(f"sets the attribute {name!r} of")

    def __call__(self, *_: object, **__: object) -> Any:
        """Refuse: an output is no function."""
        return self._refuse("calls")

    def _convert(self, *_: object, **__: object) -> Any:
        return self._refuse("converts")

    def _compare(self, _: object) -> Any:
        return self._refuse("compares")

    def _operate(self, *_: object) -> Any:
        return self._refuse("computes with")

    __int__ = __float__ = __complex__ = __index__ = __round__ = __array__ = _convert
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _compare
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _operate
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __pow__ = __rpow__ = (
        _operate
    )
    __matmul__ = __rmatmul__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _operate
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _operate
    __neg__ = __pos__ = __abs__ = __invert__ = _operate
    __array_ufunc__ = None  # an array that computes with an output leaves it to the output, which refuses


class Trace:
    """The nodes that one call of a pipeline function has made so far."""

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        self._nodes: dict[str, Node] = {}
        self._uses: dict[str, tuple[Step[..., Any], int]] = {}
        self._types: dict[Ref, Any] = {}
        self._wanted: dict[Ref, tuple[str, Any]] = {}
        self.deployable: Deployable | None = None

    def add_step(
        self, step: Step[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], *, mapped: bool = False
    ) -> Any:
        """Add a node for one call of a step and return its outputs.

        Raises:
            TraceError: The arguments do not fit the step's signature, or another step has its name.
            StepDefinitionError: A `@split` has one output.
            ConnectionTypeError: An argument has another type than the step wants.
        """
        where = user_location()
        step.check_outputs()
        arguments = _bind(step, args, kwargs, where)
        over = tuple(list(step.signature.parameters)[: len(args)]) if mapped else ()
        inputs = {name: to_input(value, self) for name, value in arguments.items()}
        node = Node(
            name=self._name_for(step, where),
            kind=step.kind,
            step=step,
            inputs=inputs,
            mapped=over,
            outputs=(RESULT,) if mapped else step.outputs,
            location=where,
        )
        self._check_types(node, arguments)
        self._nodes[node.name] = node
        return self._outputs_of(node)

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

    def graph(self, params: Mapping[str, Any], results: tuple[Ref, ...]) -> Graph:
        """Return the finished graph."""
        return Graph(self.pipeline, tuple(self._nodes.values()), self.deployable, dict(params), results)

    def check_known(self, ref: Ref) -> None:
        """Refuse an output that another pipeline's trace made."""
        if ref.node not in self._nodes:
            raise TraceError(
                f"Output {str(ref)!r} was made by another pipeline or another trace.", where=user_location()
            )

    def _name_for(self, step: Step[..., Any], where: str) -> str:
        first, uses = self._uses.get(step.name, (step, 0))
        if first.function is not step.function:
            raise TraceError(
                f"Two different steps of pipeline {self.pipeline!r} are named {step.name!r}: "
                f"{first.location} and {step.location}.",
                where=where,
                hint=f"Give one of them another name: @{step.kind}(name=...).",
            )
        self._uses[step.name] = (first, uses + 1)
        return f"{step.name}#{uses + 1}" if uses else step.name

    def _outputs_of(self, node: Node) -> Any:
        step = node.step
        if step is None or node.mapped:
            kind = list[Any] if step is None else _list_of(step.output_types.get(RESULT, Any))
            self._types[Ref(node.name)] = kind
            return Output(Ref(node.name), kind)
        outputs = [Output(Ref(node.name, name), kind) for name, kind in step.output_types.items()]
        self._types.update({output.ref: output.type for output in outputs})
        if node.outputs == (RESULT,):
            return outputs[0]
        returned = step.signature.return_annotation
        named = isinstance(returned, type) and hasattr(returned, "_make")
        return returned._make(outputs) if named else tuple(outputs)

    def _check_types(self, node: Node, arguments: Mapping[str, Any]) -> None:
        step = node.step
        if step is None:
            return
        for name, value in arguments.items():
            wanted = step.signature.parameters[name].annotation
            if name in node.mapped:
                self._check_mapped(node, name, value, wanted)
            elif isinstance(value, Output):
                self._check_connection(node, name, value.ref, wanted)
            else:
                self._check_value(node, name, value, wanted)

    def _check_value(self, node: Node, name: str, value: Any, wanted: Any) -> None:
        for item, kind in items_of(value, wanted):
            self._check_item(node, name, item, kind)
        default = node.step.signature.parameters[name].default if node.step else NOTHING
        if value is not default and not value_fits(value, wanted, unknown=Output):
            raise ConnectionTypeError(
                f"{name!r} of step {node.name!r} takes {type_name(wanted)}, not {repr(value)[:200]}.",
                where=node.location,
            )

    def _check_item(self, node: Node, name: str, item: Any, wanted: Any) -> None:
        if not isinstance(item, Output):
            for inner, kind in items_of(item, wanted):
                self._check_item(node, name, inner, kind)
        elif wanted is not Any:
            self._check_connection(node, name, item.ref, wanted)

    def _check_connection(self, node: Node, name: str, ref: Ref, wanted: Any) -> None:
        if self._nodes[ref.node].kind == "data":
            self._check_loaded_type(node, name, ref, wanted)
            return
        have = self._types[ref]
        if not fits(have, wanted):
            raise ConnectionTypeError(
                f"Step {ref.node!r} gives {type_name(have)}, but {name!r} of step {node.name!r} "
                f"takes {type_name(wanted)}.",
                where=node.location,
                hint=f"Change one of the annotations, or put a step between {ref.node!r} and {node.name!r}.",
            )

    def _check_loaded_type(self, node: Node, name: str, ref: Ref, wanted: Any) -> None:
        """A dataset is loaded as the type its first consumer is annotated with; the others must agree."""
        dataset = self._nodes[ref.node].dataset
        if wanted is NOTHING:
            raise TraceError(
                f"{name!r} of step {node.name!r} has no annotation, so it is unknown how to load "
                f"dataset {dataset!r}.",
                where=node.step.location if node.step else node.location,
                hint=f"Write the type, for example: def {node.name}({name}: pd.DataFrame) -> ...",
            )
        first_step, first = self._wanted.setdefault(ref, (node.name, wanted))
        if first != wanted:
            raise ConnectionTypeError(
                f"Dataset {dataset!r} is wanted as {type_name(first)} by step {first_step!r} and as "
                f"{type_name(wanted)} by step {node.name!r}.",
                where=node.location,
                hint="Annotate both alike, or convert in a step.",
            )

    def _check_mapped(self, node: Node, name: str, value: Any, wanted: Any) -> None:
        if isinstance(value, list | tuple):
            self._check_value(node, name, list(value), Any if wanted is NOTHING else _list_of(wanted))
            return
        kind = self._types.get(value.ref, Any) if isinstance(value, Output) else type(value)
        item = item_type(kind)
        if item is None:
            what = f"gives {type_name(kind)}" if isinstance(value, Output) else f"is {type_name(kind)}"
            raise ConnectionTypeError(
                f"{node.step.name if node.step else node.name}.map walks over the list {name!r}, but {shown(value)} "
                f"{what}, not a list.",
                where=node.location,
                hint=f"Pass it by keyword to give it whole to every call: {name}=...",
            )
        if not fits(item, wanted):
            raise ConnectionTypeError(
                f"{shown(value)} holds items of type {type_name(item)}, but {name!r} of step {node.name!r} takes "
                f"{type_name(wanted)}.",
                where=node.location,
            )


_TRACE: ContextVar[Trace | None] = ContextVar("interlock_trace", default=None)


def current_trace() -> Trace | None:
    """Return the trace of the pipeline function that is being called, if one is."""
    return _TRACE.get()


@contextmanager
def tracing(pipeline: str) -> Iterator[Trace]:
    """Collect the steps that are called inside the block into a new trace."""
    trace = Trace(pipeline)
    token = _TRACE.set(trace)
    try:
        yield trace
    finally:
        _TRACE.reset(token)


def user_location() -> str:
    """Return file and line of the innermost frame that is neither ours nor that of a library of tables."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack() reads source files and is 1,000 times slower
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_PACKAGE)
        or frame.f_globals.get("__name__", "").partition(".")[0] in _TABLE_LIBRARIES
    ):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def user_line(error: BaseException) -> str:
    """Return file, line and source of the last line that is not ours among those that an error came through."""
    frames = [
        one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(_PACKAGE)
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""


def _one_name(dataset: str) -> str:
    """Return a path as it is written shortest: `./f.csv` and `f.csv` are one dataset, and one source of rows."""
    return dataset if "://" in dataset else posixpath.normpath(dataset)


def _list_of(kind: Any) -> Any:
    try:
        return list[kind]
    except TypeError:
        return list[Any]


def _bind(
    step: Step[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], where: str
) -> Mapping[str, Any]:
    try:
        bound = step.signature.bind(*args, **kwargs)
    except TypeError as error:
        takes = ", ".join(
            name if parameter.default is inspect.Parameter.empty else f"{name}={parameter.default!r}"
            for name, parameter in step.signature.parameters.items()
        )
        raise TraceError(
            f"Step {step.name!r} is called wrongly: {error}.", where=where, hint=f"It takes ({takes})."
        ) from None
    return bound.arguments


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
