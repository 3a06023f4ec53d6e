"""How the steps of a graph are connected, as JSON: kept once, so that runs can be compared later."""

from __future__ import annotations

from typing import Any

from interlock.engine.recordable import recordable_value
from interlock.errors import InterlockError
from interlock.graph.model import Condition, Const, Graph, Input, Node, Ref
from interlock.identity.digest import digest_json, digest_value

KIND = "graph"
"""The kind of the manifests."""


def wiring(graph: Graph) -> dict[str, Any]:
    """Return the nodes of a graph by name, with where each input comes from, and what goes to production."""
    made = graph.deployable
    return {
        "params": sorted(graph.params),
        "nodes": {node.name: _node(node) for node in graph.nodes},
        "deployable": None
        if made is None
        else {
            "given": str(made.given),
            "answer": str(made.answer),
            "metrics": [str(ref) for ref in made.metrics],
        },
    }


def wiring_digest(body: dict[str, Any]) -> str:
    """Return what identifies the connections alone, whatever the constants are: they are code."""
    return digest_json(["Wiring", _without_constants(body)])


def constants_digest(body: dict[str, Any]) -> str:
    """Return what identifies the constants of a graph: they are configuration."""
    return digest_json(
        ["Constants", {name: _constants(node["inputs"]) for name, node in body["nodes"].items()}]
    )


def _node(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "step": f"{node.step.module}:{node.step.qualname}" if node.step else None,
        "dataset": node.dataset,
        "mapped": list(node.mapped),
        **({"product": True} if node.product else {}),
        **({"when": [_condition(one) for one in node.conditions]} if node.conditions else {}),
        "outputs": list(node.outputs),
        "inputs": {name: _of_node(node, name, value) for name, value in node.inputs.items()},
    }


def _condition(condition: Condition) -> dict[str, Any]:
    return {"from": str(condition.ref), "is": condition.wanted}


def _of_node(node: Node, name: str, value: Input) -> dict[str, Any]:
    try:
        return _input(value)
    except InterlockError as error:
        error.where = error.where or f"{name!r} of step {node.name!r}, {node.location}"
        raise


def _input(value: Input) -> dict[str, Any]:
    if isinstance(value, Ref):
        return {"from": str(value)}
    if isinstance(value, Const):
        return {"value": recordable_value(value.value), "digest": digest_value(value.value)}
    return {"kind": value.kind, "keys": list(value.keys), "items": [_input(item) for item in value.items]}


def _without_constants(body: Any) -> Any:
    if isinstance(body, dict):
        if "digest" in body and "value" in body:
            return "constant"
        return {name: _without_constants(value) for name, value in body.items()}
    return [_without_constants(one) for one in body] if isinstance(body, list) else body


def _constants(body: Any) -> Any:
    if isinstance(body, dict):
        if "digest" in body and "value" in body:
            return body["digest"]
        return {name: _constants(value) for name, value in body.items()}
    return [_constants(one) for one in body] if isinstance(body, list) else None
