"""Large graphs: what a step costs in a graph of 1,000 and of 10,000, and the memory of a `.map` over 100,000 items.

Each measurement is a process of its own. A step's cost has everything in it: tracing, planning, running and recording.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import Row, verdicts

ROUNDS = 3
FUNCTIONS = 100
SIZES = {"chain": "steps", "fan": "items"}
"""The param that says how large a pipeline is."""

MODULE = f"""
from interlock import step

{
    "".join(
        f'''
@step
def s{n}(x: int) -> int:
    return x + {n}
'''
        for n in range(FUNCTIONS)
    )
}

STEPS = [{", ".join(f"s{n}" for n in range(FUNCTIONS))}]

def chain(steps: int = 1000):
    x = 0
    for n in range(steps):
        x = STEPS[n % {FUNCTIONS}](x)

@step
def numbers(n: int) -> list[int]:
    return list(range(n))

@step
def double(x: int) -> int:
    return 2 * x

@step
def total(xs: list[int]) -> int:
    return sum(xs)

def fan(items: int = 1000):
    total(double.map(numbers(items)))
"""


def peak() -> int:
    """Return the peak of resident memory of this process, in bytes (proc(5))."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def side(name: str, size: int, folder: Path) -> dict[str, float]:
    """Run one pipeline once and return what it took."""
    from interlock.engine.context import open_context
    from interlock.engine.run import run_graph
    from interlock.graph.pipeline import Pipeline
    from interlock.stack.home import find_project

    module = importlib.import_module("many")
    pipeline = Pipeline(getattr(module, name), name=name)
    with open_context(find_project(folder)) as context:
        run_graph(pipeline.trace(pipeline.bind({SIZES[name]: 10})), context)
        before = peak()
        started = time.perf_counter()
        made = run_graph(pipeline.trace(pipeline.bind({SIZES[name]: size})), context)
        seconds = time.perf_counter() - started
        assert made.status == "succeeded", made.failure
    return {"seconds": seconds, "memory": peak() - before, "whole": peak()}


def measured(name: str, size: int) -> dict[str, float]:
    """Run one side in a process of its own, in an empty project."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "many.py").write_text(MODULE)
        command = [sys.executable, __file__, "side", name, str(size), folder]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": folder}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def best(name: str, size: int, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the quickest of some rounds: whatever else the machine does only adds."""
    return min((measured(name, size) for _ in range(rounds)), key=lambda one: one["seconds"])


def rows() -> list[Row]:
    """Measure and return the lines of the table."""
    small, large = best("chain", 1_000), best("chain", 10_000)
    few, many = best("fan", 10_000), best("fan", 100_000, 1)
    return [
        Row("a step in a graph of 1,000", small["seconds"], "ms"),
        Row("a step in a graph of 10,000", large["seconds"] / 10, "ms", 1.5),
        Row("10,000 steps / ten times 1,000", large["seconds"] / small["seconds"] / 10, "x", 1.25),
        Row("an item of 10,000", few["seconds"] / 10, "ms"),
        Row("an item of 100,000", many["seconds"] / 100, "ms"),
        Row("whole memory, 10,000 items", few["whole"] / 1e6, "MB"),
        Row("whole memory, 100,000 / 10,000 items", many["whole"] / few["whole"], "x", 1.5),
        Row("memory for each of 100,000 items", many["memory"] / 1e5 / 1e3, "kB"),
    ]


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "side":
        print(json.dumps(side(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))))
    else:
        verdicts(rows())
