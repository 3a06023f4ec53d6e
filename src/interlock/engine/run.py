"""Run a graph: record what it starts from, drive its steps to the end, record how it ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TextIO

from interlock.engine.commit import commit_of
from interlock.engine.context import RunContext, open_context
from interlock.engine.datasets import DataChoice, RunDatasets
from interlock.engine.driver import Driver
from interlock.engine.engines import open_engine
from interlock.engine.finished import Finished
from interlock.engine.frontier import Frontier
from interlock.engine.heart import beating
from interlock.engine.journal import Journal
from interlock.engine.logged import Logged, logged_in
from interlock.engine.lookup import Lookup
from interlock.engine.metrics import merged_metrics, metric_refs
from interlock.engine.progress import Progress, Silence
from interlock.engine.recordable import recordable
from interlock.engine.resources import check_capacity
from interlock.engine.result import Run, RunStatus
from interlock.engine.socket import Job, Told
from interlock.engine.values import RunValues
from interlock.engine.worker import StepFailed
from interlock.errors import InterlockError
from interlock.graph.leakage import LeakReport
from interlock.graph.model import Graph
from interlock.identity.environment import Environment, environment
from interlock.identity.facts import declared, machine_facts
from interlock.identity.git import git_state
from interlock.records.model import Commit, RunRecord
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
        resume: A run that ended before its last step, to go on with; its seed and its snapshots are taken.
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
    resume: str | None = None


class CannotResume(InterlockError):
    """A run cannot be resumed: something that it was made of is another one by now."""

    def __init__(self, run: RunRecord, commit: Commit) -> None:
        changed = [name for name, digest in commit.facets.items() if run.facets.get(name) != digest]
        super().__init__(
            f"Run {run.id} cannot be resumed: {' and '.join(changed)} changed since it began.",
            hint="Start another run: what is still the same is taken from the cache.",
        )


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
    if context.project.stack.engine.is_local:  # else it knows the machines that it has
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
    snapshots = {name: snapshot.digest for name, snapshot in datasets.snapshots.items()}
    finished = None
    if options.resume is None:
        record = start_record(graph, context, options, here, commit, snapshots)
    else:
        record, finished = _reopened(context, options.resume, commit)
    running = _Running(graph, context, options, progress or Silence(), datasets, lookup, record, finished)
    with beating(context.records, record.id):
        return running.execute()


def _reopened(context: RunContext, run_id: str, commit: Commit) -> tuple[RunRecord, Finished]:
    run = context.records.runs.get(run_id)
    if run.version_id != commit.version_id:
        raise CannotResume(run, commit)
    return context.records.runs.reopen(run_id), Finished.of(context, run_id)


def refuse_run(graph: Graph, context: RunContext, options: RunOptions, reason: str) -> RunRecord:
    """Record a run that is refused before anything runs."""
    record = start_record(graph, context, options, environment(), None)
    return context.records.runs.finish(record.id, "refused", error=reason)


def start_record(
    graph: Graph,
    context: RunContext,
    options: RunOptions,
    here: Environment,
    commit: Commit | None,
    snapshots: Mapping[str, str] | None = None,
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
        snapshots=snapshots,
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
        finished: Finished | None,
    ) -> None:
        self._graph = graph
        self._context = context
        self._progress = progress
        self._datasets = datasets
        self._id = record.id
        self._values = RunValues(graph, context.artifacts, datasets)
        frontier = Frontier(graph)
        self._steps = len(frontier.positions)
        self._journal = journal = Journal(context, record.id, frontier.positions)
        told = Told(
            lambda task, stream, text: journal.printed(task.node, stream, text),
            lambda task, metrics: journal.logged(task.node, metrics),
        )
        self._job = Job(record.id, graph, context, datasets, self._values, options.seed, options.echo, told)
        self._driver = Driver(self._job, lookup, journal, frontier, progress, finished)
        self._clock = time.perf_counter()

    def execute(self) -> Run:
        self._progress.run_started(self._id, self._steps)
        try:
            failure = self._driver.run(open_engine)
            status = _status(failure, self._driver.stopped)
            metrics = self._metrics() if status == "succeeded" else {}
        except Exception as error:
            self._finish("failed", error=str(error) or type(error).__name__)
            raise
        except BaseException as error:
            self._finish("cancelled", error=type(error).__name__)
            raise
        try:
            self._finish(status, metrics=metrics, error=str(failure) if failure else None)
        except InterlockError as error:  # the disk kept something from being safe: what it was is thrown away
            with contextlib.suppress(InterlockError):
                self._finish("failed", error=error.what)
            raise
        return self._result(status, metrics, failure)

    def _metrics(self) -> dict[str, float]:
        refs = [ref for ref in metric_refs(self._graph) if ref.node not in self._driver.left_out]
        return merged_metrics((ref, self._values.of([ref])[ref]) for ref in refs)

    def _finish(
        self, status: RunStatus, *, metrics: Mapping[str, float] | None = None, error: str | None = None
    ) -> None:
        self._journal.flush()
        self._context.records.claims.release_all(self._id)
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
            steps=tuple(self._driver.results),
            seconds=time.perf_counter() - self._clock,
            graph=self._graph,
            outputs=dict(self._values.artifacts),
            snapshots=self._snapshot_digests(),
            failure=failure,
            artifacts=self._context.artifacts,
            datasets=self._datasets,
            logged=partial(_logged, self._context.project, self._id),
        )


def _status(failure: StepFailed | None, stopped: str | None) -> RunStatus:
    if failure is not None:
        return "failed"
    return "succeeded" if stopped is None else "stopped"


def _logged(project: Project, run_id: str, node: str) -> Logged:
    with open_context(project) as context:  # those of the run are closed when it is looked at
        found = {one.node: one for one in logged_in(context.records, run_id)}
    return found.get(node) or Logged(node, run_id)
