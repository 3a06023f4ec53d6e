"""Why a step ran or was taken from the cache: what differs from the run before, and what made it differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.engine.context import RunContext
from interlock.engine.wiring import KIND as GRAPH
from interlock.errors import InterlockError, did_you_mean, shown
from interlock.history.changes import Change, code_changes, data_changes, setting_changes
from interlock.history.sources import KeptCode
from interlock.records.model import RunRecord, StepRecord, StepState


class UnknownStep(InterlockError):
    """A run has no step of that name."""


class NoComparison(InterlockError):
    """A step is to be compared with a run in which it has no part."""


@dataclass(frozen=True)
class Reason:
    """Why one step did what it did.

    Attributes:
        step: Its name.
        state: What it did.
        words: The reason in one sentence.
        since: The run that it is compared with, if there is one.
        changes: What differs from there.
    """

    step: str
    state: StepState
    words: str
    since: str | None = None
    changes: tuple[Change, ...] = ()


def explain(
    context: RunContext, run_id: str, step: str | None = None, *, against: str | None = None
) -> list[Reason]:
    """Return why each step of a run, or one of them, ran or did not.

    Args:
        context: The store and the records.
        run_id: The run.
        step: Only this step.
        against: The run to compare with; else the latest before in which the step took part.

    Raises:
        UnknownRun: There is no such run.
        UnknownStep: The run has no such step.
        NoComparison: The step took no part in `against`.
    """
    run = context.records.runs.get(run_id)
    steps = {one.node: one for one in context.records.steps.of(run_id)}
    if step is not None and step not in steps:
        raise UnknownStep(f"Run {run_id} has no step {step!r}.", hint=did_you_mean(step, steps))
    told = _Telling(context, run, steps, against)
    return [told.reason(one) for one in steps.values() if step in (None, one.node)]


class _Telling:
    """Tells the reasons of one run's steps."""

    def __init__(
        self, context: RunContext, run: RunRecord, steps: Mapping[str, StepRecord], against: str | None
    ) -> None:
        self._context = context
        self._run = run
        self._steps = steps
        self._against = against
        self._runs: dict[str, RunRecord] = {run.id: run}
        self._code: dict[str, KeptCode] = {}
        self._graphs: dict[str, Mapping[str, Any]] = {}

    def reason(self, step: StepRecord) -> Reason:
        """Return why one step did what it did."""
        if step.state in ("skipped", "stopped") or step.key is None:
            return Reason(step.node, step.state, step.reason)
        if step.state == "cached" and self._against is None:
            return Reason(step.node, "cached", self._words_of_hit(step))
        before = self._before(step)
        if before is None:
            return Reason(step.node, step.state, "it had not run before in any run of this pipeline")
        run_id, earlier = before
        changes = tuple(self._changes(run_id, earlier, step))
        if step.state == "cached":
            same = f"its code, inputs and params are those of {run_id}"
            return Reason(step.node, "cached", _summary(changes) or same, run_id, changes)
        return Reason(
            step.node, step.state, _summary(changes) or _words_of_rerun(step, earlier), run_id, changes
        )

    def _words_of_hit(self, step: StepRecord) -> str:
        ran = sorted(
            {
                name
                for source in self._sources(step)
                if (found := self._steps.get(source)) is not None and found.state == "ran"
                for name in [source]
            }
        )
        if not ran:
            return step.reason
        return f"{step.reason}: {_listed(ran)} ran anew and gave the same as before"

    def _sources(self, step: StepRecord) -> set[str]:
        inputs = self._inputs(self._run, step.node)
        return {ref.partition(".")[0] for value in inputs.values() for ref in _refs(value)}

    def _before(self, step: StepRecord) -> tuple[str, StepRecord] | None:
        records = self._context.records
        if self._against is None:
            return records.steps.before(self._run, step.node)
        records.runs.get(self._against)
        found = records.steps.get(self._against, step.node)
        if found is None or found.key is None:
            raise NoComparison(f"Step {step.node!r} took no part in run {self._against}.")
        return self._against, found

    def _changes(self, run_id: str, before: StepRecord, after: StepRecord) -> Iterator[Change]:
        earlier = self._record(run_id)
        if before.fingerprint != after.fingerprint:
            codes = self._kept(earlier), self._kept(self._run)
            yield from code_changes(before.fingerprint_parts, after.fingerprint_parts, *codes)
        yield from self._input_changes(earlier, before, after)
        if before.key != after.key:
            yield from setting_changes(earlier.facts, self._run.facts)

    def _input_changes(self, earlier: RunRecord, before: StepRecord, after: StepRecord) -> Iterator[Change]:
        old, new = self._inputs(earlier, before.node), self._inputs(self._run, after.node)
        for name in dict.fromkeys((*before.inputs, *after.inputs)):
            if before.inputs.get(name) != after.inputs.get(name):
                yield from self._input_change(earlier, name, old.get(name), new.get(name))

    def _input_change(self, earlier: RunRecord, name: str, old: Any, new: Any) -> Iterator[Change]:
        if old is None or new is None:
            yield Change("input", name, _text(old), _text(new))
            return
        if "value" in old and "value" in new:
            yield Change("param", name, _text(old), _text(new))
            return
        before, after = _refs(old), _refs(new)
        if before != after or ("from" in old) != ("from" in new):
            yield Change("input", name, _text(old), _text(new))
            return
        data = [ref for ref in after if self._dataset(ref)]
        for ref in data:
            yield from data_changes(self._context.records, self._dataset(ref), earlier, self._run)
        others = [ref for ref in after if ref not in data]
        if others or not data:
            yield Change("input", name, "", f"{_listed(others or [name])} came out differently")

    def _dataset(self, ref: str) -> str:
        node = self._graph(self._run).get(ref.partition(".")[0], {})
        return str(node.get("dataset") or "")

    def _inputs(self, run: RunRecord, node: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._graph(run).get(node, {}).get("inputs", {})
        return found

    def _graph(self, run: RunRecord) -> Mapping[str, Any]:
        if run.id not in self._graphs:
            body = self._context.store.get_manifest(GRAPH, run.graph) if run.graph else {}
            self._graphs[run.id] = body.get("nodes", {})
        return self._graphs[run.id]

    def _kept(self, run: RunRecord) -> KeptCode:
        if run.id not in self._code:
            self._code[run.id] = KeptCode(self._context.store, run.code)
        return self._code[run.id]

    def _record(self, run_id: str) -> RunRecord:
        if run_id not in self._runs:
            self._runs[run_id] = self._context.records.runs.get(run_id)
        return self._runs[run_id]


def _words_of_rerun(step: StepRecord, earlier: StepRecord) -> str:
    if earlier.state == "failed":
        return "nothing changed; it had failed before"
    return step.reason


def _summary(changes: Sequence[Change]) -> str:
    """Return the changes in one sentence."""
    found = []
    for kind, words in _WORDS.items():
        names = list(dict.fromkeys(one.what for one in changes if one.kind == kind))
        if names:
            shown = _listed(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            found.append(words.format(shown))
    return "; ".join(found)


_WORDS = {
    "code": "its code changed ({})",
    "package": "another version of {}",
    "python": "another version of Python",
    "data": "the dataset {} changed",
    "param": "params changed ({})",
    "input": "inputs changed ({})",
    "seed": "the seed changed",
    "variable": "the environment variable {} changed",
}


def _refs(value: Any) -> list[str]:
    if "from" in value:
        return [value["from"]]
    return [ref for item in value.get("items", ()) for ref in _refs(item)]


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    if "value" in value:
        return shown(value["value"], 200)
    return f"what {_listed(_refs(value))} gives" if _refs(value) else value.get("kind", "")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
