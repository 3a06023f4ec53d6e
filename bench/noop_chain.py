"""A chain of no-op steps, run in process with everything recorded, beside a floor of plain Python, in one run.

The cost of a step is (time of 100 steps - time of 1 step) / 99, as for the peers. The floor does by hand what has to
happen at least: call, digest, commit a row to SQLite (WAL).
"""

from __future__ import annotations

import hashlib
import importlib
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from interlock.engine.context import RunContext, open_context
from interlock.engine.run import RunOptions, run_graph
from interlock.graph.pipeline import Pipeline
from interlock.stack.home import find_project

STEPS = 100
ROUNDS = 7


def write_module(folder: Path) -> None:
    lines = ["from interlock import step"]
    lines += [f"@step\ndef s{n}(x: int) -> int:\n    return x + {n}" for n in range(STEPS)]
    lines += ["def one():\n    s0(0)"]
    lines += ["def chain():\n    x = s0(0)\n" + "\n".join(f"    x = s{n}(x)" for n in range(1, STEPS))]
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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder))


def measure(folder: Path) -> None:
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
    base = statistics.median(per_step["floor"])
    print(f"{'':<20} {'ms a step':>10} {'x floor':>10}")
    for name, times in per_step.items():
        median = statistics.median(times)
        print(f"{name:<20} {median * 1000:>10.3f} {median / base:>10.1f}")


if __name__ == "__main__":
    main()
