"""A project in a folder, and runs in it: what the tests of the engine build on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext, open_context
from interlock.engine.result import Run
from interlock.engine.run import RunOptions, run_graph
from interlock.graph.pipeline import Pipeline
from interlock.stack.home import find_project


@contextmanager
def project_in(folder: Path) -> Iterator[RunContext]:
    """Open the project of a folder, made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_context(find_project(folder)) as context:
        yield context


def run(connect: Any, context: RunContext, **options: Any) -> Run:
    """Run the pipeline that `connect` is."""
    pipeline = Pipeline(connect, name="p")
    return run_graph(pipeline.trace(pipeline.bind({})), context, RunOptions(**options))


def states(made: Run) -> dict[str, str]:
    """Return the state of each step."""
    return {step.name: step.state for step in made.steps}
