"""The manifest of a bundle: a slice as JSON, and back with functions loaded from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from interlock.errors import InterlockError
from interlock.graph.model import Condition, Const, Group, Input, Node, Ref
from interlock.graph.slices import Slice
from interlock.graph.step import Step
from interlock.identity.artifact import Artifact
from interlock.models.bundle_code import Place

KIND = "bundle"
"""The kind of a bundle's manifest in the store."""

FORMAT = 2
"""Version of the manifest; a bundle of a later one is refused."""

LoadStep = Callable[[Place], Step[..., Any]]
Save = Callable[[Any, str], Artifact]
"""Keeps a constant; the text says whose it is."""
Load = Callable[[Artifact], Any]


class BundleError(InterlockError):
    """A run cannot be made into a bundle, or a bundle cannot be loaded."""


def slice_body(piece: Slice, places: Mapping[str, Place], save: Save) -> dict[str, Any]:
    """Return a slice as JSON; constants become artifacts."""
    return {
        "given": str(piece.given),
        "answers": [str(ref) for ref in piece.answers],
        "nodes": [_node_body(node, places.get(node.name), save) for node in piece.nodes],
        "frozen": [str(ref) for ref in piece.frozen],
    }


def slice_of(body: Mapping[str, Any], load_step: LoadStep, load: Load) -> Slice:
    """Read what `slice_body` wrote."""
    return Slice(
        given=Ref.parse(body["given"]),
        answers=tuple(Ref.parse(text) for text in body["answers"]),
        nodes=tuple(_node_of(node, load_step, load) for node in body["nodes"]),
        frozen=tuple(Ref.parse(text) for text in body["frozen"]),
    )


def _node_body(node: Node, place: Place | None, save: Save) -> dict[str, Any]:
    return {
        "name": node.name,
        "kind": node.kind,
        "module": place.module if place else None,
        "qualname": place.qualname if place else None,
        "inputs": {
            name: _input_body(value, f"input {name!r} of step {node.name!r}", save)
            for name, value in node.inputs.items()
        },
        "mapped": list(node.mapped),
        "product": node.product,
        "conditions": [[str(one.ref), one.wanted] for one in node.conditions],
        "outputs": list(node.outputs),
    }


def _node_of(body: Mapping[str, Any], load_step: LoadStep, load: Load) -> Node:
    return Node(
        name=body["name"],
        kind=body["kind"],
        step=load_step(Place(body["module"], body["qualname"])) if body["module"] else None,
        inputs={name: _input_of(value, load) for name, value in body["inputs"].items()},
        mapped=tuple(body["mapped"]),
        product=body.get("product", False),  # neither was there in format 1
        conditions=tuple(Condition(Ref.parse(ref), wanted) for ref, wanted in body.get("conditions", ())),
        outputs=tuple(body["outputs"]),
    )


def _input_body(value: Input, whose: str, save: Save) -> list[Any]:
    if isinstance(value, Ref):
        return ["ref", str(value)]
    if isinstance(value, Const):
        return ["const", save(value.value, whose).to_json()]
    return ["group", value.kind, list(value.keys), [_input_body(item, whose, save) for item in value.items]]


def _input_of(body: list[Any], load: Load) -> Input:
    if body[0] == "ref":
        return Ref.parse(body[1])
    if body[0] == "const":
        return Const(load(Artifact.from_json(body[1])))
    return Group(body[1], tuple(body[2]), tuple(_input_of(item, load) for item in body[3]))


def numbers_body(numbers: Mapping[str, float]) -> dict[str, Any]:
    """Return numbers as JSON; what JSON has no number for is written as text."""
    return {name: value if math.isfinite(value) else repr(value) for name, value in numbers.items()}


def numbers_of(body: Mapping[str, Any]) -> dict[str, float]:
    """Read what `numbers_body` wrote."""
    return {name: float(value) for name, value in body.items()}
