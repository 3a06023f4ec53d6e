"""A chain of no-op steps, run in process with everything recorded, beside a floor of plain Python, in one run.

The cost of a step is (time of 100 steps - time of 1 step) / 99, as for the peers. The floor does by hand what has to
happen at least: call, digest, commit a row to SQLite (WAL). The whole process is `interlock run` of the same 100 steps,
from its start to its exit, beside a Python that only starts; the quickest of its rounds counts, and so does the median of
the steps.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from table import Row, verdicts

from interlock.engine.context import RunContext, open_context
from interlock.engine.run import RunOptions, run_graph
from interlock.graph.pipeline import Pipeline
from interlock.stack.home import find_project

STEPS = 100
ROUNDS = 7


def write_module(folder: Path) -> None:
    lines = ["from interlock import pipeline, step"]
    lines += [f"@step\ndef s{n}(x: int) -> int:\n    return x + {n}" for n in range(STEPS)]
    lines += ["def one():\n    s0(0)"]
    lines += ["def chain():\n    x = s0(0)\n" + "\n".join(f"    x = s{n}(x)" for n in range(1, STEPS))]
    lines += ["@pipeline\ndef whole():\n    chain()"]
    (folder / "noop_steps.py").write_text("\n\n".join(lines))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run(pipeline: Pipeline, context: RunContext, *, cache: bool) -> None:
    made = run_graph(pipeline.trace({}), context, RunOptions(cache=cache))
    wanted = "cached" if cache else "ran"
    assert {step.state for step in made.steps} == {wanted}


def floor(folder: Path, steps: int) -> None:
    with sqlite3.connect(folder / "floor.db", isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS steps (key TEXT, value TEXT)")
        value = 0
        for number in range(steps):
            value += number
            key = hashlib.sha256(str(value).encode()).hexdigest()
            connection.execute("INSERT INTO steps VALUES (?, ?)", (key, str(value)))
    connection.close()


def whole_process(folder: Path, *arguments: str) -> float:
    """Return the seconds of the quickest of some processes, each with everything to do."""

    def work() -> None:
        shutil.rmtree(folder / ".interlock", ignore_errors=True)
        subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)

    return min(seconds(work) for _ in range(ROUNDS))


def rows() -> list[Row]:
    """Measure and return the lines of the table."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def measure(folder: Path) -> list[Row]:
    write_module(folder)
    sys.path.insert(0, str(folder))
    module = importlib.import_module("noop_steps")
    one, chain = Pipeline(module.one, name="one"), Pipeline(module.chain, name="chain")
    per_step: dict[str, list[float]] = {"ran and recorded": [], "all cached": [], "floor": []}
    with open_context(find_project(folder)) as context:
        run(one, context, cache=False)
        run(chain, context, cache=False)
        for _ in range(ROUNDS):
            for name, cache in (("ran and recorded", False), ("all cached", True)):
                long = seconds(lambda cache=cache: run(chain, context, cache=cache))
                short = seconds(lambda cache=cache: run(one, context, cache=cache))
                per_step[name].append((long - short) / (STEPS - 1))
            long, short = seconds(lambda: floor(folder, STEPS)), seconds(lambda: floor(folder, 1))
            per_step["floor"].append((long - short) / (STEPS - 1))
    ran, cached, base = (statistics.median(per_step[name]) for name in per_step)
    whole = whole_process(folder, "-m", "interlock", "run", "noop_steps:whole")
    return [
        Row("a no-op step, ran and recorded", ran * 1000, "ms", 1.0),
        Row("a no-op step, cached", cached * 1000, "ms", 0.3),
        Row("a no-op step, floor", base * 1000, "ms"),
        Row("ran and recorded / floor", ran / base, "x"),
        Row("100 steps, whole process", whole, "s", 1.2),
        Row("Python that only starts", whole_process(folder, "-c", ""), "s"),
    ]


if __name__ == "__main__":
    verdicts(rows())
