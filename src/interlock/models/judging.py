"""Judge a model version by its gates: when it is made, and again when another version has become champion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from interlock.engine.context import RunContext
from interlock.errors import InterlockError
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.codec import row_count
from interlock.models.compare import Comparison, compare
from interlock.models.gates import Evidence, Gate, Verdict, names_champion, parse_gate
from interlock.models.registry import CHAMPION
from interlock.records.model import ModelVersion, VerdictRecord, VersionStatus


def judge(evidence: Evidence, gates: Sequence[Gate], comparison: Comparison | None) -> list[Verdict]:
    """Return the verdict of each gate, and before them what fails a version whatever its gates are."""
    return [
        *_empty(evidence),
        *_unusable(evidence),
        *(_with_cause(gate.judge(evidence), comparison) for gate in gates),
    ]


def judge_again(context: RunContext, version: ModelVersion) -> ModelVersion:
    """Judge a version against the champion of now, record the verdicts and return the version.

    What does not depend on the champion was judged when the version was made, and stays.

    Raises:
        InterlockError: The version's bundle cannot be loaded.
    """
    bundle = load_bundle(
        context.store, version.bundle, workdir=context.project.home.tmp, version=version.number
    )
    try:
        given = bundle.reference_given()
        comparison = against_champion(context, bundle, given)
    finally:
        bundle.close()
    said = [
        _again(one, version, comparison, row_count(given)) if names_champion(one.gate) else one
        for one in context.records.models.verdicts(version.model, version.number)
    ]
    status: VersionStatus = "passed" if all(one.passed for one in said) else "refused"
    return context.records.models.set_status(version.model, version.number, status, said)


def against_champion(context: RunContext, challenger: LoadedBundle, given: Any) -> Comparison | None:
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


def to_record(verdict: Verdict) -> VerdictRecord:
    """Return a verdict as it is recorded."""
    return VerdictRecord(verdict.gate, verdict.passed, verdict.to_json()["numbers"], verdict.reason)


def _again(
    said: VerdictRecord, version: ModelVersion, comparison: Comparison | None, rows: int
) -> VerdictRecord:
    # What parity measured is in no metric; where the gate names it, the earlier verdict has it.
    measured = {name: float(said.numbers[name]) for name in ("p50_ms", "p99_ms") if name in said.numbers}
    evidence = Evidence(
        metrics={**measured, **version.metrics},
        rows=rows,
        champion=comparison.metrics if comparison else None,
        champion_version=comparison.version if comparison else None,
    )
    return to_record(_with_cause(parse_gate(said.gate).judge(evidence), comparison))


def _empty(evidence: Evidence) -> list[Verdict]:
    """Return the verdict on a holdout without rows, whatever gates there are: nothing was judged on it."""
    if evidence.rows:
        return []
    return [Verdict("rows > 0", passed=False, numbers={"rows": 0}, reason="The holdout has no rows.")]


def _unusable(evidence: Evidence) -> list[Verdict]:
    """Return the verdict on metrics that are no finite numbers, also where no gate asks for them."""
    broken = {name: value for name, value in evidence.metrics.items() if not math.isfinite(value)}
    if not broken or not evidence.rows:  # without rows they mean nothing anyway
        return []
    shown = ", ".join(f"{name} is {value}" for name, value in broken.items())
    return [Verdict("metrics are finite", passed=False, numbers=broken, reason=f"{shown}.")]


def _with_cause(verdict: Verdict, comparison: Comparison | None) -> Verdict:
    """Add why the champion could not be judged to the verdict that suffers from it."""
    if verdict.passed or comparison is None or not comparison.failed or not names_champion(verdict.gate):
        return verdict
    return replace(verdict, reason=f"{verdict.reason} {comparison.failed}")
