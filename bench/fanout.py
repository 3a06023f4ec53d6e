"""One step, a hundred steps of 20 ms, one that joins them: the engines beside what they are built on, in one run.

- Local processes beside `concurrent.futures.ProcessPoolExecutor` with as many workers: once both are warm, and from the
  start of the run, with the time that the workers need to begin.
- Ray beside plain Ray tasks on the same cluster, both warm.

A run records everything: each item's key, outputs, attempts and usage. The floors record nothing. What is warm is the
engine: its workers have done a run of the same pipeline before.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.engine import run
from interlock.engine.context import open_context
from interlock.engine.engines import open_engine
from interlock.engine.scripts import IMPORTING
from interlock.engine.socket import Engine, Job
from interlock.graph.pipeline import Pipeline
from interlock.stack.home import find_project

STEPS = 100
PAUSE = 0.02
ROUNDS = 5
WORKERS = 2

STEPS_OF = f"""
import time
from interlock import step

@step
def numbers(n: int) -> list[int]:
    return list(range(n))

@step
def pause(x: int) -> int:
    time.sleep({PAUSE})
    return x

@step
def total(xs: list[int]) -> int:
    return sum(xs)

def fan():
    total(pause.map(numbers({STEPS})))
"""


def numbers(n: int) -> list[int]:
    return list(range(n))


def pause(x: int) -> int:
    time.sleep(PAUSE)
    return x


def total(xs: list[int]) -> int:
    return sum(xs)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def pooled(pool: concurrent.futures.Executor) -> None:
    given = pool.submit(numbers, STEPS).result()
    made = [one.result() for one in [pool.submit(pause, x) for x in given]]
    assert pool.submit(total, made).result() == sum(range(STEPS))


class Kept:
    """An engine that outlives a run, so that the next one finds its workers."""

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def open(self, job: Job) -> Engine:
        if self.engine is None:
            self.engine = open_engine(job)
            self.end, self.engine.close = self.engine.close, lambda: None  # type: ignore[method-assign]
        vars(self.engine)["_job"] = job  # its graph, params and code are those of the first
        return self.engine


def fan_out(pipeline: Pipeline, project: Any) -> None:
    with open_context(project) as context:
        made = run.run_graph(pipeline.trace({}), context, run.RunOptions(cache=False))
    assert made.status == "succeeded", made.failure
    assert made["total"].value == sum(range(STEPS))


def measure(folder: Path, engine: str, floor: Callable[[], object]) -> tuple[float, float, float]:
    """Return the seconds of a run from the start and of a warm one, and of the floor: medians."""
    (folder / "interlock.toml").write_text(f'[stack.default.engine]\nuse = "{engine}"\nworkers = {WORKERS}\n')
    pipeline, project = (
        Pipeline(importlib.import_module("fanout_steps").fan, name="fan"),
        find_project(folder),
    )
    cold = seconds(lambda: fan_out(pipeline, project))
    kept, opening = Kept(), run.open_engine
    run.open_engine = kept.open
    try:
        fan_out(pipeline, project)
        floor()
        warm = [(seconds(lambda: fan_out(pipeline, project)), seconds(floor)) for _ in range(ROUNDS)]
    finally:
        run.open_engine = opening
        kept.end()
    return cold, *(statistics.median(column) for column in zip(*warm, strict=True))


def processes(folder: Path) -> None:
    with concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        cold, warm, floor = measure(folder, "processes", lambda: pooled(pool))
    say("processes", warm, floor, 1.15)
    print(f"{'  from the start':<24} {cold:>8.2f} s {'':>19} at most 2.5 s")


def on_ray(folder: Path) -> None:
    os.environ["RAY_AUTH_MODE"] = "disabled"  # no token in the home folder
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    from interlock.plugins.ray_cluster import on_loopback

    with on_loopback():
        ray.init(
            "local",
            num_cpus=WORKERS,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            log_to_driver=False,
        )
    one, many, join = ray.remote(numbers), ray.remote(pause), ray.remote(total)

    def plain() -> None:
        made = ray.get([many.remote(x) for x in ray.get(one.remote(STEPS))])
        assert ray.get(join.remote(made)) == sum(range(STEPS))

    try:
        _, warm, floor = measure(folder, "ray", plain)
    finally:
        ray.shutdown()
    say("ray", warm, floor, 1.3)


def say(name: str, warm: float, floor: float, bar: float) -> None:
    print(f"{name:<24} {warm:>8.3f} s {floor:>8.3f} s {warm / floor:>6.2f} x floor, at most {bar}")


def main() -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "fanout_steps.py").write_text(STEPS_OF)
        sys.path.insert(0, text)
        print(
            f"1 -> {STEPS} x {PAUSE * 1000:.0f} ms -> join, {WORKERS} workers; ideal {STEPS * PAUSE / WORKERS:.2f} s"
        )
        processes(folder)
        on_ray(folder)


if __name__ == "__main__" and not os.environ.get(IMPORTING):  # a worker process imports the script of its run
    main()
