"""The engine that runs one task after another in this process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from interlock.engine.capture import capturing_streams
from interlock.engine.sampler import Sampler
from interlock.engine.socket import Job
from interlock.engine.worker import Outcome, Task, attempt_step


class InProcess:
    """Runs a task when its outcome is waited for."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._task: Task | None = None
        self._around = ExitStack()
        self._around.enter_context(capturing_streams(job.echo))
        self._sampler = self._around.enter_context(Sampler())

    def takes(self, task: Task) -> bool:  # noqa: ARG002 - of the socket
        """There is room for one."""
        return self._task is None

    def submit(self, task: Task) -> None:
        """Keep it until it is waited for."""
        self._task = task

    def wait(self, seconds: float | None) -> Sequence[Outcome]:  # noqa: ARG002 - of the socket
        """Run the task."""
        if self._task is None:
            return ()
        task, self._task, job = self._task, None, self._job
        node = job.graph.node(task.node)
        values, artifacts = job.values, job.context.artifacts
        return (attempt_step(node, task, values, artifacts, seed=job.seed, sampler=self._sampler),)

    def close(self) -> None:
        """Give the standard streams back, and end what watches."""
        self._around.close()
