"""Build a model version: run the pipeline, bundle it, gather evidence, judge the gates, register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from interlock.engine.context import RunContext
from interlock.engine.datasets import DataChoice, data_places
from interlock.engine.progress import Progress
from interlock.engine.result import Run
from interlock.engine.run import RunOptions, refuse_run, run_graph
from interlock.errors import InterlockError
from interlock.graph.leakage import LeakReport, find_leaks
from interlock.graph.slices import check_deployable
from interlock.models.bundle import LoadedBundle
from interlock.models.bundle_code import NotBundleable
from interlock.models.bundle_make import make_bundle
from interlock.models.bundle_manifest import BundleError
from interlock.models.codec import Unservable, row_count
from interlock.models.codespace import PREFIX, CodeSpaceError, StopImport
from interlock.models.compare import Comparison
from interlock.models.elsewhere import load_elsewhere
from interlock.models.gates import Evidence, Gate, Verdict, parse_gate
from interlock.models.judging import against_champion, judge, to_record
from interlock.models.parity import Parity, check_parity
from interlock.models.registry import CHAMPION, challenge, was_champion
from interlock.models.same import same_version
from interlock.records.model import ModelVersion, VersionStatus
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
        InterlockError: The run cannot begin.
    """
    if target.pipeline.module.startswith(PREFIX):  # a bundled script that runs its pipeline when imported
        raise StopImport
    gates = [
        parse_gate(text) for text in (DEFAULT_GATES if target.config.gates is None else target.config.gates)
    ]
    graph = replace(target.pipeline.trace(params), name=target.model)
    check_deployable(graph)
    leaks = find_leaks(graph, data_places(graph, context.project))
    options = RunOptions(target.ref, cache, from_step, signal_id, tags, leaks, echo, seed, data)
    if leaks.unwaived:
        record = refuse_run(graph, context, options, "the pipeline leaks")
        raise LeakageRefused(leaks, record.id)
    run = run_graph(graph, context, options, progress=progress)
    if graph.deployable is None or run.failure is not None:
        return Build(run, leaks=leaks)
    return _register(target, context, run, leaks, gates, signal_id)


def _register(
    target: Target,
    context: RunContext,
    run: Run,
    leaks: LeakReport,
    gates: Sequence[Gate],
    signal_id: int | None,
) -> Build:
    try:
        digest = make_bundle(context, run, target.model, context.records.runs.get(run.id).environment)
        challenger, tied = load_elsewhere(context, digest)
    except (BundleError, NotBundleable, CodeSpaceError, Unservable) as error:
        raise NoVersion(run, error) from error
    models = context.records.models
    try:
        same = same_version(context, target.model, digest, run.metrics)
        if same is not None and models.aliases(target.model).get(CHAMPION) == same.number:
            return _told(context, Build(run, same, _recorded(context, same), leaks=leaks, new=False))
        made = _judge(context, Build(run, leaks=leaks, new=same is None), challenger, tied, gates)
    finally:
        challenger.close()
    status: VersionStatus = "passed" if all(verdict.passed for verdict in made.verdicts) else "refused"
    said = [to_record(verdict) for verdict in made.verdicts]
    if same is None:
        version = models.add_version(
            target.model, run.id, digest, run.metrics, status, signal_id=signal_id, verdicts=said
        )
    else:
        version = models.set_status(target.model, same.number, status, said)
    if version.status == "passed" and not was_champion(context.records, version):
        challenge(context.records, version)
    return _told(context, replace(made, version=version))


def _judge(
    context: RunContext, made: Build, challenger: LoadedBundle, tied: str, gates: Sequence[Gate]
) -> Build:
    """Return the build with its evidence and its verdicts."""
    given, answer = challenger.reference_given(), challenger.reference_answer()
    schemas = challenger.request_schema, challenger.answer_schema
    parity = (
        Parity(passed=False, reason=tied)
        if tied
        else check_parity(challenger.predict, *schemas, given, answer)
    )
    comparison = against_champion(context, challenger, given)
    evidence = Evidence(
        metrics=made.run.metrics,
        rows=row_count(given),
        champion=comparison.metrics if comparison else None,
        champion_version=comparison.version if comparison else None,
        parity=parity,
        leakage=made.leaks,
    )
    asked = [*gates, parse_gate("parity")] if tied and parse_gate("parity") not in gates else gates
    return replace(made, verdicts=judge(evidence, asked, comparison), comparison=comparison, parity=parity)


def _recorded(context: RunContext, version: ModelVersion) -> list[Verdict]:
    said = context.records.models.verdicts(version.model, version.number)
    return [Verdict(one.gate, passed=one.passed, numbers=one.numbers, reason=one.reason) for one in said]


def _told(context: RunContext, made: Build) -> Build:
    """Record, with the run, which version came of it."""
    if made.version is None:
        return made
    context.records.runs.set_model_version(made.run.id, made.version.number)
    return replace(made, run=replace(made.run, model=made.version.number))
