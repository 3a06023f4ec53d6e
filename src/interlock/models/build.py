"""Build a model version: run the pipeline, bundle it, gather evidence, judge the gates, register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from interlock.engine.context import RunContext
from interlock.engine.datasets import DataChoice
from interlock.engine.progress import Progress
from interlock.engine.result import Run
from interlock.engine.run import RunOptions, refuse_run, run_graph
from interlock.errors import InterlockError
from interlock.graph.leakage import LeakReport, find_leaks
from interlock.graph.slices import check_deployable
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.bundle_code import NotBundleable
from interlock.models.bundle_make import make_bundle
from interlock.models.bundle_manifest import BundleError
from interlock.models.codec import Unservable, row_count
from interlock.models.codespace import PREFIX, CodeSpaceError, StopImport
from interlock.models.compare import Comparison, compare
from interlock.models.gates import Evidence, Gate, Verdict, parse_gate
from interlock.models.parity import Parity, check_parity
from interlock.models.registry import CHAMPION, challenge
from interlock.records.model import ModelVersion, VerdictRecord
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
    """A run, and the model version that came of it, if the pipeline names a deployable."""

    run: Run
    version: ModelVersion | None = None
    verdicts: Sequence[Verdict] = ()
    comparison: Comparison | None = None
    parity: Parity | None = None
    leaks: LeakReport | None = field(default=None, repr=False)


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
    leaks = find_leaks(graph)
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
        challenger = load_bundle(context.store, digest, workdir=context.project.home.tmp)
    except (BundleError, NotBundleable, CodeSpaceError, Unservable) as error:
        raise NoVersion(run, error) from error
    try:
        given, answer = challenger.reference_given(), challenger.reference_answer()
        parity = check_parity(
            challenger.predict, challenger.request_schema, challenger.answer_schema, given, answer
        )
        comparison = _against_champion(context, challenger, given)
    finally:
        challenger.close()
    evidence = Evidence(
        metrics=run.metrics,
        rows=row_count(given),
        champion=comparison.metrics if comparison else None,
        champion_version=comparison.version if comparison else None,
        parity=parity,
        leakage=leaks,
    )
    verdicts = [*_empty(evidence), *(_with_cause(gate.judge(evidence), comparison) for gate in gates)]
    passed = all(verdict.passed for verdict in verdicts)
    version = context.records.models.add_version(
        target.model,
        run.id,
        digest,
        run.metrics,
        "passed" if passed else "refused",
        signal_id=signal_id,
        verdicts=[VerdictRecord(v.gate, v.passed, v.to_json()["numbers"], v.reason) for v in verdicts],
    )
    if passed:
        challenge(context.records, version)
    return Build(replace(run, model=version.number), version, verdicts, comparison, parity, leaks)


def _empty(evidence: Evidence) -> list[Verdict]:
    """Return the verdict on a holdout without rows, whatever gates there are: nothing was judged on it."""
    if evidence.rows:
        return []
    return [Verdict("rows > 0", passed=False, numbers={"rows": 0}, reason="The holdout has no rows.")]


def _against_champion(context: RunContext, challenger: LoadedBundle, given: Any) -> Comparison | None:
    """Judge the champion on the challenger's holdout; None when there is no champion."""
    version = context.records.models.alias(challenger.model, CHAMPION)
    if version is None:
        return None
    try:
        champion = load_bundle(
            context.store, version.bundle, workdir=context.project.home.tmp, version=version.number
        )
    except InterlockError as error:
        return Comparison(version.number, failed=error.what)
    try:
        return compare(champion, challenger, given)
    finally:
        champion.close()


def _with_cause(verdict: Verdict, comparison: Comparison | None) -> Verdict:
    """Add why the champion could not be judged to the verdict that suffers from it."""
    if verdict.passed or comparison is None or not comparison.failed or "champion" not in verdict.gate:
        return verdict
    return replace(verdict, reason=f"{verdict.reason} {comparison.failed}")
