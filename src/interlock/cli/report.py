"""The report of a run, as the contract `schemas/run.schema.json` has it."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from interlock.cli.console import error_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interlock.engine.result import StepResult
    from interlock.models.built import Build
    from interlock.records.model import RunRecord


def run_report(made: Build) -> dict[str, Any]:
    """Return what `interlock run --json` prints."""
    from interlock.engine.recordable import recordable
    from interlock.models.built import why_no_model

    run = made.run
    report: dict[str, Any] = {
        "run": run.id,
        "status": run.status,
        "steps": [_step(step) for step in run.steps],
        "params": recordable(run.params),
        "metrics": dict(run.metrics),
        "model": made.version.number if made.version else None,
        "gates": [{"gate": v.gate, "passed": v.passed, "reason": v.reason} for v in made.verdicts],
    }
    nothing = why_no_model(run)
    return report | ({"no_model": nothing} if nothing else {}) | {"hint": next_step(made)}


def broken_report(
    run: RunRecord, steps: Sequence[StepResult], error: BaseException, hint: str = ""
) -> dict[str, Any]:
    """Return the report of a run that ended without a result: refused, failed outside a step, or cancelled."""
    return {
        "run": run.id,
        "status": run.status,
        "steps": [_step(step) for step in steps],
        "params": dict(run.params),
        "metrics": dict(run.metrics),
        "model": None,
        "error": error_body(error),
        "hint": hint or f"interlock show {run.id}",
    }


def _step(step: StepResult) -> dict[str, Any]:
    return {
        "name": step.name,
        "state": step.state,
        "seconds": step.seconds,
        "reason": step.reason,
        "error": step.error,
    }


def next_step(made: Build) -> str:
    """Return the command that a user will want next."""
    from interlock.models.built import why_no_model

    version = made.version
    nothing = why_no_model(made.run)
    if nothing:
        return f"No model came of it: {nothing}"
    if made.run.status != "succeeded":
        return f"interlock show {made.run.id}"
    if version is None:
        return f"This pipeline names no deployable; look at the run: interlock show {made.run.id}"
    if not made.new:
        return f"Nothing new: the same as {version.model}@{version.number}"
    if version.status == "passed":
        return f"Make it the champion: interlock promote {version.model}@{version.number}"
    return f"Refused by its gates; see why: interlock show {version.model}@{version.number}"


def run_schema() -> dict[str, Any]:
    """Return the JSON schema of the report."""
    text = resources.files("interlock.cli").joinpath("schemas/run.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
