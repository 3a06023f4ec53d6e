"""A table of a million rows and 20 floats through five steps, beside plain pickle to disk and back, in one run.

Both sides do the same arithmetic. Interlock also digests, records and, at the end of the run, syncs; the floor writes
each table with pickle, syncs it likewise, and reads it again. Each side runs in a process of its own, so that its peak
of memory is its own: what the process held before the chain began is taken off.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import Row, verdicts

ROWS, COLUMNS, STEPS, ROUNDS = 1_000_000, 20, 5, 5
TABLE = ROWS * COLUMNS * 8

MODULE = f"""
import numpy as np
import pandas as pd
from interlock import step

@step(cache=False)
def table(seed: int) -> pd.DataFrame:
    numbers = np.random.default_rng(seed).random(({COLUMNS}, {ROWS}))
    return pd.DataFrame(numbers.T, columns=[f"c{{n}}" for n in range({COLUMNS})], copy=False)

@step(cache=False)
def more(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(c0=rows["c0"] + 1.0)

def chain(seed: int = 0):
    rows = table(seed)
    for _ in range({STEPS - 1}):
        rows = more(rows)
"""


def peak() -> int:
    """Return the peak of resident memory, in bytes, since it was last reset (proc(5))."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def interlock_side(folder: Path) -> dict[str, float]:
    from interlock.engine.context import open_context
    from interlock.engine.run import RunOptions, run_graph
    from interlock.graph.pipeline import Pipeline
    from interlock.stack.home import find_project

    module = importlib.import_module("table_steps")
    pipeline = Pipeline(module.chain, name="chain")
    with open_context(find_project(folder)) as context:
        graph = pipeline.trace(pipeline.bind({"seed": int(time.time_ns() % 2**31)}))
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        started = time.perf_counter()
        made = run_graph(graph, context, RunOptions())
        seconds = time.perf_counter() - started
        assert made.status == "succeeded", made.failure
        # The peak of each attempt is reset by the engine: the highest of them is the peak of the run.
        steps = context.records.steps.of(made.id)
    return {"seconds": seconds, "memory": max(peak(), *(one.peak_memory for one in steps)) - before}


def pickle_side(folder: Path, *, sync: bool) -> dict[str, float]:
    module = importlib.import_module("table_steps")
    table, more = module.table.function, module.more.function
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    started = time.perf_counter()
    rows = table(int(time.time_ns() % 2**31))
    for number in range(STEPS):
        rows = rows if number == 0 else more(rows)
        path = folder / f"{number}.pickle"
        with path.open("wb") as file:
            pickle.dump(rows, file, protocol=pickle.HIGHEST_PROTOCOL)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        del rows
        with path.open("rb") as file:
            rows = pickle.load(file)
    assert len(rows) == ROWS
    return {"seconds": time.perf_counter() - started, "memory": peak() - before}


SIDES = {
    "interlock": interlock_side,
    "pickle": lambda folder: pickle_side(folder, sync=False),
    "pickle, synced": lambda folder: pickle_side(folder, sync=True),
}


def measured(side: str) -> dict[str, float]:
    """Run one side in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "table_steps.py").write_text(MODULE)
        command = [sys.executable, __file__, side, folder]
        environment = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def rows() -> list[Row]:
    """Measure and return the lines of the table."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS):
        for side in SIDES:
            found[side].append(measured(side))
    seconds = {side: min(one["seconds"] for one in runs) for side, runs in found.items()}
    memory = {side: statistics.median(one["memory"] for one in runs) / TABLE for side, runs in found.items()}
    return [
        Row("table chain, interlock", seconds["interlock"], "s"),
        Row("table chain, pickle to disk and back", seconds["pickle"], "s"),
        Row("table chain, the same synced", seconds["pickle, synced"], "s"),
        Row("table chain / pickle", seconds["interlock"] / seconds["pickle"], "x", 0.7),
        Row("table chain / pickle, synced", seconds["interlock"] / seconds["pickle, synced"], "x"),
        Row("peak memory / table", memory["interlock"], "x", 2.5),
        Row("peak memory / table, pickle", memory["pickle"], "x"),
    ]


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in SIDES:
        print(json.dumps(SIDES[sys.argv[1]](Path(sys.argv[2]))))
    else:
        verdicts(rows())
