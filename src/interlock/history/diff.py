"""What differs between two runs, in each of the four that a version names: data, code, configuration, environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.engine.commit import FACETS
from interlock.engine.context import RunContext
from interlock.engine.wiring import KIND as GRAPH
from interlock.errors import shown
from interlock.history.changes import Change, code_changes, data_changes, setting_changes
from interlock.history.environments import EnvironmentDiff, environment_diff
from interlock.history.sources import KeptCode
from interlock.records.model import RunRecord


@dataclass(frozen=True)
class RunDiff:
    """What differs between two runs.

    Attributes:
        changed: Which of the four differ, in the order in which they are told.
        data: Datasets, part by part.
        code: Functions, classes and constants with their lines, and how the steps are connected.
        configuration: Params, constants, seed and declared variables.
        environment: Interpreter, packages and machine.
        metrics: Each metric before and after; None where a run does not have it.
    """

    before: RunRecord
    after: RunRecord
    changed: tuple[str, ...]
    data: tuple[Change, ...]
    code: tuple[Change, ...]
    configuration: tuple[Change, ...]
    environment: EnvironmentDiff
    metrics: Mapping[str, tuple[float | None, float | None]]


def diff_runs(context: RunContext, before: RunRecord, after: RunRecord) -> RunDiff:
    """Return what differs between two runs.

    Raises:
        NoEnvironment: One of them was refused before it began.
    """
    graphs = _nodes(context, before), _nodes(context, after)
    names = dict.fromkeys((*before.snapshots, *after.snapshots))
    return RunDiff(
        before=before,
        after=after,
        changed=tuple(name for name in FACETS if before.facets.get(name) != after.facets.get(name)),
        data=tuple(one for name in names for one in data_changes(context.records, name, before, after)),
        code=(*_parts(context, before, after), *_wiring(*graphs)),
        configuration=_configuration(before, after, *graphs),
        environment=environment_diff(context.records, before, after),
        metrics={
            name: (before.metrics.get(name), after.metrics.get(name))
            for name in dict.fromkeys((*before.metrics, *after.metrics))
        },
    )


def _nodes(context: RunContext, run: RunRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = context.store.get_manifest(GRAPH, run.graph)["nodes"] if run.graph else {}
    return found


def _parts(context: RunContext, before: RunRecord, after: RunRecord) -> Iterator[Change]:
    steps = [{one.node: one for one in context.records.steps.of(run.id)} for run in (before, after)]
    # A step that was skipped in one of them has no parts there, and nothing to be compared by.
    skipped = {name for one in steps for name, step in one.items() if not step.fingerprint_parts}
    parts = [
        {
            label: digest
            for name, step in one.items()
            if name not in skipped
            for label, digest in step.fingerprint_parts.items()
            if ":" in label and not label.startswith("dist:")
        }
        for one in steps
    ]
    codes = [KeptCode(context.store, run.code) for run in (before, after)]
    return code_changes(parts[0], parts[1], codes[0], codes[1])


def _wiring(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for node in dict.fromkeys((*before, *after)):
        if node not in before or node not in after:
            kind = (after.get(node) or before[node])["kind"]
            there = node in after
            yield Change(
                "input",
                node,
                "" if there else kind,
                kind if there else "",
                lines=(f"{'+' if there else '-'} {node}",),
            )
            continue
        old, new = before[node]["inputs"], after[node]["inputs"]
        for name in dict.fromkeys((*old, *new)):
            was, now = _sources(old.get(name)), _sources(new.get(name))
            if was != now:
                yield Change("input", f"{node}.{name}", was, now)
        for what, told in (("branch", _branch), ("lists", _walk)):
            was, now = told(before[node]), told(after[node])
            if was != now:
                yield Change("input", f"{node} {what}", was, now)


def _branch(node: Mapping[str, Any]) -> str:
    """Return when a node runs."""
    conditions = [f"{one['from']} is {one['is']}" for one in node.get("when", ())]
    return " and ".join(conditions) or "in any case"


def _walk(node: Mapping[str, Any]) -> str:
    """Return how a node walks over lists."""
    return "in every combination" if node.get("product") else "side by side"


def _sources(value: Any) -> str:
    """Return where an input comes from, whatever its constants are."""
    if value is None:
        return "nothing"
    if "from" in value:
        return str(value["from"])
    if "value" in value:
        return "a constant"
    return f"{value['kind']}({', '.join(_sources(item) for item in value['items'])})"


def _configuration(
    before: RunRecord, after: RunRecord, old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[Change, ...]:
    params = tuple(_params(before.params, after.params))
    # A constant that moved as a param did is that param, handed on.
    told = {(one.before, one.after) for one in params}
    constants = (one for one in _constants(old, new) if (one.before, one.after) not in told)
    return (*params, *constants, *setting_changes(before.facts, after.facts))


def _params(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        if name not in before or name not in after or before[name] != after[name]:
            yield Change("param", name, _shown(before, name), _shown(after, name))


def _constants(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for node in before:
        old, new = before[node]["inputs"], after.get(node, {}).get("inputs", {})
        for name, value in old.items():
            now = new.get(name)
            if now and "value" in value and "value" in now and value["digest"] != now["digest"]:
                yield Change("param", f"{node}.{name}", shown(value["value"], 200), shown(now["value"], 200))


def _shown(values: Mapping[str, Any], name: str) -> str:
    return shown(values[name], 200) if name in values else "not there"
