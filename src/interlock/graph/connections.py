"""Connections: whether what is handed to a step, or to a pipeline inside another, is what it takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
from interlock.graph.model import Node, Ref
from interlock.graph.output import Output, TraceError


@dataclass(frozen=True)
class Taker:
    """A parameter of a step, or of a pipeline inside another, that is given a value.

    Attributes:
        kind: `step` or `pipeline`.
        name: Of the node, or of the pipeline.
        parameter: What is given a value.
        location: Where it is called.
        defined: Where it is defined.
    """

    kind: str
    name: str
    parameter: inspect.Parameter
    location: str
    defined: str

    def __str__(self) -> str:
        return f"{self.parameter.name!r} of {self.kind} {self.name!r}"


class Connections:
    """The types of the outputs of one trace.

    Args:
        nodes: The nodes of the trace by name; it grows.
    """

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._types: dict[Ref, Any] = {}
        self._wanted: dict[Ref, tuple[str, Any]] = {}

    def know(self, output: Output) -> None:
        """Note the type of an output."""
        self._types[output.ref] = output.type

    def check(self, taker: Taker, value: Any) -> None:
        """Check a value that is given whole.

        Raises:
            ConnectionTypeError: It has another type than is taken.
            TraceError: It is a dataset, and the step does not say how to load it.
        """
        wanted = taker.parameter.annotation
        if isinstance(value, Output):
            self._check_output(taker, value.ref, wanted)
        else:
            self._check_value(taker, value, wanted)

    def check_items(self, taker: Taker, value: Any) -> None:
        """Check a list that is walked over; what is taken is one of its items.

        Raises:
            ConnectionTypeError: It is no list, or its items have another type than is taken.
        """
        wanted = taker.parameter.annotation
        if isinstance(value, list | tuple):
            self._check_value(taker, list(value), Any if wanted is NOTHING else list_of(wanted))
        elif isinstance(value, Output):
            for ref in self.options(value.ref):
                kind = self._types.get(ref, Any)
                self._check_list(taker, kind, wanted, value, f"gives {type_name(kind)}")
        else:
            self._check_list(taker, type(value), wanted, value, f"is {type_name(type(value))}")

    def check_bool(self, ref: Ref, where: str) -> None:
        """Check that an output may be a condition.

        Raises:
            TraceError: It is a dataset, or certainly no bool.
        """
        for option in self.options(ref):
            node = self._nodes[option.node]
            kind = self._types.get(option, Any)
            if node.kind == "data" or not (fits(kind, bool) or _is_numpy_bool(kind)):
                gives = "is a dataset" if node.kind == "data" else f"gives {type_name(kind)}"
                raise TraceError(
                    f"when(...) takes a bool, but {str(option)!r} {gives}.",
                    where=where,
                    hint="Ask in a step that returns a bool: def is_big(rows: pd.DataFrame) -> bool: ...",
                )

    def options(self, ref: Ref) -> Iterator[Ref]:
        """Yield what an output may come from: itself, or for an `either` each of what it chooses among."""
        node = self._nodes[ref.node]
        if node.kind != "either":
            yield ref
            return
        for option in node.input_refs():
            yield from self.options(option)

    def _check_value(self, taker: Taker, value: Any, wanted: Any) -> None:
        for item, kind in items_of(value, wanted):
            self._check_item(taker, item, kind)
        if value is not taker.parameter.default and not value_fits(value, wanted, unknown=Output):
            raise ConnectionTypeError(
                f"{taker} takes {type_name(wanted)}, not {repr(value)[:200]}.", where=taker.location
            )

    def _check_item(self, taker: Taker, item: Any, wanted: Any) -> None:
        if not isinstance(item, Output):
            for inner, kind in items_of(item, wanted):
                self._check_item(taker, inner, kind)
        elif wanted is not Any:
            self._check_output(taker, item.ref, wanted)

    def _check_output(self, taker: Taker, ref: Ref, wanted: Any) -> None:
        if self._nodes[ref.node].kind == "data":
            if taker.kind == "step":  # how a pipeline's param is annotated loads nothing
                self._check_loaded_type(taker, ref, wanted)
            return
        for option in self.options(ref):
            have = self._types[option]
            if not fits(have, wanted):
                raise ConnectionTypeError(
                    f"Step {option.node!r} gives {type_name(have)}, but {taker} takes {type_name(wanted)}.",
                    where=taker.location,
                    hint=f"Change one of the annotations, or put a step between {option.node!r} and {taker.name!r}.",
                )

    def _check_loaded_type(self, taker: Taker, ref: Ref, wanted: Any) -> None:
        """A dataset is loaded as the type its first consumer is annotated with; the others must agree."""
        dataset = self._nodes[ref.node].dataset
        if wanted is NOTHING:
            raise TraceError(
                f"{taker} has no annotation, so it is unknown how to load dataset {dataset!r}.",
                where=taker.defined,
                hint=f"Write the type, for example: def {taker.name}({taker.parameter.name}: pd.DataFrame) -> ...",
            )
        first_step, first = self._wanted.setdefault(ref, (taker.name, wanted))
        if first != wanted:
            raise ConnectionTypeError(
                f"Dataset {dataset!r} is wanted as {type_name(first)} by step {first_step!r} and as "
                f"{type_name(wanted)} by step {taker.name!r}.",
                where=taker.location,
                hint="Annotate both alike, or convert in a step.",
            )

    def _check_list(self, taker: Taker, kind: Any, wanted: Any, value: Any, what: str) -> None:
        name, item = taker.parameter.name, item_type(kind)
        if item is None:
            hint = f"Pass it by keyword to give it whole to every call: {name}=..."
            if isinstance(value, dict):
                hint = "Give its keys and its values as two lists: list(d), list(d.values())."
            raise ConnectionTypeError(
                f"Step {taker.name!r} is mapped over {name!r}, but {shown(value)} {what}, not a list.",
                where=taker.location,
                hint=hint,
            )
        if not fits(item, wanted):
            raise ConnectionTypeError(
                f"{shown(value)} holds items of type {type_name(item)}, but {taker} takes {type_name(wanted)}.",
                where=taker.location,
            )


def list_of(kind: Any) -> Any:
    """Return the annotation of a list of something."""
    try:
        return list[kind]
    except TypeError:
        return list[Any]


def _is_numpy_bool(kind: Any) -> bool:
    return getattr(kind, "__module__", "") == "numpy" and getattr(kind, "__name__", "") in ("bool", "bool_")
