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
from interlock.engine.run import RunOptions
from interlock.engine.scripts import IMPORTING, StopImport
from interlock.graph.pipeline import Pipeline
from interlock.models.build import build
from interlock.models.built import NoVersion
from interlock.models.bundle_code import TypedIn
from interlock.stack.config import Project
from interlock.stack.home import find_project
from interlock.stack.targets import target_of


def run_pipeline(
    pipeline: Pipeline, params: Mapping[str, Any], *, cache: bool, data: Mapping[str, int]
) -> Run:
    """Run a pipeline in its project and return the run.

    Raises:
        StepFailed: A step failed; the user's own error is its cause.
        NoVersion: The run succeeded, and no model version can be made of it.
        InterlockError: The run cannot begin, or leaks.
    """
    if os.environ.get(IMPORTING):
        raise StopImport
    project = _project_of(pipeline)
    target = target_of(project, pipeline)
    with open_context(project) as context:
        try:
            made = build(
                target,
                context,
                params=target.params(params),
                options=RunOptions(cache=cache, echo=sys.stdout, data=DataChoice(data)),
            )
        except NoVersion as error:
            if not isinstance(error.__cause__, TypedIn):
                raise
            sys.stderr.write(f"{error}\n")  # at a prompt or in a notebook, the run is what is wanted
            return error.run
    if made.run.failure is not None:
        raise made.run.failure from made.run.failure.__cause__
    return made.run


def _project_of(pipeline: Pipeline) -> Project:
    """Return the project of the file that holds the pipeline, else that of the current folder.

    A script may be called from anywhere, and may import its pipeline. The configuration nearest to the pipeline counts,
    then the one nearest to the current folder; where there is none at all, a script's own folder is the project.
    """
    here = find_project(Path.cwd())
    file = Path(pipeline.function.__code__.co_filename)
    main = sys.modules.get("__main__")
    by_name = getattr(main, "__spec__", None) is not None  # python -m: found from the current folder
    is_script = pipeline.module == "__main__"
    if not file.is_file() or "site-packages" in file.parts or (is_script and by_name):
        return here
    beside = find_project(file.resolve().parent)
    return beside if beside.file is not None or (is_script and here.file is None) else here
