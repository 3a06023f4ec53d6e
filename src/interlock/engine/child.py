"""A worker process: does one task after another for the process that started it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from interlock.engine.capture import Printed as KeptText
from interlock.engine.capture import StreamName, capturing_streams
from interlock.engine.sampler import Sampler
from interlock.engine.setup import Bench, Setup, get_ready
from interlock.engine.socket import Job
from interlock.engine.tracking import LoggedMetric
from interlock.engine.worker import Outcome, Task, attempt_step
from interlock.errors import InterlockError, format_user_traceback
from interlock.store.formats.containers import blobs_of

_EVERY = 0.2
"""Seconds that text and numbers are gathered at most before they are sent."""

_LINE_EVERY = 0.01
"""Seconds after which a whole line is sent: what waits is lost with a process that dies."""


@dataclass(frozen=True)
class Started:
    """The task has begun."""


@dataclass(frozen=True)
class Printed:
    """The task has printed something."""

    stream: StreamName
    text: str


@dataclass(frozen=True)
class Logged:
    """The task has logged some numbers."""

    metrics: tuple[LoggedMetric, ...]


@dataclass(frozen=True)
class Ended:
    """The task has ended."""

    outcome: Outcome


@dataclass(frozen=True)
class Unusable:
    """The process cannot load the project."""

    why: str


Message = Started | Printed | Logged | Ended | Unusable


class Teller(KeptText):
    """Sends what a task prints and logs, a little at a time."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send
        self._texts: list[tuple[StreamName, str]] = []
        self._metrics: list[LoggedMetric] = []
        self._sent = time.monotonic() - _LINE_EVERY
        self._lock = threading.Lock()  # a step may print from threads of its own

    def add(self, stream: StreamName, text: str) -> None:
        """Take in a piece of text."""
        with self._lock:
            self._texts.append((stream, text))
            self._send_soon(_LINE_EVERY if text.endswith("\n") else _EVERY)

    def log(self, metric: LoggedMetric) -> None:
        """Take in a number."""
        with self._lock:
            self._metrics.append(metric)
            self._send_soon(_LINE_EVERY)

    def flush(self) -> None:
        """Send what waits."""
        with self._lock:
            self._send_now()

    def _send_soon(self, seconds: float) -> None:
        if time.monotonic() - self._sent > seconds:
            self._send_now()

    def _send_now(self) -> None:
        self._sent = time.monotonic()
        for stream, text in _joined(self._texts):
            self._send(Printed(stream, text))
        if self._metrics:
            self._send(Logged(tuple(self._metrics)))
        self._texts, self._metrics = [], []


def _joined(texts: list[tuple[StreamName, str]]) -> list[tuple[StreamName, str]]:
    """Return pieces of text with neighbours of one stream put together."""
    found: list[tuple[StreamName, str]] = []
    for stream, text in texts:
        if found and found[-1][0] == stream:
            found[-1] = stream, found[-1][1] + text
        else:
            found.append((stream, text))
    return found


def work(bench: Bench, task: Task, teller: Teller, sampler: Sampler | None = None) -> Outcome:
    """Do one task; what it prints and logs is told while it runs, and is no longer in the outcome."""
    bench.inputs.begin(task)
    node = bench.graph.node(task.node)
    outcome = attempt_step(
        node,
        task,
        bench.inputs,
        bench.artifacts,
        seed=bench.seed,
        printed=teller,
        logged=teller.log,
        timed=False,
        sampler=sampler,
    )
    teller.flush()
    return replace(outcome, metrics=(), printed=KeptText())


def serve(connection: Connection) -> None:
    """Get ready, then do what is asked until the connection ends."""
    setup: Setup = pickle.loads(connection.recv_bytes())  # noqa: S301 - sent by the process that began this one
    with capturing_streams(None):
        try:
            bench = get_ready(setup)
        except BaseException as error:  # noqa: BLE001 - whatever the project's modules raise
            connection.send(Unusable(words_of(error)))
            return
        with Sampler() as sampler:
            while True:
                task: Task = connection.recv()
                connection.send(Started())
                outcome = work(bench, task, Teller(connection.send), sampler)
                connection.send(Ended(replace(outcome, values={})))


def tell(job: Job, task: Task, message: Message) -> None:
    """Bring what a task has told to where the run wants it."""
    if isinstance(message, Printed):
        if job.echo is not None:
            with contextlib.suppress(OSError):  # whoever looked on went away; the run goes on
                job.echo.write(message.text)
        job.told.printed(task, message.stream, message.text)
    elif isinstance(message, Logged):
        job.told.logged(task, message.metrics)


def adopt(job: Job, outcome: Outcome) -> None:
    """Let what another process has put into the store survive a loss of power when the end of the run is told."""
    made = outcome.artifacts.values()
    job.context.store.adopt(blob for artifact in made for blob in blobs_of(artifact))


def words_of(error: BaseException) -> str:
    """Say why a process cannot load a project."""
    return str(error) if isinstance(error, InterlockError) else format_user_traceback(error)


def main(descriptor: int, faults: int) -> None:
    """Serve the connection with this number; what a fault of the interpreter has to say goes into the other file."""
    faulthandler.enable(faults, all_threads=False)
    with contextlib.suppress(EOFError, OSError):  # the other side is gone: there is nobody to work for
        serve(Connection(descriptor))
    # Threads that a step left running are no reason to stay.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    # The messages are pickled by the name of this module, which must be the same on both sides.
    from interlock.engine.child import main as serve_as_module

    serve_as_module(int(sys.argv[1]), int(sys.argv[2]))
