"""`python -m interlock.history.replay_child SPEC RESULT`: make a run again in a process of its own.

Two more words change what the process finds: `clock` stops the clock, `entropy` takes the randomness out of what
the operating system gives. With them the cause of a difference is found by experiment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext, open_context
from interlock.engine.datasets import DataChoice, RunDatasets
from interlock.engine.recordable import recordable
from interlock.engine.scripts import import_script
from interlock.errors import InterlockError, shown
from interlock.graph.params import checked
from interlock.graph.pipeline import Pipeline
from interlock.history.replay import Replay, ReplaySpec, replay
from interlock.history.still import stop_clock, stop_entropy
from interlock.stack.config import ModelConfig, Project
from interlock.stack.home import find_project
from interlock.stack.targets import Target, load_pipeline


def main(arguments: list[str]) -> None:
    """Do what the spec says and write the result, or the error, as JSON."""
    spec_file, result_file, *still = arguments
    if "clock" in still:
        stop_clock()
    if "entropy" in still:
        stop_entropy()
    body = json.loads(Path(spec_file).read_text(encoding="utf-8"))
    spec = ReplaySpec(**{**body, "steps": tuple(body["steps"])})
    try:
        result = _replay(spec).to_json()
    except InterlockError as error:
        result = {"error": str(error)}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


def _replay(spec: ReplaySpec) -> Replay:
    os.environ["INTERLOCK_HOME"] = spec.home
    project = find_project(Path(spec.root))
    with open_context(project) as context:
        target = _target(project, spec)
        graph = target.pipeline.trace(_params(target.pipeline, spec.params))
        graph = replace(graph, name=spec.model)
        there = replace(context, project=replace(project, root=Path(spec.data_root)))
        names = {node.dataset for node in graph.nodes}
        numbers = {name: one for name, one in _snapshots(context, spec).items() if name in names}
        datasets = RunDatasets(graph, there, DataChoice(at=numbers))
        return replay(spec, graph, context, datasets)


class ParamLost(InterlockError):
    """A param was recorded in a way that does not lead back to its value."""


def _params(pipeline: Pipeline, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params that were recorded: the defaults where they are these, else read as from a shell."""
    given = {name: value for name, value in recorded.items() if not _is_default(pipeline, name, value)}
    found = pipeline.bind({name: _given(pipeline, name, value) for name, value in given.items()})
    again = recordable(found)
    for name, value in recorded.items():
        if again.get(name) != value:
            raise ParamLost(
                f"The param {name!r} was recorded as {shown(value)}, which does not tell its value."
            )
    return found


def _is_default(pipeline: Pipeline, name: str, value: Any) -> bool:
    parameter = pipeline.parameters.get(name)
    return parameter is not None and recordable({name: parameter.default})[name] == value


def _given(pipeline: Pipeline, name: str, value: Any) -> Any:
    parameter = pipeline.parameters.get(name)
    if parameter is None or isinstance(value, str):
        return value
    try:
        return checked(value, parameter.annotation)
    except ValueError:
        return json.dumps(value)


def _target(project: Project, spec: ReplaySpec) -> Target:
    if not spec.ref.startswith("__main__:"):
        return load_pipeline(project, spec.ref)
    pipeline: Any = getattr(import_script(project.root / spec.main), spec.ref.partition(":")[2])
    return Target(spec.model, pipeline, ModelConfig.model_construct(pipeline=spec.ref), spec.ref)


def _snapshots(context: RunContext, spec: ReplaySpec) -> dict[str, int]:
    found = {}
    for dataset, digest in spec.snapshots.items():
        record = context.records.datasets.by_digest(digest, dataset)
        if record is not None:
            found[dataset] = record.number
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
