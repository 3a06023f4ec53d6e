"""The plan of a chain over 10,000 cached steps, beside reading the same 10,000 rows from SQLite, in one run."""

from __future__ import annotations

import importlib
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from interlock.engine.context import RunContext, open_context
from interlock.engine.plan import plan_graph
from interlock.engine.run import run_graph
from interlock.graph.pipeline import Pipeline
from interlock.stack.home import find_project

STEPS = 10_000
FUNCTIONS = 100
ROUNDS = 3


def write_module(folder: Path) -> None:
    lines = ["from interlock import step"]
    lines += [f"@step\ndef s{n}(x: int) -> int:\n    return x + {n}" for n in range(FUNCTIONS)]
    lines += ["STEPS = [" + ", ".join(f"s{n}" for n in range(FUNCTIONS)) + "]"]
    lines += [f"def chain():\n    x = 0\n    for n in range({STEPS}):\n        x = STEPS[n % {FUNCTIONS}](x)"]
    (folder / "planned_steps.py").write_text("\n\n".join(lines))


def seconds(work: Callable[[], object]) -> float:
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def plan(pipeline: Pipeline, context: RunContext) -> None:
    assert {step.state for step in plan_graph(pipeline.trace({}), context)} == {"hit"}


def floor(context: RunContext) -> None:
    with sqlite3.connect(context.records.database.path) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM cache")]
        for key in keys:
            connection.execute("SELECT outputs FROM cache WHERE key = ?", (key,)).fetchone()
    connection.close()


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    write_module(folder)
    sys.path.insert(0, str(folder))
    pipeline = Pipeline(importlib.import_module("planned_steps").chain, name="chain")
    with open_context(find_project(folder)) as context:
        started = time.perf_counter()
        run_graph(pipeline.trace({}), context)
        print(f"first run of {STEPS} steps: {time.perf_counter() - started:.2f} s")
        planned, read = seconds(lambda: plan(pipeline, context)), seconds(lambda: floor(context))
        trace = seconds(lambda: pipeline.trace({}))
    print(f"plan with everything cached: {planned:.2f} s ({trace:.2f} s of it tracing)")
    print(f"reading the rows alone:      {read:.2f} s   ratio {planned / read:.1f}")


if __name__ == "__main__":
    main()
