"""A run of forty steps that can be killed at any moment, and what has to hold afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Self

from interlock.records.records import Records
from interlock.store.blobs import LocalStore
from interlock.store.formats.containers import blobs_of

ITEMS = 12
LINKS = 12

FLOW = f'''
import os
import time

import numpy as np

from interlock import log, pipeline, step

def note(name):
    """Count a call: one line, whatever kills the process."""
    with open("calls", "ab", buffering=0) as file:
        file.write(f"{{name}}\\n".encode())

@step
def start(size: int) -> list[int]:
    note("start")
    return list(range(size))

@step
def link(xs: list[int], number: int) -> list[int]:
    note(f"link {{number}}")
    print("link", number)
    log(number=number)
    time.sleep(0.004)
    return [x + number for x in xs]

@step
def wave(xs: list[int], number: int) -> np.ndarray:
    note(f"wave {{number}}")
    time.sleep(0.004)
    return np.cumsum(np.array(xs, "float64")) * number

@step
def parts(xs: list[int]) -> list[np.ndarray]:
    note("parts")
    return [np.array(xs, "int64") + 1000 * part for part in range({ITEMS})]

@step
def item(one: np.ndarray) -> np.ndarray:
    note(f"item {{int(one[0]) // 1000}}")
    time.sleep(0.004)
    return one * 2

@step
def total(ones: list[np.ndarray]) -> float:
    note("total")
    return float(sum(one.sum() for one in ones))

@step
def meet(a: float, waves: list[np.ndarray]) -> dict[str, float]:
    note("meet")
    return {{"total": a, "waves": float(sum(one[-1] for one in waves))}}

@pipeline
def flow(size: int = 1500):
    xs = start(size)
    waves = []
    for number in range({LINKS}):
        xs = link(xs, number)
        waves.append(wave(xs, number))
    meet(total(item.map(parts(xs))), waves)
'''

STEPS = 1 + 2 * LINKS + 1 + ITEMS + 2
"""Forty, each item of the mapped step counted as one."""

ENGINES = ("in-process", "processes")
RUN = ("run", "flow:flow")
_END = 120.0

Outputs = dict[str, list[tuple[str, str, str | None, str | None]]]
"""The artifacts of each step: name, digest, and where or what the bytes are."""


class Chaos:
    """A project in a folder of its own, whose runs are processes of their own."""

    def __init__(self, folder: Path, engine: str) -> None:
        folder.mkdir(parents=True)
        (folder / "flow.py").write_text(FLOW)
        (folder / "interlock.toml").write_text(f'[stack.default]\nengine = "{engine}"\n')
        self._lie_in(folder)

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Return a project that was made before."""
        found = cls.__new__(cls)
        found._lie_in(folder)
        return found

    def _lie_in(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".interlock"

    def start(self, *, command: tuple[str, ...] = RUN) -> subprocess.Popen[str]:
        """Begin a run, in a session of its own."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen(
            [sys.executable, "-m", "interlock", *command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *, command: tuple[str, ...] = RUN) -> tuple[int, str]:
        """Run to the end; return the exit code and what was told on stderr."""
        process = self.start(command=command)
        told = process.communicate(timeout=_END)[1]
        return process.returncode, told

    def calls(self) -> Counter[str]:
        """Return how often each step was called."""
        file = self.folder / "calls"
        return Counter(file.read_text().splitlines() if file.exists() else [])

    def store(self) -> LocalStore:
        """Return the store."""
        return LocalStore(self.home / "store")

    def faults(self) -> list[str]:
        """Return what is wrong in store and records: damage, and references to what is not there."""
        store = self.store()
        found = [f"{one.kind} {one.path}" for one in store.verify() if one.kind != "leftover"]
        if not (self.home / "records.db").exists():
            return found
        with Records.open(self.home / "records.db", store) as records:
            found += records.database.faults()
            for run in records.runs.list(limit=1000):
                for step in records.steps.of(run.id):
                    outputs = [*step.outputs.values()]
                    for one in records.items.of(run.id, step.node):
                        outputs += one.outputs.values()
                    missing = [blob for one in outputs for blob in blobs_of(one) if not store.has(blob)]
                    found += [f"{run.id} {step.node}: {blob} is gone" for blob in missing]
        return found

    def finished(self) -> set[str]:
        """Return what the records hold as finished, by what it writes when it is called; read beside whatever runs."""
        database = self.home / "records.db"
        if not database.exists():
            return set()
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            try:
                steps = connection.execute("SELECT node FROM steps WHERE state = 'ran'").fetchall()
                items = connection.execute("SELECT item FROM items WHERE state = 'ran'").fetchall()
            except sqlite3.OperationalError:  # killed before the tables were there
                return set()
        return {call_of(node) for (node,) in steps if node != "item"} | {f"item {n}" for (n,) in items}

    def last_run(self) -> tuple[str, str] | None:
        """Return id and status of the last run."""
        if not (self.home / "records.db").exists():
            return None
        with Records.open(self.home / "records.db", self.store()) as records:
            records.runs.mark_lost()
            return next(((run.id, run.status) for run in records.runs.list(limit=1)), None)

    def again(self, *, resume: bool) -> tuple[int, str]:
        """Go on with the last run, where there is one that can be resumed and it is wanted; else run anew."""
        last = self.last_run()
        if resume and last is not None and last[1] in ("lost", "failed"):
            return self.run(command=("resume", last[0]))
        return self.run()

    def outputs(self) -> Outputs:
        """Return the artifacts of the last run by step, having read and verified each."""
        store = self.store()
        with Records.open(self.home / "records.db", store) as records:
            (run, *_) = records.runs.list(limit=1)
            assert run.status == "succeeded", run.error
            found = {}
            for step in records.steps.of(run.id):
                found[step.node] = [
                    (name, one.digest, one.blob, one.inline) for name, one in sorted(step.outputs.items())
                ]
                for one in step.outputs.values():
                    for blob in blobs_of(one):
                        store.get_bytes(blob)
        return found


def call_of(node: str) -> str:
    """Return what a step writes when it is called."""
    name, _, number = node.partition("#")
    return name if name in ("start", "parts", "total", "meet") else f"{name} {int(number or 1) - 1}"


def workers_of(pid: int) -> list[int]:
    """Return the worker processes of a run."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"interlock.engine.child" in _command(int(child))]
    return []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def kill(pid: int) -> None:
    """End a process as the OOM killer would; one that is gone is no fault."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def are_gone(pids: list[int], seconds: float = 10.0) -> bool:
    """Tell whether worker processes end within some seconds."""
    end = time.monotonic() + seconds
    while any(b"interlock.engine.child" in _command(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
