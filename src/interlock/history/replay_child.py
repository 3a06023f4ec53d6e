"""`python -m interlock.history.replay_child SPEC RESULT`: make a run again in a process of its own.

Two more words change what the process finds: `clock` stops the clock, `entropy` takes the randomness out of what
the operating system gives. With them the cause of a difference is found by experiment.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from interlock.engine.context import open_context
from interlock.engine.datasets import RunDatasets
from interlock.engine.recorded_params import recorded_params
from interlock.engine.scripts import import_script
from interlock.engine.snapshots import choice_of
from interlock.errors import InterlockError
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
    # The configuration that was kept with the code may name another store, or this one from another folder.
    stack = project.stack.model_copy(update={"store": spec.store or None, "cache": spec.store_cache})
    project = replace(project, stack=stack)
    with open_context(project) as context:
        target = _target(project, spec)
        graph = target.pipeline.trace(recorded_params(target.pipeline, spec.params))
        graph = replace(graph, name=spec.model)
        there = replace(context, project=replace(project, root=Path(spec.data_root)))
        datasets = RunDatasets(graph, there, choice_of(context, graph, spec.snapshots))
        return replay(spec, graph, context, datasets)


def _target(project: Project, spec: ReplaySpec) -> Target:
    if not spec.ref.startswith("__main__:"):
        return load_pipeline(project, spec.ref)
    pipeline: Any = getattr(import_script(project.root / spec.main), spec.ref.partition(":")[2])
    return Target(spec.model, pipeline, ModelConfig.model_construct(pipeline=spec.ref), spec.ref)


if __name__ == "__main__":
    main(sys.argv[1:])
