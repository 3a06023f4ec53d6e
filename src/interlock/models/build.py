"""Build a model version: run the pipeline, bundle it, gather evidence, judge the gates, register."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from interlock.engine.context import RunContext
from interlock.engine.datasets import data_places
from interlock.engine.progress import Progress
from interlock.engine.run import RunOptions, refuse_run, run_graph
from interlock.engine.scripts import StopImport
from interlock.errors import InterlockError
from interlock.extras import require
from interlock.graph.deployables import check_deployable
from interlock.graph.leakage import LeakReport, find_leaks
from interlock.models.built import Build, why_no_model
from interlock.models.codespace import PREFIX
from interlock.models.gates import parse_gate
from interlock.stack.targets import Target

DEFAULT_GATES = ("no leakage", "parity")
"""The gates of a model for which none are configured."""


class LeakageRefused(InterlockError):
    """A pipeline leaks, and nobody waived it: it is not run."""

    def __init__(self, report: LeakReport, run_id: str) -> None:
        lines = [f"  {' → '.join(leak.path)}: {leak.reason}" for leak in report.unwaived]
        super().__init__(
            "\n".join(["The pipeline leaks; it was not run:", *lines]),
            hint="Let the step learn from the training side of the split only, or accept the leak with a reason: "
            'deployable(..., waive={"step": "reason"}).',
        )
        self.report = report
        self.run_id = run_id


def build(
    target: Target,
    context: RunContext,
    *,
    params: Mapping[str, Any],
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> Build:
    """Run a pipeline; when it names a deployable, bundle the run, judge its gates and register a version.

    Args:
        target: The pipeline and how it is used in the project.
        context: The store and the records.
        params: The params of the run, as `target.params` returned them.
        options: How it is run; where the pipeline is and what its leak report says is filled in here.
        progress: Who watches.

    Raises:
        GateSyntaxError: A gate of the configuration cannot be read; nothing runs.
        LeakageRefused: The pipeline leaks and nobody waived it; recorded as a refused run.
        NoVersion: The run succeeded, and its result cannot be bundled.
        MissingExtra: The pipeline names a deployable, and numpy is not installed.
        InterlockError: The run cannot begin.
    """
    if target.pipeline.module.startswith(PREFIX):  # a bundled script that runs its pipeline when imported
        raise StopImport
    gates = [
        parse_gate(text) for text in (DEFAULT_GATES if target.config.gates is None else target.config.gates)
    ]
    graph = replace(target.pipeline.trace(params), name=target.model)
    check_deployable(graph)
    if graph.deployable is not None:
        require("numpy", extra="tables")  # what is served goes through the codec, which is made of it
    leaks = find_leaks(graph, data_places(graph, context.project))
    options = replace(options or RunOptions(), ref=target.ref, leaks=leaks)
    if leaks.unwaived:
        record = refuse_run(graph, context, options, "the pipeline leaks")
        raise LeakageRefused(leaks, record.id)
    run = run_graph(graph, context, options, progress=progress)
    if graph.deployable is None or run.failure is not None or why_no_model(run):
        return Build(run, leaks=leaks)
    from interlock.models.versioning import (
        register,  # brings the codec: a run without a deployable needs none
    )

    return register(target, context, run, leaks, gates, options.signal_id)
