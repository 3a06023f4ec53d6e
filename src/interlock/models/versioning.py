"""From a run to a model version: bundle it, gather evidence, judge the gates, register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from interlock.engine.context import RunContext
from interlock.engine.result import Run
from interlock.graph.leakage import LeakReport
from interlock.models.built import Build, NoVersion
from interlock.models.bundle import LoadedBundle
from interlock.models.bundle_code import NotBundleable
from interlock.models.bundle_make import make_bundle
from interlock.models.bundle_manifest import BundleError
from interlock.models.codec import Unservable, row_count
from interlock.models.codespace import CodeSpaceError
from interlock.models.elsewhere import load_elsewhere
from interlock.models.gates import Evidence, Gate, parse_gate
from interlock.models.judging import against_champion, judge, to_record
from interlock.models.parity import Parity, check_parity
from interlock.models.registry import CHAMPION, challenge, was_champion
from interlock.models.same import same_version
from interlock.records.model import VersionStatus
from interlock.stack.targets import Target


def register(
    target: Target,
    context: RunContext,
    run: Run,
    leaks: LeakReport,
    gates: Sequence[Gate],
    signal_id: int | None,
) -> Build:
    """Make a version of the run's bundle, or take the earlier one that it equals, judged by its gates.

    Raises:
        NoVersion: The result of the run cannot be bundled.
    """
    try:
        digest = make_bundle(context, run, target.model, context.records.runs.get(run.id).environment)
        challenger, tied = load_elsewhere(context, digest)
    except (BundleError, NotBundleable, CodeSpaceError, Unservable) as error:
        raise NoVersion(run, error) from error
    models = context.records.models
    try:
        same = same_version(context, target.model, digest, run.metrics)
        if same is not None and models.aliases(target.model).get(CHAMPION) == same.number:
            return _told(context, Build(run, same, leaks=leaks, new=False))
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


def _told(context: RunContext, made: Build) -> Build:
    """Record, with the run, which version came of it."""
    if made.version is None:
        return made
    context.records.runs.set_model_version(made.run.id, made.version.number)
    return replace(made, run=replace(made.run, model=made.version.number))
