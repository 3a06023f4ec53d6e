"""Projects with runs, versions and artifacts in their stores, made without training anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext, open_context
from interlock.identity.artifact import Artifact
from interlock.identity.digest import digest_json
from interlock.identity.environment import Environment
from interlock.models.bundle_manifest import KIND as BUNDLE
from interlock.records.model import Commit, ModelVersion, RunRecord, StepRecord
from interlock.stack.home import find_project


@contextmanager
def project(folder: Path) -> Iterator[RunContext]:
    """Open a project, made on first use, with one dataset of one file."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if not (folder / "interlock.toml").exists():
        (folder / "interlock.toml").write_text('[data.flights]\nuri = "data/*.csv"\n')
        (folder / "data" / "a.csv").write_text("a,b\n1,2\n")
    with open_context(find_project(folder)) as context:
        yield context


def blob_artifact(context: RunContext, data: bytes) -> Artifact:
    return Artifact(digest_json(data.hex()), "bytes", "bytes", len(data), context.store.put_bytes(data))


def a_run(context: RunContext, *contents: bytes, pipeline: str = "delays", key: str = "") -> RunRecord:
    """Record a run whose steps made these bytes, with its code and its environment."""
    here = Environment.of("CPython 3.11.7", "Linux x86_64", {"numpy": "2.3"})
    context.records.environments.add(here)
    code = context.store.put_manifest(
        "code", {"files": {"pipeline.py": context.store.put_bytes(b"code of " + contents[0])}}
    )
    graph = context.store.put_manifest("graph", {"nodes": {}, "deployable": None})
    version = digest_json([contents[0].hex(), len(contents)])[7:19]
    run = context.records.runs.start(
        pipeline, environment=here.digest, commit=Commit(version, {}, code, graph)
    )
    for position, data in enumerate(contents):
        context.records.steps.record(run.id, _step(context, data, position, key))
    return context.records.runs.finish(run.id, "succeeded", metrics={"auc": 0.7})


def _step(context: RunContext, data: bytes, position: int, key: str) -> StepRecord:
    fields: dict[str, Any] = {"state": "ran", "cacheable": True, "started_at": 1.0}
    outputs = {"result": blob_artifact(context, data)}
    name = f"{key or data.hex()[:20]}-{position}"
    return StepRecord(f"s{position}", position, "make", "step", key=name, outputs=outputs, **fields)


def a_version(context: RunContext, run: RunRecord, data: bytes = b"model") -> ModelVersion:
    """Register a version with a bundle that holds a frozen artifact and some code."""
    frozen = blob_artifact(context, data).to_json()
    code = {"p.py": context.store.put_bytes(b"bundled " + data)}
    bundle = context.store.put_manifest(BUNDLE, {"run": run.id, "frozen": {"m": frozen}, "code": code})
    return context.records.models.add_version(run.pipeline, run.id, bundle, {"auc": 0.7}, "passed")


def files_below(folder: Path) -> set[str]:
    """Return the names of all objects of a store."""
    parts = [folder / "blobs", folder / "manifests"]
    return {os.path.relpath(path, folder) for part in parts for path in part.rglob("*") if path.is_file()}


def damage(path: Path) -> None:
    """Change the bytes of a stored file."""
    path.chmod(0o600)
    path.write_bytes(b"not what its name says")
