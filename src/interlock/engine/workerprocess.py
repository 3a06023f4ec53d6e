"""One worker process, seen from the process that started it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from interlock.engine.setup import Setup
from interlock.engine.worker import Task

_GRACE = 5.0
"""Seconds within which the system has to tell how a process ended whose connection broke."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
"""Variables by which libraries choose how many threads they start; a user's own settings stay."""

_OOM_EVENTS = Path("/sys/fs/cgroup/memory.events")


@dataclass(frozen=True)
class Kind:
    """What a worker is made for: how many threads libraries may start in it, and which GPUs they see."""

    threads: int
    gpus: tuple[str, ...]


class WorkerProcess:
    """A process that does one task at a time.

    It leads a process group of its own, so that what its steps start ends with it, and a Ctrl-C at the terminal
    reaches this process only.

    Attributes:
        task: What it is doing; None when it is idle.
        next: What it does after that, so that it need not wait for being told.
        deadline: When the task must have ended, by the monotonic clock.
    """

    def __init__(self, kind: Kind, setup: Setup) -> None:
        self.kind = kind
        self.task: Task | None = None
        self.next: Task | None = None
        self.deadline: float | None = None
        self._began = 0.0
        self._killed_before = _oom_kills()
        self._faults = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `kill`
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = [theirs.fileno(), self._faults.fileno()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "interlock.engine.child", *map(str, inherited)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=2,  # what steps print is sent; what their own processes print must not be in a report
                start_new_session=True,
                env=_environment(kind),
            )
        self.connection = Connection(ours.detach())
        self.connection.send_bytes(pickle.dumps(setup))

    @property
    def pid(self) -> int:
        """The process, and its group."""
        return self._process.pid

    @property
    def seconds(self) -> float:
        """How long the task has been under way."""
        return time.monotonic() - self._began

    def begin(self, task: Task) -> None:
        """Give it a task, to be done at once or after the one that it does."""
        if self.task is None:
            self.task, self.deadline, self._began = task, None, time.monotonic()
        else:
            self.next = task
        with contextlib.suppress(
            OSError
        ):  # it died while it was idle; that is heard when its task is waited for
            self.connection.send(task)

    def end(self) -> None:
        """Note that the task has ended."""
        self.task, self.next, self.deadline, self._began = self.next, None, None, time.monotonic()

    def cause_of_death(self) -> str:
        """Say how the process ended."""
        try:
            code = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code >= 0:
            return f"left with exit code {code}."
        if -code == signal.SIGKILL:
            if _oom_kills() > self._killed_before:
                return "was killed because memory ran out (OOM). Ask for more: @step(memory=...)."
            return "was killed (SIGKILL); the system does that when memory runs out."
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name} ({signal.strsignal(-code)})."
        return f"was ended by signal {-code}."

    def last_words(self) -> str:
        """Return the traceback that the interpreter wrote when a fault ended it; "" when there is none."""
        self._faults.seek(0)
        return _users_part(self._faults.read().decode(errors="replace"))

    def kill(self) -> None:
        """End it, and what it started."""
        self.connection.close()
        self._faults.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def _users_part(fault: str) -> str:
    """Return what the interpreter wrote about a fault, down to the last frame of the user's step."""
    lines = fault.splitlines()
    ours = f'  File "{Path(__file__).parents[1]}{os.sep}'
    end = next((place for place, line in enumerate(lines) if line.startswith(ours)), len(lines))
    return "\n".join(lines[:end]).strip()


def _environment(kind: Kind) -> dict[str, str]:
    threads = {name: str(kind.threads) for name in _THREADS}
    gpus = {"CUDA_VISIBLE_DEVICES": ",".join(kind.gpus)} if kind.gpus else {}
    return {**threads, "OMP_WAIT_POLICY": "PASSIVE", **os.environ, **gpus}


def _oom_kills() -> int:
    try:
        lines = _OOM_EVENTS.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
