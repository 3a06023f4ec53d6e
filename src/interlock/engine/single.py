"""The work of one step of a recorded run, on its own: what an orchestrator calls, and who looks for a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.engine.capture import capturing_streams
from interlock.engine.context import RunContext
from interlock.engine.datasets import RunDatasets
from interlock.engine.frontier import Frontier
from interlock.engine.journal import Journal
from interlock.engine.lookup import Lookup
from interlock.engine.snapshots import choice_of
from interlock.engine.values import RunValues
from interlock.engine.worker import Outcome, run_step
from interlock.errors import InterlockError, UsageError, did_you_mean
from interlock.graph.model import Graph, Node
from interlock.identity.artifact import Artifact
from interlock.records.model import ENDED_WELL, RunRecord, StepRecord


class InputsMissing(InterlockError):
    """A step cannot be done: a step before it has no outputs in this run."""

    def __init__(self, run_id: str, node: str, missing: str) -> None:
        super().__init__(
            f"Step {node!r} of run {run_id} takes what {missing!r} gives, which has not finished in it.",
            hint=f"Do it first: interlock step {run_id} {missing}",
        )


@dataclass(frozen=True)
class SingleStep:
    """What came of one step.

    Attributes:
        outcome: Its last attempt.
        recorded: Whether it was written into the run; not where the run has come to its end.
        same: By output, whether it is what the run had recorded; where it had.
    """

    outcome: Outcome
    recorded: bool
    same: Mapping[str, bool]


def do_step(graph: Graph, context: RunContext, run: RunRecord, name: str) -> SingleStep:
    """Do the work of one step with the inputs that a run recorded, whatever the cache holds.

    In a run that has not come to its end the step is recorded, so that `resume` goes on after it. In one that
    has, nothing is changed, and the outputs are compared.

    Args:
        graph: The run's pipeline with its params.
        context: The store and the records.
        run: The run, which no process is at work on.
        name: The step.

    Raises:
        UsageError: The run has a process that is at work on it.
        InputsMissing: A step before it has not finished.
        UnknownNode: There is no such step.
    """
    if run.status == "running":
        raise UsageError(f"Run {run.id} is at work; wait for it, or stop it first.")
    node = graph.node(name)
    if node.step is None:
        steps = [one.name for one in graph.nodes if one.step is not None]
        what = (
            "is a dataset, not a step" if node.kind == "data" else "is no step: it hands on what a step gave"
        )
        raise UsageError(f"{name!r} {what}.", hint=did_you_mean(name, steps))
    seed = int(run.facts.get("seed", 0))
    datasets = RunDatasets(graph, context, choice_of(context, graph, run.snapshots))
    lookup = Lookup(graph, context, datasets, cache=False, from_step=None, seed=seed)
    recorded = {one.node: one for one in context.records.steps.of(run.id)}
    values = RunValues(graph, context.artifacts, datasets)
    for before in _steps_before(graph, node):
        outputs = _outputs(recorded.get(before.name))
        if outputs is None:
            raise InputsMissing(run.id, name, before.name)
        values.add(before, outputs, {})
        lookup.add(before, outputs)
    key = lookup.key(node)
    with capturing_streams(None):
        outcome = run_step(node, values, context.artifacts, seed=seed)
    unfinished = run.status not in ENDED_WELL
    if unfinished:
        journal = Journal(context, run.id, Frontier(graph).positions)
        journal.ran(node, key, "asked for with interlock step", [outcome])
    same = {
        output: artifact.digest == outcome.artifacts[output].digest
        for output, artifact in (_outputs(recorded.get(name)) or {}).items()
        if output in outcome.artifacts
    }
    return SingleStep(outcome, unfinished, same)


def _steps_before(graph: Graph, node: Node) -> list[Node]:
    names = {ref.node for ref in node.input_refs()}
    return [one for one in graph.nodes if one.name in names and one.kind != "data"]


def _outputs(record: StepRecord | None) -> Mapping[str, Artifact] | None:
    return record.outputs if record is not None and record.state in ("ran", "cached") else None
