"""R7: many processes run pipelines on one store and one set of records. Nothing is lost, damaged, or told to be locked.

    python chaos/many_processes.py --processes 8 --seconds 60
    python chaos/many_processes.py --processes 20 --runs 2 --records postgresql://user:password@host/database

Every process opens the project by itself and runs, again and again, a pipeline of which one step is the same for all
(all of them want to store and to cache it at once) and the others are its own. At the end everything is counted and
verified, and the exit code is 1 when something is missing. The records of the project must be new.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext, open_context
from interlock.engine.run import RunOptions, run_graph
from interlock.graph.pipeline import Pipeline
from interlock.records.model import MetricPoint
from interlock.stack.home import find_project
from interlock.store.blobs import LocalStore

STEPS = """
from interlock import pipeline, step

@step
def shared(size: int) -> list[int]:
    return list(range(size))

@step
def own(numbers: list[int], worker: int, run: int) -> list[int]:
    return [number + 1000 * worker + run for number in numbers]

@step
def total(numbers: list[int]) -> int:
    return sum(numbers)

def sums(worker: int, run: int):
    total(own(shared(5000), worker, run))
"""
_SUM = sum(range(5000))
_ADDRESS = "CONCURRENT_RECORDS"


def write_project(folder: Path, records: str | None) -> None:
    (folder / "concurrent_steps.py").write_text(STEPS)
    stack = f'[stack.default]\nrecords = "${{{_ADDRESS}}}"\n' if records else ""
    (folder / "interlock.toml").write_text(stack)
    if records:
        os.environ[_ADDRESS] = records


def work(folder: Path, worker: int, more: Callable[[int, float], bool]) -> int:
    """Run the pipeline for as long as there is more to do, and return how often."""
    module = importlib.import_module("concurrent_steps")
    pipeline = Pipeline(module.sums, name="sums")
    began, done = time.monotonic(), 0
    while more(done, time.monotonic() - began):
        with open_context(find_project(folder)) as context:  # as a command does, each time
            made = run_graph(pipeline.trace({"worker": worker, "run": done}), context, RunOptions())
            context.records.metrics.add(
                [MetricPoint(made.id, "total", "loss", n, 0.5, 1.0) for n in range(20)]
            )
            context.records.runs.list(limit=5)
        done += 1
    return done


def child(folder: Path, worker: int, runs: int, seconds: float) -> None:
    """Work in a process of its own; say what came of it in a file, and on failure why."""
    said = folder / "said" / str(worker)
    try:
        done = work(folder, worker, lambda n, spent: n < runs if runs else spent < seconds)
        said.write_text(json.dumps({"runs": done}))
    except BaseException:
        said.write_text(json.dumps({"error": traceback.format_exc()}))
        raise


def start_all(folder: Path, processes: int, runs: int, seconds: float) -> list[dict[str, Any]]:
    (folder / "said").mkdir()
    sys.path.insert(0, str(folder))
    # Forked before anything is opened: each child opens the store and the records by itself.
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=child, args=(folder, n, runs, seconds)) for n in range(processes)]
    for one in children:
        one.start()
    for one in children:
        one.join()
    return [json.loads((folder / "said" / str(n)).read_text()) for n in range(processes)]


def faults(context: RunContext, said: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with what the processes have left; nothing when all is well."""
    found = [one["error"] for one in said if "error" in one]
    expected = sum(one.get("runs", 0) for one in said)
    runs = context.records.runs.list(limit=1_000_000)
    found += [f"{run.id} is {run.status}" for run in runs if run.status != "succeeded"]
    if [run.number for run in runs] != list(range(expected, 0, -1)):
        found.append(f"{expected} runs were made, and {len(runs)} are recorded, or their numbers have gaps")
    totals: list[int] = []
    for run in runs:
        steps = {step.step: step for step in context.records.steps.of(run.id)}
        if len(steps) != 3 or len(context.records.metrics.series(run.id, "loss")) != 20:
            found.append(f"{run.id} has lost steps or points")
            continue
        totals.append(context.artifacts.load(next(iter(steps["total"].outputs.values()))))
    wanted = [
        _SUM + 5000 * (1000 * n + run) for n, one in enumerate(said) for run in range(one.get("runs", 0))
    ]
    if sorted(totals) != sorted(wanted):
        found.append("the totals are others than those that were to be computed")
    found += context.records.database.faults()
    store = context.store
    return found + ([str(one) for one in store.verify()] if isinstance(store, LocalStore) else [])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--runs", type=int, default=0, help="runs of each process, instead of --seconds")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--records", help="the URL of an empty PostgreSQL database; a SQLite file without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, options.records)
        began = time.monotonic()
        said = start_all(folder, options.processes, options.runs, options.seconds)
        took = time.monotonic() - began
        with open_context(find_project(folder)) as context:
            found = faults(context, said)
    runs = sum(one.get("runs", 0) for one in said)
    print(f"{options.processes} processes, {runs} runs in {took:.1f} s, {len(found)} faults")
    print("\n".join(found), end="\n" if found else "")
    return 1 if found or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
