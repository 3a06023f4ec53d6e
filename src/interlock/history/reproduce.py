"""Make a recorded run again and prove, artifact by artifact, whether it came out the same."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from interlock.engine.context import RunContext
from interlock.engine.kept import CELLS
from interlock.engine.wiring import KIND as GRAPH
from interlock.history.child import ReplayFailed, ReplayRefused, Surroundings, run_replay
from interlock.history.diagnose import find_cause
from interlock.history.environments import EnvironmentDiff, compare_environments
from interlock.history.replay import ReplaySpec
from interlock.history.scratch import EnvironmentNotBuilt, interpreter_for, lay_out
from interlock.history.sources import KeptCode
from interlock.identity.environment import Environment, environment, normalised
from interlock.identity.facts import machine_facts
from interlock.records.model import Certificate, RunRecord
from interlock.store.opening import place_of

Outcome = Literal["identical", "equal", "different", "not reproducible"]

DEFAULT_TOLERANCE = 1e-9
"""The relative difference up to which numbers count as equal."""


@dataclass(frozen=True)
class How:
    """How a run is made again.

    Attributes:
        here: Whether the present environment is used, rather than the recorded one built anew.
        tolerance: The relative difference up to which numbers count as equal.
        keep: A folder in which code and environment are left to be looked at.
    """

    here: bool = False
    tolerance: float = DEFAULT_TOLERANCE
    keep: Path | None = None


def reproduce(context: RunContext, run_id: str, how: How) -> Certificate:
    """Make a run again and record the certificate of what came of it.

    The code is laid out from what was kept of it, the environment is built as it was recorded, the datasets are read
    as of their recorded snapshots, and every step runs: nothing comes from the cache. Records, models and artifacts
    of the project stay as they are.

    Raises:
        UnknownRun: There is no such run.
        MissingExtra: uv is not installed, and `how.here` was not asked for.
    """
    run = context.records.runs.get(run_id)
    report = _report(context, run, how)
    return context.records.certificates.add(run_id, report["verdict"], report)


def _report(context: RunContext, run: RunRecord, how: How) -> dict[str, Any]:
    now, facts = environment(), machine_facts()
    recorded = context.records.environments.get(run.environment) if run.environment else None
    used = now if how.here or recorded is None else recorded
    processors = [{"processor": one["processor"]} for one in (run.facts, facts) if "processor" in one]
    moved = compare_environments(recorded or used, used, *(processors if len(processors) == 2 else ()))
    report: dict[str, Any] = {
        "run": run.id,
        "version_id": run.version_id,
        "tolerance": how.tolerance,
        "environment": {"recorded": run.environment, "used": used.digest, "built": not how.here},
        "differences": asdict(moved),
        "steps": [],
        "first": None,
        "missing": _missing(context, run),
    }
    if report["missing"]:
        return report | {"verdict": "not reproducible"}
    with _workplace(context, how) as place:
        code = KeptCode(context.store, run.code)
        root = place / "code"
        root.mkdir(parents=True)
        lay_out(code, root)
        spec = _spec(context, run, how, root, place / "replay", code)
        try:
            around = surroundings_of(context, run, how, used, code)
            made = run_replay(spec, around)
        except (EnvironmentNotBuilt, ReplayRefused, ReplayFailed) as refused:
            return report | {"verdict": "not reproducible", "missing": [str(refused)]}
        judged = _judge(context, run, made)
        if judged["first"] is not None and judged["first"]["seconds"] is not None:
            first = judged["first"]
            parts = _fingerprint_parts(context, run, first["step"])
            first["cause"] = asdict(find_cause(spec, around, first["step"], first["seconds"], parts, moved))
        return report | judged


def _missing(context: RunContext, run: RunRecord) -> list[str]:
    """Return, in words, what would be needed and is not there."""
    found = []
    if run.code is None:
        found.append("its code was not kept: it was recorded by an earlier version of Interlock")
    elif any(path.startswith(CELLS) for path in KeptCode(context.store, run.code).files):
        found.append(
            "its steps were typed into a prompt or a notebook; their text is kept, and no file to import"
        )
    if run.status in ("running", "refused"):
        found.append(f"it is {run.status}: there is nothing to compare with")
    for dataset, digest in run.snapshots.items():
        if context.records.datasets.by_digest(digest, dataset) is None:
            found.append(f"the snapshot of the dataset {dataset!r} is not in the records")
    return found


@contextmanager
def _workplace(context: RunContext, how: How) -> Iterator[Path]:
    if how.keep is not None:
        how.keep.mkdir(parents=True, exist_ok=True)
        yield how.keep.resolve()
        return
    place = Path(tempfile.mkdtemp(prefix="reproduce-", dir=context.project.home.tmp)).resolve()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def surroundings_of(
    context: RunContext, run: RunRecord, how: How, used: Environment, code: KeptCode
) -> Surroundings:
    """Return what a replay of a run finds around it: hashes, threads and variables as then, and the interpreter.

    Raises:
        EnvironmentNotBuilt: The recorded environment cannot be built.
    """
    hashes = run.facts.get("hash_seed")
    variables: dict[str, str | None] = {
        **(run.facts.get("threads") or {}),
        **{
            name: value
            for name, value in (run.facts.get("variables") or {}).items()
            if not str(value).startswith("secret ")
        },
        **({"PYTHONHASHSEED": hashes} if hashes else {}),
    }
    if how.here:
        return Surroundings(variables=variables)
    folder = context.project.home.tmp / "environments"
    python = interpreter_for(used, folder, own_code=_project_names(code))
    return Surroundings(python=python, variables=variables)


def _project_names(code: KeptCode) -> Iterator[str]:
    """Yield the name of the distribution that the project itself is, where it is one."""
    if "pyproject.toml" in code.files:
        try:
            name = tomllib.loads(code.read("pyproject.toml").decode())["project"]["name"]
        except (KeyError, ValueError):
            return
        yield normalised(str(name))


def _spec(
    context: RunContext, run: RunRecord, how: How, root: Path, scratch: Path, code: KeptCode
) -> ReplaySpec:
    return ReplaySpec(
        root=str(root),
        data_root=str(context.project.root),
        home=str(context.project.home.path.resolve()),
        store=place_of(context.project).address,
        store_cache=place_of(context.project).cache,
        scratch=str(scratch),
        model=run.pipeline,
        ref=run.ref,
        main=code.main,
        params=run.params,
        seed=int(run.facts.get("seed", 0)),
        snapshots=run.snapshots,
        expected=run.id,
        tolerance=how.tolerance,
    )


def _judge(context: RunContext, run: RunRecord, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdict over the steps that were made again, and the first that came out differently."""
    states: dict[str, str] = {one.node: one.state for one in context.records.steps.of(run.id)}
    steps = [_beside(step, states.get(step["step"])) for step in made["steps"]]
    if all(one["verdict"] in ("not compared", "not reached") for one in steps):
        missing = ["none of its steps was recorded: there is nothing to compare with"]
        return {"verdict": "not reproducible", "steps": steps, "first": None, "missing": missing}
    first = next((one for one in steps if one["verdict"] in ("different", "failed")), None)
    verdicts = {one["verdict"] for one in steps}
    outcome: Outcome = "different" if first else ("equal" if "equal" in verdicts else "identical")
    told = None
    if first is not None:
        apart = next((one for one in first["outputs"] if one["verdict"] == "different"), None)
        told = {"step": first["step"], "seconds": first["seconds"], "error": first["error"], "output": apart}
    changed = _graph_changes(context, run, {one["step"] for one in steps})
    if changed and told is None:
        outcome = "different"
        told = {"step": changed[0], "seconds": None, "error": "the graph has other steps", "output": None}
    return {"verdict": outcome, "steps": steps, "first": told, "metrics": made["metrics"]}


def _beside(step: Mapping[str, Any], recorded: str | None) -> dict[str, Any]:
    """Return a step that was made again, judged beside what became of it then."""
    verdict = step["verdict"]
    if recorded in ("failed", "skipped") and verdict in ("failed", "not reached"):
        return {**step, "verdict": "identical"}  # it came to nothing then, and comes to nothing now
    if recorded in ("skipped", "stopped") and verdict == recorded:
        return {**step, "verdict": "identical"}
    if recorded != "failed" and verdict in ("skipped", "stopped"):
        return {**step, "verdict": "different", "error": f"it {recorded} then, and is {verdict} now"}
    if recorded == "failed":
        return {**step, "verdict": "different", "error": "it failed then, and succeeds now"}
    if recorded in ("ran", "cached") and verdict == "not compared":
        return {**step, "verdict": "different", "error": "it has other outputs"}
    return dict(step)


def _graph_changes(context: RunContext, run: RunRecord, steps: set[str]) -> list[str]:
    nodes = context.store.get_manifest(GRAPH, run.graph)["nodes"] if run.graph else {}
    recorded = {name for name, node in nodes.items() if node["kind"] != "data"}
    return sorted(recorded ^ steps) if nodes else []


def _fingerprint_parts(context: RunContext, run: RunRecord, step: str) -> Mapping[str, str]:
    found = context.records.steps.get(run.id, step)
    return found.fingerprint_parts if found else {}


def not_deterministic(context: RunContext, run_id: str, how: How) -> list[dict[str, Any]]:
    """Run every step of a run a second time, on the inputs that the run recorded, and return those that differ.

    Each comes with where it differs and with the likely cause. The second time is in another process, with other
    hashes, and uses the project as it is.

    Raises:
        UnknownRun: There is no such run.
        ReplayRefused: The steps cannot be run again.
    """
    run = context.records.runs.get(run_id)
    with _workplace(context, how) as place:
        code = KeptCode(context.store, run.code)
        spec = replace(_spec(context, run, how, context.project.root, place / "replay", code), given=True)
        around = Surroundings()
        found = []
        for step in run_replay(spec, around)["steps"]:
            if step["verdict"] in ("different", "failed"):
                parts = _fingerprint_parts(context, run, step["step"])
                cause = find_cause(spec, around, step["step"], step["seconds"], parts, EnvironmentDiff())
                found.append(step | {"cause": asdict(cause)})
    return found
