"""Run a graph in this process: look up each step in the cache, else do its work, and record it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, TextIO

from interlock.engine.capture import capturing_streams
from interlock.engine.commit import commit_of
from interlock.engine.context import RunContext, open_context
from interlock.engine.datasets import DataChoice, RunDatasets
from interlock.engine.logged import Logged, logged_in
from interlock.engine.lookup import Lookup, StepKey
from interlock.engine.metrics import merged_metrics, metric_refs
from interlock.engine.progress import Progress, Silence
from interlock.engine.recordable import recordable
from interlock.engine.resources import check_capacity
from interlock.engine.result import Run, RunStatus, StepResult, StepState
from interlock.engine.values import RunValues
from interlock.engine.worker import StepFailed, StepOutcome, run_step
from interlock.graph.leakage import LeakReport
from interlock.graph.model import Graph, Node
from interlock.identity.artifact import Artifact
from interlock.identity.environment import Environment, environment
from interlock.identity.facts import declared, machine_facts
from interlock.identity.git import git_state
from interlock.records.model import AttemptRecord, Commit, MetricPoint, RunRecord, StepRecord
from interlock.stack.config import Project


@dataclass(frozen=True)
class RunOptions:
    """How a graph is run.

    Attributes:
        ref: Where the pipeline is, as `package.module:name`.
        cache: Whether earlier results may be taken.
        from_step: A step from which on, it included, everything runs anew.
        signal_id: The signal that caused the run.
        tags: Free text by name.
        leaks: The leak report of the graph.
        seed: What the random numbers of the steps begin with.
        echo: Where what steps print is shown while they run; None shows it nowhere.
        data: Which snapshots are read, where not the pinned or the current ones.
    """

    ref: str = ""
    cache: bool = True
    from_step: str | None = None
    signal_id: int | None = None
    tags: Mapping[str, str] | None = None
    leaks: LeakReport | None = None
    echo: TextIO | None = None
    seed: int = 0
    data: DataChoice | None = None


def run_graph(
    graph: Graph,
    context: RunContext,
    options: RunOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Run:
    """Run every step of a graph and return the recorded run, also when a step fails.

    A step is finished when its record is committed: whatever kills the process after that, the next run
    takes it from the cache.

    Raises:
        InterlockError: The run cannot begin: a dataset is missing, a step asks for what the machine has not.
        KeyboardInterrupt: The user cancelled; recorded as such.
    """
    options = options or RunOptions()
    check_capacity(graph.nodes)
    if options.from_step is not None:
        graph.node(options.from_step)
    datasets = RunDatasets(graph, context, options.data)
    lookup = Lookup(
        graph, context, datasets, cache=options.cache, from_step=options.from_step, seed=options.seed
    )
    here = environment()
    commit = commit_of(
        graph,
        context.project,
        context.store,
        data=datasets.contents(),
        fingerprints=lookup.fingerprints(),
        environment=here.digest,
        variables=declared(context.project.config.environment.variables),
        seed=options.seed,
    )
    record = start_record(graph, context, options, here, commit)
    running = _Running(graph, context, options, progress or Silence(), datasets, lookup, record)
    return running.execute()


def refuse_run(graph: Graph, context: RunContext, options: RunOptions, reason: str) -> RunRecord:
    """Record a run that is refused before anything runs."""
    record = start_record(graph, context, options, environment(), None)
    return context.records.runs.finish(record.id, "refused", error=reason)


def start_record(
    graph: Graph, context: RunContext, options: RunOptions, here: Environment, commit: Commit | None
) -> RunRecord:
    """Give a run its number and record what it starts from: params, code, environment, who caused it."""
    records, root = context.records, context.project.root
    records.runs.mark_lost()
    records.environments.add(here)
    git = git_state(root)
    return records.runs.start(
        graph.name,
        ref=options.ref,
        params=recordable(graph.params),
        git=asdict(git) if git else None,
        environment=here.digest,
        commit=commit,
        facts={"seed": options.seed, **machine_facts(context.project.config.environment.variables)},
        signal_id=options.signal_id,
        waivers=graph.deployable.waivers if graph.deployable else {},
        leaks=asdict(options.leaks) if options.leaks else None,
        tags=options.tags or {},
    )


class _Running:
    """One run under way."""

    def __init__(
        self,
        graph: Graph,
        context: RunContext,
        options: RunOptions,
        progress: Progress,
        datasets: RunDatasets,
        lookup: Lookup,
        record: RunRecord,
    ) -> None:
        self._graph = graph
        self._context = context
        self._options = options
        self._progress = progress
        self._datasets = datasets
        self._id = record.id
        self._values = RunValues(graph, context.artifacts, datasets.load)
        self._lookup = lookup
        self._steps = [node for node in graph.nodes if node.step is not None]
        self._results: list[StepResult] = []
        self._hits: list[StepRecord] = []  # recorded together: losing one costs a look-up, not work
        self._clock = time.perf_counter()

    def execute(self) -> Run:
        self._progress.run_started(self._id, len(self._steps))
        try:
            with self._streams():
                failure = self._run_steps()
            metrics = {} if failure else self._metrics()
        except Exception as error:
            self._finish("failed", error=str(error) or type(error).__name__)
            raise
        except BaseException as error:
            self._finish("cancelled", error=type(error).__name__)
            raise
        status: RunStatus = "failed" if failure else "succeeded"
        self._finish(status, metrics=metrics, error=str(failure) if failure else None)
        return self._result(status, metrics, failure)

    def _streams(self) -> AbstractContextManager[None]:
        return capturing_streams(self._options.echo) if self._steps else nullcontext()

    def _run_steps(self) -> StepFailed | None:
        for position, node in enumerate(self._steps):
            failure = self._take_or_run(node, position)
            if failure is not None:
                self._skip(self._steps[position + 1 :], position + 1, f"after {node.name!r} failed")
                return failure
        self._flush_hits()
        return None

    def _take_or_run(self, node: Node, position: int) -> StepFailed | None:
        started_at, clock = time.time(), time.perf_counter()
        key = self._lookup.key(node)
        found, reason = self._lookup.find(node, key)
        if found is None:
            return self._run(node, position, key, reason)
        record = _record(node, position, "cached", key, reason)
        seconds = time.perf_counter() - clock
        self._hits.append(replace(record, outputs=found, seconds=seconds, started_at=started_at))
        self._add(node, found, {})
        self._tell(StepResult(node.name, "cached", seconds, reason), position)
        return None

    def _run(self, node: Node, position: int, key: StepKey, reason: str) -> StepFailed | None:
        self._flush_hits()
        self._progress.step_started(node.name, position)
        outcome = run_step(
            node, lambda: self._values.of(node.refs()), self._context.artifacts, seed=self._options.seed
        )
        if outcome.failure is None:
            self._datasets.check_unchanged(node)
        self._record(node, position, key, reason, outcome)
        if outcome.failure is None:
            self._add(node, outcome.artifacts, outcome.values)
        state: StepState = "failed" if outcome.failure else "ran"
        error = str(outcome.failure) if outcome.failure else None
        self._tell(StepResult(node.name, state, outcome.usage.seconds, reason, error), position)
        return outcome.failure

    def _add(self, node: Node, artifacts: Mapping[str, Artifact], values: Mapping[str, Any]) -> None:
        self._values.add(node, artifacts, values)
        self._lookup.add(node, artifacts)
        self._values.consumed(node)

    def _record(self, node: Node, position: int, key: StepKey, reason: str, outcome: StepOutcome) -> None:
        records, usage = self._context.records, outcome.usage
        self._record_printed(node, outcome)
        if outcome.metrics:
            points = [
                MetricPoint(self._id, node.name, m.name, m.step, m.value, m.at) for m in outcome.metrics
            ]
            records.metrics.add(points)
        record = _record(node, position, "failed" if outcome.failure else "ran", key, reason)
        full = replace(
            record,
            outputs=outcome.artifacts,
            seconds=usage.seconds,
            cpu_seconds=usage.cpu_seconds,
            peak_memory=usage.peak_memory,
            error=(outcome.failure.user_traceback or str(outcome.failure)) if outcome.failure else None,
            started_at=outcome.attempts[0].started_at,
            attempts=tuple(
                AttemptRecord(a.number, a.started_at, a.seconds, a.error) for a in outcome.attempts
            ),
        )
        records.steps.record(self._id, full)

    def _record_printed(self, node: Node, outcome: StepOutcome) -> None:
        for stream in outcome.printed.chunks:
            text = outcome.printed.text(stream)
            if text:
                self._context.records.logs.add(self._id, node.name, stream, text)

    def _flush_hits(self) -> None:
        if self._hits:
            self._context.records.steps.record_many(self._id, self._hits)
            self._hits = []

    def _skip(self, nodes: Sequence[Node], first: int, reason: str) -> None:
        skipped = []
        for position, node in enumerate(nodes, start=first):
            skipped.append(_record(node, position, "skipped", None, reason))
            self._tell(StepResult(node.name, "skipped", 0.0, reason), position)
        self._context.records.steps.record_many(self._id, skipped)

    def _tell(self, result: StepResult, position: int) -> None:
        self._results.append(result)
        self._progress.step_finished(result, position)

    def _metrics(self) -> dict[str, float]:
        refs = metric_refs(self._graph)
        return merged_metrics((ref, self._values.of([ref])[ref]) for ref in refs)

    def _finish(
        self, status: RunStatus, *, metrics: Mapping[str, float] | None = None, error: str | None = None
    ) -> None:
        self._flush_hits()
        self._context.records.runs.finish(
            self._id, status, metrics=metrics or {}, error=error, snapshots=self._snapshot_digests()
        )
        self._progress.run_finished(self._id, status, time.perf_counter() - self._clock)

    def _snapshot_digests(self) -> dict[str, str]:
        return {name: snapshot.digest for name, snapshot in self._datasets.snapshots.items()}

    def _result(self, status: RunStatus, metrics: Mapping[str, float], failure: StepFailed | None) -> Run:
        return Run(
            id=self._id,
            status=status,
            params=self._graph.params,
            metrics=metrics,
            steps=tuple(self._results),
            seconds=time.perf_counter() - self._clock,
            graph=self._graph,
            outputs=dict(self._values.artifacts),
            snapshots=self._snapshot_digests(),
            failure=failure,
            artifacts=self._context.artifacts,
            datasets=self._datasets,
            logged=partial(_logged, self._context.project, self._id),
        )


def _logged(project: Project, run_id: str, node: str) -> Logged:
    with open_context(project) as context:  # those of the run are closed when it is looked at
        found = {one.node: one for one in logged_in(context.records, run_id)}
    return found.get(node) or Logged(node, run_id)


def _record(node: Node, position: int, state: Any, key: StepKey | None, reason: str) -> StepRecord:
    step = node.step
    return StepRecord(
        node=node.name,
        position=position,
        step=step.name if step else node.name,
        kind=node.kind,
        state=state,
        key=key.key if key else None,
        cacheable=step.options.cache if step else False,
        fingerprint=key.fingerprint.digest if key else None,
        fingerprint_parts=key.fingerprint.parts if key else {},
        inputs=key.inputs if key else {},
        reason=reason,
    )
