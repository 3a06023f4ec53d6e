"""The engine `ray`: each task is a task of a Ray cluster."""

from __future__ import annotations

import contextlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.engine.child import Started, adopt, tell
from interlock.engine.processes import WorkerDied, WorkerUnusable, ended_from_outside
from interlock.engine.setup import setup_of
from interlock.engine.socket import Job
from interlock.engine.timeouts import StepTimeout
from interlock.engine.worker import Outcome, Task, step_of
from interlock.errors import InterlockError, first_line
from interlock.graph.step import StepOptions
from interlock.identity.artifact import Artifact
from interlock.plugins import ray_worker
from interlock.plugins.ray_cluster import Cluster, check_nodes, join, variables, wants
from interlock.plugins.ray_worker import Done, Kit, ValueKey
from interlock.stack.config import EngineConfig

_QUEUED = 2
"""How many times the CPUs of the cluster are given out, so that a node never waits for its next task."""

_TASKS_A_CPU = 8
"""How many tasks that ask for less than a CPU are given out for each."""

_SHARED = 0.25
"""The part of the object store that values of a run are kept in for later steps."""

_GRACE = 10.0
"""Seconds within which a task that is cancelled has to end."""

_LOOK = 2.0
"""Seconds after which the size of the cluster is looked at again: nodes come and go."""


@dataclass
class _Running:
    """A task under way: the references of its outputs' values, and when it must have ended."""

    task: Task
    options: StepOptions
    values: Sequence[Any]
    began: float
    deadline: float | None = None


def open_engine(job: Job, config: EngineConfig) -> RayEngine:
    """Join the cluster and return the engine: what the entry point names.

    Raises:
        InterlockError: The cluster cannot be joined, is too small, or cannot reach the store.
    """
    context = job.context
    cluster = join(config, context.project, context.store)
    try:
        check_nodes(cluster, tuple(job.graph.nodes))
        return RayEngine(job, cluster)
    except BaseException:
        cluster.leave()
        raise


class RayEngine:
    """Runs each task on the cluster, with the resources that its step asks for.

    The process that makes a value stores it, and leaves it in Ray's object store for later tasks of the run. A process
    or a node that dies takes one attempt of one step with it; Ray places the next one where it finds room.
    """

    def __init__(self, job: Job, cluster: Cluster) -> None:
        ray = cluster.ray
        self._job = job
        self._cluster = cluster
        self._ray = ray
        here = ray.get_runtime_context().get_node_id()
        affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        mailbox = ray.remote(ray_worker.Mailbox)
        self._mailbox = mailbox.options(num_cpus=0, scheduling_strategy=affinity).remote()
        setup = ray.put(setup_of(job))
        self._kit = Kit(setup, self._mailbox, None if cluster.remote else os.getcwd())  # noqa: PTH109 - text is sent
        # Processes of Ray are used again by tasks of the same environment: of the same run, then.
        self._environment = {"env_vars": {**variables(job.context.project), "INTERLOCK_RUN": job.id}}
        self._do = ray.remote(ray_worker.do)
        self._mail = self._mailbox.take.remote()
        self._running: dict[Any, _Running] = {}
        self._shared: OrderedDict[ValueKey, tuple[int, Any]] = OrderedDict()
        self._room = _SHARED * ray.cluster_resources().get("object_store_memory", 0.0)
        self._cpus, self._looked = cluster.cpus(), time.monotonic()

    def takes(self, task: Task) -> bool:
        """Tell whether the cluster has room for a task, or for one more that waits for it."""
        if time.monotonic() - self._looked > _LOOK:
            self._cpus, self._looked = self._cluster.cpus(), time.monotonic()
        running = self._running.values()
        if not running:
            return True
        if len(running) >= self._cpus * _TASKS_A_CPU:
            return False
        return sum(one.options.cpus for one in running) + self._options(task).cpus <= self._cpus * _QUEUED

    def submit(self, task: Task) -> None:
        """Hand a task to Ray."""
        options, node = self._options(task), self._job.graph.node(task.node)
        outputs = tuple(node.outputs)
        wanted = wants(options)
        placed = self._do.options(
            name=f"{self._job.id} {task.node}",
            max_retries=0,
            runtime_env=self._environment,
            num_cpus=options.cpus,
            num_gpus=wanted.get("GPU", 0),
            memory=wanted.get("memory"),
            num_returns=1 + len(outputs),
            scheduling_strategy="DEFAULT" if task.number == 1 else "SPREAD",
        )
        inputs = [*task.inputs.values(), *task.walked.values()]
        made = placed.remote(
            self._kit, task, self._references(inputs), timed=options.timeout is not None, outputs=outputs
        )
        done, *values = made if isinstance(made, list) else [made]
        self._running[done] = _Running(task, options, values, time.monotonic())

    def wait(self, seconds: float | None) -> Sequence[Outcome]:
        """Hear what the tasks tell until one has ended."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            found = [*self._ended(self._ready(until)), *self._overdue()]
            if found or (until is not None and time.monotonic() >= until):
                return found

    def close(self) -> None:
        """Cancel what runs, and leave the cluster."""
        self._cancel(list(self._running))
        self._running.clear()
        with contextlib.suppress(Exception):  # the cluster may be what is gone
            self._ray.kill(self._mailbox)
        self._shared.clear()
        self._cluster.leave()

    def _options(self, task: Task) -> StepOptions:
        return step_of(self._job.graph.node(task.node)).options

    def _references(self, artifacts: Iterable[Artifact]) -> dict[ValueKey, Any]:
        keys = [(one.type, one.digest) for one in artifacts]
        return {key: self._shared[key][1] for key in keys if key in self._shared}

    def _ready(self, until: float | None) -> list[Any]:
        ends = [one.deadline for one in self._running.values() if one.deadline is not None]
        nearest = min([*ends, *([] if until is None else [until])], default=None)
        patience = None if nearest is None else max(0.0, nearest - time.monotonic())
        waited = [self._mail, *self._running]
        if not self._ray.wait(waited, num_returns=1, timeout=patience)[0]:
            return []
        ready: list[Any] = self._ray.wait(waited, num_returns=len(waited), timeout=0)[0]
        if self._mail in ready:
            self._hear(self._mail)
            self._mail = self._mailbox.take.remote()
        return [one for one in ready if one in self._running]

    def _hear(self, letters: Any) -> None:
        by_id = {one.task.id: one for one in self._running.values()}
        for number, message in self._ray.get(letters):
            running = by_id.get(number)
            if running is None:
                continue  # its task was given up
            if isinstance(message, Started):
                timeout = running.options.timeout
                running.deadline = None if timeout is None else time.monotonic() + timeout
            else:
                tell(self._job, running.task, message)

    def _hear_all(self) -> None:
        """Hear all that has arrived by now, also what is on its way here."""
        self._mailbox.wake.remote()
        self._hear(self._mail)
        self._hear(self._mailbox.drain.remote())
        self._mail = self._mailbox.take.remote()

    def _ended(self, references: Sequence[Any]) -> list[Outcome]:
        heard = [(reference, self._heard(reference)) for reference in references]
        if any(not isinstance(one, Done) or one.told for _, one in heard):
            self._hear_all()
        return [self._outcome(self._running.pop(reference), one) for reference, one in heard]

    def _heard(self, reference: Any) -> Done | Exception:
        try:
            heard: Done | Exception = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            heard = error
        return heard

    def _outcome(self, running: _Running, heard: Done | Exception) -> Outcome:
        if isinstance(heard, Exception):
            return self._lost(running, WorkerDied(self._cause(heard)))
        if heard.outcome is None:
            raise WorkerUnusable(heard.unusable)
        adopt(self._job, heard.outcome)
        self._keep(running, heard.outcome, heard.shared)
        return heard.outcome

    def _keep(self, running: _Running, outcome: Outcome, shared: Sequence[str]) -> None:
        outputs = self._job.graph.node(running.task.node).outputs
        for output, reference in zip(outputs, running.values, strict=True):
            if output in shared:
                artifact = outcome.artifacts[output]
                self._shared[artifact.type, artifact.digest] = artifact.size, reference
        while self._shared and sum(size for size, _ in self._shared.values()) > self._room:
            self._shared.popitem(last=False)

    def _overdue(self) -> list[Outcome]:
        now = time.monotonic()
        late = [key for key, one in self._running.items() if one.deadline is not None and one.deadline <= now]
        self._cancel(late)
        return [self._timed_out(self._running.pop(key)) for key in late]

    def _timed_out(self, running: _Running) -> Outcome:
        return self._lost(running, StepTimeout(running.options.timeout or 0.0))

    def _lost(self, running: _Running, error: InterlockError) -> Outcome:
        return ended_from_outside(self._job, running.task, error, seconds=time.monotonic() - running.began)

    def _cancel(self, references: list[Any]) -> None:
        """End tasks with their processes, and what these started."""
        with contextlib.suppress(Exception):  # what has ended cannot be cancelled, and a cluster may be gone
            for reference in references:
                self._ray.cancel(reference, force=True)
            if references:
                self._ray.wait(references, num_returns=len(references), timeout=_GRACE)

    def _cause(self, error: Exception) -> str:
        """Say what Ray knows about the death of a process."""
        known = self._ray.exceptions
        if isinstance(error, known.OutOfMemoryError):
            return (
                "its worker process was killed because memory ran out (OOM). Ask for more: @step(memory=...)."
            )
        if isinstance(error, known.NodeDiedError | known.LocalRayletDiedError):
            return f"its worker process died with its node of the Ray cluster. Ray says: {first_line(error)}"
        if isinstance(error, known.WorkerCrashedError):
            return "its worker process died: it crashed, left, or was killed; the system kills when memory runs out."
        return f"Ray could not run it: {first_line(error)}"
