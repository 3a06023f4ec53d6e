"""The socket `engine`: what runs the tasks of a run, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from interlock.engine.capture import StreamName
from interlock.engine.context import RunContext
from interlock.engine.datasets import SnapshotReader
from interlock.engine.tracking import LoggedMetric
from interlock.engine.values import RunValues
from interlock.engine.worker import Outcome, Task
from interlock.graph.model import Graph


@dataclass(frozen=True)
class Told:
    """Where an engine brings what a task tells while it runs."""

    printed: Callable[[Task, StreamName, str], None]
    logged: Callable[[Task, Sequence[LoggedMetric]], None]


@dataclass(frozen=True)
class Job:
    """A run, as an engine needs to know it.

    Attributes:
        id: Of the run.
        values: The values of the run in this process.
        seed: What its random numbers begin with.
        echo: Where what steps print is shown; None shows it nowhere.
        told: Where an engine brings what a task elsewhere tells while it runs.
    """

    id: str
    graph: Graph
    context: RunContext
    datasets: SnapshotReader
    values: RunValues
    seed: int
    echo: TextIO | None
    told: Told


class Engine(Protocol):
    """Runs tasks.

    An implementer promises:

    - Every task that is submitted comes back once, as an `Outcome`, whatever becomes of it: also when the process,
      the machine or the cluster node that has it dies. It calls `attempt_step`, which does all the work.
    - The timeout of a step ends its task, and the processes that the task started.
    - What a task elsewhere has put into the store is adopted (`BlobStore.adopt`) before its outcome is given back.
    - After `close` nothing of what was submitted runs any more.

    All methods are called from the thread of the run.
    """

    def takes(self, task: Task) -> bool:
        """Tell whether there is room for a task now."""
        ...

    def submit(self, task: Task) -> None:
        """Begin a task, for which there is room."""
        ...

    def wait(self, seconds: float | None) -> Sequence[Outcome]:
        """Return the tasks that have ended, as soon as there are any; none after some seconds without."""
        ...

    def close(self) -> None:
        """End it, and with it whatever still runs."""
        ...
