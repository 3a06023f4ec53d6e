"""Build a model version: run the pipeline, bundle it, gather evidence, judge the gates, register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TextIO

from interlock.engine.context import RunContext
from interlock.engine.datasets import DataChoice, data_places
from interlock.engine.progress import Progress
from interlock.engine.result import Run
from interlock.engine.run import RunOptions, refuse_run, run_graph
from interlock.errors import InterlockError
from interlock.extras import require
from interlock.graph.leakage import LeakReport, find_leaks
from interlock.graph.slices import check_deployable
from interlock.models.codespace import PREFIX, StopImport
from interlock.models.gates import Verdict, parse_gate
from interlock.records.model import ModelVersion
from interlock.stack.targets import Target

if TYPE_CHECKING:
    from interlock.models.compare import Comparison
    from interlock.models.parity import Parity

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


class NoVersion(InterlockError):
    """A run succeeded, and no model version can be made of it; the run stands, as `run`."""

    def __init__(self, run: Run, cause: InterlockError) -> None:
        what = f"Run {run.id} succeeded, but no model version can be made of it: {cause.what}"
        super().__init__(what, where=cause.where, hint=cause.hint)
        self.run = run


@dataclass(frozen=True)
class Build:
    """A run, and the model version that came of it, if the pipeline names a deployable.

    A run that comes to the very bundle of an earlier version makes no new one: `version` is that one then, judged
    again unless it is the champion, and `new` is False.
    """

    run: Run
    version: ModelVersion | None = None
    verdicts: Sequence[Verdict] = ()
    comparison: Comparison | None = None
    parity: Parity | None = None
    leaks: LeakReport | None = field(default=None, repr=False)
    new: bool = True


def build(  # noqa: PLR0913 (all but the first two are given by name)
    target: Target,
    context: RunContext,
    *,
    params: Mapping[str, Any],
    cache: bool = True,
    from_step: str | None = None,
    signal_id: int | None = None,
    tags: Mapping[str, str] | None = None,
    data: DataChoice | None = None,
    progress: Progress | None = None,
    echo: TextIO | None = None,
    seed: int = 0,
) -> Build:
    """Run a pipeline; when it names a deployable, bundle the run, judge its gates and register a version.

    Args:
        target: The pipeline and how it is used in the project.
        context: The store and the records.
        params: The params of the run, as `target.params` returned them.
        cache: Whether earlier results may be taken.
        from_step: A step from which on everything runs anew.
        signal_id: The signal that caused the run.
        tags: Free text for the run, by name.
        data: Which snapshots are read, where not the pinned or the current ones.
        progress: Who watches.
        echo: Where what steps print is shown.
        seed: What the random numbers of the steps begin with.

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
    options = RunOptions(target.ref, cache, from_step, signal_id, tags, leaks, echo, seed, data)
    if leaks.unwaived:
        record = refuse_run(graph, context, options, "the pipeline leaks")
        raise LeakageRefused(leaks, record.id)
    run = run_graph(graph, context, options, progress=progress)
    if graph.deployable is None or run.failure is not None:
        return Build(run, leaks=leaks)
    from interlock.models.versioning import (
        register,  # brings the codec: a run without a deployable needs none
    )

    return register(target, context, run, leaks, gates, signal_id)
