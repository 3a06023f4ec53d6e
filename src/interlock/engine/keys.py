"""Cache keys: code fingerprint + digests of the inputs + params."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter

from interlock.errors import InterlockError
from interlock.graph.model import Const, Input, Node, Ref
from interlock.identity.artifact import Artifact
from interlock.identity.digest import digest_json, digest_value
from interlock.identity.walk import Naming

KEY_VERSION = "step/2"
"""Part of every key: a change of what keys are made of must miss all earlier entries."""


def input_identity(value: Input, outputs: Mapping[Ref, str], naming: Naming | None = None) -> object:
    """Return what identifies an input, as JSON: digests in the shape of the input.

    Args:
        value: The input.
        outputs: The identity of every output that the input may hold.
        naming: Names the project's code in a value that was written down in the pipeline.
    """
    if isinstance(value, Ref):
        return outputs[value]
    if isinstance(value, Const):
        return digest_value(value.value, naming=naming)
    return [value.kind, list(value.keys), [input_identity(item, outputs, naming) for item in value.items]]


def inputs_identity(
    node: Node, outputs: Mapping[Ref, str], naming: Naming | None = None
) -> dict[str, object]:
    """Return what identifies each input of a node."""
    return {name: input_identity(value, outputs, naming) for name, value in node.inputs.items()}


def artifact_identity(artifact: Artifact) -> str:
    """Return what identifies an artifact as an input: its type and its content."""
    return f"{artifact.type}@{artifact.digest}"


def cache_key(
    node: Node, fingerprint: str, inputs: Mapping[str, object], setting: Mapping[str, object] | None = None
) -> str:
    """Return the key under which the outputs of a node are kept for later runs.

    A default value that is written out in the call is as if it were not: it is part of the code.

    Args:
        node: The step.
        fingerprint: Of its code.
        inputs: What identifies each input.
        setting: What else all steps of the run depend on, where there is anything.
    """
    mapped = [*node.mapped, "in product"] if node.product else list(node.mapped)
    given = {name: one for name, one in inputs.items() if one != _default_identity(node, name)}
    made_of = [KEY_VERSION, fingerprint, given, mapped, list(node.outputs)]
    return digest_json([*made_of, *([dict(setting)] if setting else [])])


def _default_identity(node: Node, name: str) -> object:
    """Return what identifies the default value of an argument that is a constant, None for any other."""
    if node.step is None or not isinstance(node.inputs.get(name), Const):
        return None
    parameter = node.step.signature.parameters.get(name)
    if parameter is None or parameter.default is Parameter.empty:
        return None
    try:
        return digest_value(parameter.default)
    except InterlockError:
        return None
