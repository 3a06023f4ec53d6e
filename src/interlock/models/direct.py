"""Running a pipeline object from Python, as `interlock run` does it from a shell."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.engine.context import open_context
from interlock.engine.datasets import DataChoice
from interlock.engine.result import Run
from interlock.graph.pipeline import Pipeline
from interlock.models.build import NoVersion, build
from interlock.models.bundle_code import TypedIn
from interlock.models.codespace import REPLAYING, StopImport
from interlock.stack.home import find_project
from interlock.stack.targets import target_of


def run_pipeline(
    pipeline: Pipeline, params: Mapping[str, Any], *, cache: bool, data: Mapping[str, int]
) -> Run:
    """Run a pipeline in the project of the current folder and return the run.

    Raises:
        StepFailed: A step failed; the user's own error is its cause.
        NoVersion: The run succeeded, and no model version can be made of it.
        InterlockError: The run cannot begin, or leaks.
    """
    if os.environ.get(REPLAYING):
        raise StopImport
    project = find_project(Path.cwd())
    target = target_of(project, pipeline)
    with open_context(project) as context:
        try:
            made = build(
                target,
                context,
                params=target.params(params),
                cache=cache,
                echo=sys.stdout,
                data=DataChoice(data),
            )
        except NoVersion as error:
            if not isinstance(error.__cause__, TypedIn):
                raise
            sys.stderr.write(f"{error}\n")  # at a prompt or in a notebook, the run is what is wanted
            return error.run
    if made.run.failure is not None:
        raise made.run.failure from made.run.failure.__cause__
    return made.run
