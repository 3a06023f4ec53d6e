"""Child processes of the supervisor: started, looked at without waiting, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Threads of a native library that wait for each other spin, and take the processor from the endpoint that
# serves beside them: a run on a busy machine was seen to take seven times as long. What the user sets is kept.
_PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}

_GRACE = 10.0
"""Seconds between the request to end and the kill."""


@dataclass(frozen=True)
class Ended:
    """What a child left behind: its exit code (negative: the signal that killed it) and what it printed."""

    code: int
    output: str
    errors: str
    timed_out: bool = False


class Child:
    """A module of ours, running in a process of its own.

    Args:
        module: What runs, as `python -m` names it.
        arguments: Its arguments.
        folder: The folder that it runs in.
        timeout: Seconds after which it is ended.
    """

    def __init__(self, module: str, arguments: Sequence[str], folder: Path, *, timeout: float) -> None:
        # Files, not pipes: a child that prints much must not wait for a supervisor that looks twice a second.
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed where it is read
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as above
        command = [sys.executable, "-m", "interlock.loop.child", str(os.getpid()), module, *arguments]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            start_new_session=True,
            env=_PATIENT_THREADS | os.environ,
        )
        self._until = time.monotonic() + timeout
        self._timed_out = False
        self._ended: Ended | None = None

    @property
    def pid(self) -> int:
        """The process id, which is its group's as well."""
        return self._process.pid

    def poll(self) -> Ended | None:
        """Return what it left behind, or None while it runs. Ends it when its time is over."""
        if self._ended is not None:
            return self._ended
        if self._has_ended():
            return self._finish()
        if time.monotonic() < self._until:
            return None
        self._timed_out = True
        return self.stop()

    def stop(self, grace: float = _GRACE) -> Ended:
        """Ask it to end as Ctrl-C would, kill it and all that it started if it does not; return what it left."""
        if self._ended is not None:
            return self._ended
        self._signal(signal.SIGINT)
        until = time.monotonic() + grace
        while not self._has_ended() and time.monotonic() < until:
            time.sleep(0.02)
        return self._finish()

    def _has_ended(self) -> bool:
        """Tell whether it ended, and leave it uncollected: until then its number names no other group."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _finish(self) -> Ended:
        self._signal(signal.SIGKILL)  # itself if it would not end, and whatever it has left running
        code = self._process.wait()
        self._ended = Ended(code, _text(self._output), _text(self._errors), self._timed_out)
        return self._ended

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _text(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode("utf-8", errors="replace")
