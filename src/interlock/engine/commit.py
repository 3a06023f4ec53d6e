"""What names a run: data, code, configuration and environment together, before its first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.engine.kept import keep_code
from interlock.engine.wiring import KIND, constants_digest, wiring, wiring_digest
from interlock.graph.model import Graph
from interlock.identity.code import Fingerprint
from interlock.identity.digest import Undigestible, digest_hex, digest_json, digest_value
from interlock.records.model import Commit
from interlock.stack.config import Project
from interlock.stack.sockets import BlobStore

FACETS = ("data", "code", "configuration", "environment")
"""The four that a version names, in the order in which they are told."""

VERSION_LENGTH = 12
"""Hexadecimal digits of a version: two of a million versions share one with a chance below one in 500."""


def commit_of(
    graph: Graph,
    project: Project,
    store: BlobStore,
    *,
    data: Mapping[str, str],
    fingerprints: Mapping[str, Fingerprint],
    environment: str,
    variables: Mapping[str, Any],
    seed: int,
) -> Commit:
    """Return what names a run, and keep its code and its graph in the store.

    Args:
        graph: What is run.
        project: The project.
        store: Where code and graph are kept.
        data: What identifies the content of each dataset.
        fingerprints: The fingerprint of each step, by node.
        environment: Digest of the environment.
        variables: The declared environment variables.
        seed: What the random numbers begin with.
    """
    connected = wiring(graph)
    facets = {
        "data": digest_json(["data", dict(data)]),
        "code": digest_json(
            ["code", {name: one.digest for name, one in fingerprints.items()}, wiring_digest(connected)]
        ),
        "configuration": digest_json(
            ["configuration", _params(graph), constants_digest(connected), dict(variables), seed]
        ),
        "environment": environment,
    }
    code = keep_code(store, project, graph, fingerprints.values())
    return Commit(version_id_of(facets), facets, code, store.put_manifest(KIND, connected))


def _params(graph: Graph) -> dict[str, str]:
    return {name: _param(value) for name, value in graph.params.items()}


def _param(value: Any) -> str:
    try:
        return digest_value(value)
    except Undigestible:
        return type(value).__qualname__


def version_id_of(facets: Mapping[str, str]) -> str:
    """Return the short id of four facets."""
    return digest_hex(digest_json(["version", [facets[name] for name in FACETS]]))[:VERSION_LENGTH]
