"""The engine that runs tasks side by side in worker processes of this machine."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from interlock.engine import reaper
from interlock.engine.child import Ended, Message, Started, Unusable, adopt, tell
from interlock.engine.resources import gpus, total_memory, usable_cores
from interlock.engine.setup import setup_of
from interlock.engine.socket import Job
from interlock.engine.timeouts import StepTimeout
from interlock.engine.worker import Outcome, StepFailed, Task, step_of
from interlock.engine.workerprocess import Kind, WorkerProcess
from interlock.errors import InterlockError
from interlock.graph.options import memory_bytes
from interlock.graph.step import StepOptions
from interlock.stack.config import EngineConfig

_TASKS_A_CORE = 4
"""How many tasks that ask for less than a core run at once on each."""


_SHORT = 0.25
"""Seconds below which items of a mapped step are handed to workers that are still busy with another."""


class WorkerUnusable(InterlockError):
    """A worker process cannot load the project."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"A worker process cannot load the pipeline: {why}",
            hint='Its modules must be importable in a new process; or run in this one: engine = "in-process"',
        )


class WorkerDied(InterlockError):
    """The worker process of a step ended while the step ran."""


class Processes:
    """Runs each task in a worker process, as many at once as their resources allow.

    Workers are reused. One that dies takes one attempt of one step with it.
    """

    def __init__(self, job: Job, config: EngineConfig) -> None:
        self._job = job
        self._cores = config.workers or usable_cores()
        self._memory = total_memory()
        self._gpus = [str(number) for number in range(len(gpus()))]
        self._setup = setup_of(job)
        self._workers: list[WorkerProcess] = []
        self._lasts: dict[str, float] = {}  # seconds that the last task of a step took
        self._reaper = _start_reaper()

    def takes(self, task: Task) -> bool:
        """Tell whether cores, memory and GPUs are free for a task, or a worker is for it soon."""
        return self._has_room(task) or self._behind(task) is not None

    def _has_room(self, task: Task) -> bool:
        options, busy = self._options(task), self._busy()
        if not busy:
            return True
        if len(busy) >= self._cores * _TASKS_A_CORE:
            return False
        taken = [self._options(worker.task) for worker in busy if worker.task is not None]
        return (
            sum(one.cpus for one in taken) + options.cpus <= self._cores
            and sum(map(_memory, taken)) + _memory(options) <= self._memory
            and sum(_gpus(one) for one in taken) + _gpus(options) <= len(self._gpus)
        )

    def submit(self, task: Task) -> None:
        """Give a task to an idle worker, to a new one, or to one that is idle soon."""
        if not self._has_room(task) and (soon := self._behind(task)) is not None:
            soon.begin(task)
            return
        kind = self._kind(self._options(task))
        idle = [worker for worker in self._workers if worker.task is None]
        worker = next((one for one in idle if one.kind == kind), None)
        if worker is None:
            if len(idle) >= self._cores:  # workers of other kinds are in the way
                self._end(idle[0])
            worker = WorkerProcess(kind, self._setup)
            self._workers.append(worker)
            self._tell_reaper(f"+{worker.pid}")
        worker.begin(task)

    def wait(self, seconds: float | None) -> Sequence[Outcome]:
        """Hear what the workers say until a task has ended."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            found = [*self._heard(self._patience(until)), *self._overdue()]
            if found or (until is not None and time.monotonic() >= until):
                return found

    def close(self) -> None:
        """End all workers, and what they started."""
        for worker in list(self._workers):
            self._end(worker)
        if self._reaper.stdin is not None:
            self._reaper.stdin.close()
        self._reaper.wait()

    def _behind(self, task: Task) -> WorkerProcess | None:
        """Return a worker that does a like and short task, and has nothing to do after it."""
        if task.item is None or self._lasts.get(task.node, _SHORT) >= _SHORT:
            return None
        busy = [worker for worker in self._busy() if worker.next is None]
        return next((one for one in busy if one.task is not None and one.task.node == task.node), None)

    def _options(self, task: Task | None) -> StepOptions:
        if task is None:
            return StepOptions()
        return step_of(self._job.graph.node(task.node)).options

    def _busy(self) -> list[WorkerProcess]:
        return [worker for worker in self._workers if worker.task is not None]

    def _kind(self, options: StepOptions) -> Kind:
        wanted = _gpus(options)
        held = {gpu for worker in self._busy() for gpu in worker.kind.gpus}
        free = [gpu for gpu in self._gpus if gpu not in held]
        return Kind(max(1, int(options.cpus)), tuple(itertools.islice(free, wanted)))

    def _patience(self, until: float | None) -> float | None:
        ends = [worker.deadline for worker in self._busy() if worker.deadline is not None]
        nearest = min([*ends, *([] if until is None else [until])], default=None)
        return None if nearest is None else max(0.0, nearest - time.monotonic())

    def _heard(self, seconds: float | None) -> list[Outcome]:
        by_connection = {worker.connection: worker for worker in self._workers}
        found = []
        for ready in wait_for(list(by_connection), seconds):
            worker = by_connection[ready]  # type: ignore[index]  # it is one of those given
            try:
                outcome = self._take(worker, worker.connection.recv())
            except (EOFError, OSError):
                outcome = self._died(worker)
            if outcome is not None:
                found.append(outcome)
        return found

    def _take(self, worker: WorkerProcess, message: Message) -> Outcome | None:
        task = worker.task
        if isinstance(message, Unusable):
            raise WorkerUnusable(message.why)
        if task is None:
            return None
        if isinstance(message, Started):
            timeout = self._options(task).timeout
            worker.deadline = None if timeout is None else time.monotonic() + timeout
        elif isinstance(message, Ended):
            worker.end()
            adopt(self._job, message.outcome)
            self._lasts[task.node] = message.outcome.usage.seconds
            return message.outcome
        else:
            tell(self._job, task, message)
        return None

    def _overdue(self) -> list[Outcome]:
        now = time.monotonic()
        late = [worker for worker in self._busy() if worker.deadline is not None and worker.deadline <= now]
        return [self._timed_out(worker) for worker in late]

    def _timed_out(self, worker: WorkerProcess) -> Outcome:
        task = worker.task
        if task is None:
            raise AssertionError("an idle worker has no deadline")
        timeout = self._options(task).timeout or 0.0
        return self._failed(worker, task, StepTimeout(timeout))

    def _died(self, worker: WorkerProcess) -> Outcome | None:
        task = worker.task
        if task is None:
            self._end(worker)
            return None
        cause, seen = worker.cause_of_death(), worker.last_words()
        return self._failed(worker, task, WorkerDied(f"its worker process {cause}"), seen)

    def _failed(self, worker: WorkerProcess, task: Task, error: InterlockError, seen: str = "") -> Outcome:
        seconds, waiting = worker.seconds, worker.next
        self._end(worker)
        if waiting is not None:  # it has not begun, and is no part of what happened
            self.submit(waiting)
        return ended_from_outside(self._job, task, error, seconds=seconds, seen=seen)

    def _end(self, worker: WorkerProcess) -> None:
        worker.kill()
        self._workers.remove(worker)
        self._tell_reaper(f"-{worker.pid}")

    def _tell_reaper(self, line: str) -> None:
        if self._reaper.stdin is not None:
            self._reaper.stdin.write(f"{line}\n")
            self._reaper.stdin.flush()


def ended_from_outside(
    job: Job, task: Task, error: InterlockError, *, seconds: float, seen: str = ""
) -> Outcome:
    """Return the failure of a task whose process died or was ended.

    Args:
        job: The run.
        task: The task.
        error: What ended it.
        seconds: How long it had been under way.
        seen: A traceback that was left behind.
    """
    step = step_of(job.graph.node(task.node))
    failure = StepFailed(task.node, error.what, where=step.location, hint=error.hint, user_traceback=seen)
    failure.__cause__ = error
    # Whatever errors are retried, this is none that the step raised.
    return Outcome.failed(task, failure, seconds=seconds, again=task.number <= step.options.retries)


def _start_reaper() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(reaper.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", "")},
    )


def _memory(options: StepOptions) -> int:
    return 0 if options.memory is None else memory_bytes(options.memory)


def _gpus(options: StepOptions) -> int:
    return int(-(-options.gpus // 1))  # a part of a GPU is a whole one here
