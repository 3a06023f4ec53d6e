"""Steps in worker processes: side by side, reused, and each death one failed attempt of one step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.engine.context import RunContext, open_context
from interlock.engine.processes import WorkerDied, WorkerUnusable
from interlock.engine.result import Run
from interlock.engine.run import RunOptions, run_graph
from interlock.engine.setup import NotSendable
from interlock.engine.timeouts import StepTimeout
from interlock.graph.pipeline import Pipeline
from interlock.graph.step import step
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline

FLOW = '''
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
import pandas as pd
from interlock import log, pipeline, step

@step
def numbers(n: int) -> list[int]:
    return list(range(n))

@step
def squared(x: int) -> int:
    return x * x

@step
def total(xs: list[int]) -> int:
    print("adding", len(xs))
    log(count=len(xs))
    return sum(xs)

@pipeline
def fan(n: int = 5):
    total(squared.map(numbers(n)))

@step(cache=False)
def meet(me: int, of: int) -> float:
    """Wait until all others are here: that they are at work side by side."""
    Path(f"here-{me}").touch()
    end = time.monotonic() + 20
    while len(list(Path().glob("here-*"))) < of:
        assert time.monotonic() < end, "alone"
        time.sleep(0.01)
    return float(os.getpid())

@pipeline
def meeting():
    meet(0, 2)
    meet(1, 2)

@step(cpus=2, cache=False)
def big(me: int) -> list[float]:
    began = time.monotonic()
    time.sleep(0.2)
    return [began, time.monotonic()]

@pipeline
def bigs():
    big(0)
    big(1)

@step(cache=False)
def who(n: int) -> int:
    return os.getpid()

@pipeline
def one_after_another():
    who(who(who(0)))

@step
def table(n: int) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(n), "b": np.arange(n) / 3})

@step(retries=1, retry_delay=0)
def die(rows: pd.DataFrame, how: str) -> int:
    print("about to die by", how)
    mark = Path("died-once")
    if how == "once":
        if mark.exists():
            return len(rows)
        mark.touch()
    if how in ("exit", "once"):
        os._exit(3)
    if how == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.SIGKILL)

@pipeline
def dying(how: str):
    die(table(4), how)

@step(retries=1, retry_delay=0)
def shaky(x: int) -> int:
    mark = Path("shaken")
    if x == 6 and not mark.exists():
        mark.touch()
        os._exit(3)
    return -x

@pipeline
def shaking():
    shaky.map(numbers(12))

@step(timeout=1)
def hang() -> int:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    ctypes.PyDLL(None).sleep(60)
    return 1

@pipeline
def hanging():
    hang()

@step(retries=3, retry_on=ConnectionError, retry_delay=0)
def picky(kind: str) -> int:
    with open("tries", "a") as file:
        file.write("x")
    raise {"net": ConnectionError, "bug": KeyError}[kind]("no")

@pipeline
def picking(kind: str):
    picky(kind)
'''


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunContext]:
    (tmp_path / "interlock.toml").write_text(
        '[stack.default]\nengine = { use = "processes", workers = 2 }\n[stack.plain]\n'
    )
    (tmp_path / "processes_flow.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    with open_context(find_project(tmp_path)) as opened:
        yield opened
    sys.path[:] = before
    sys.modules.pop("processes_flow", None)


def run(context: RunContext, name: str, **params: object) -> Run:
    pipeline = load_pipeline(context.project, f"processes_flow:{name}").pipeline
    assert isinstance(pipeline, Pipeline)
    return run_graph(pipeline.trace(params), context, RunOptions())


def alive(pattern: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if pattern in text:
            found.append(text)
    return found


def test_a_run_gives_and_records_what_it_would_in_one_process(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(context, "fan")
    assert [step.state for step in made.steps] == ["ran", "ran", "ran"]
    assert made["total"].value == 30
    assert made["squared"].value == [0, 1, 4, 9, 16]
    assert [chunk.text for chunk in context.records.logs.read(made.id, "total")] == ["adding 5\n"]
    assert made["total"].metrics == {"count": [(0, 5.0)]}
    monkeypatch.setenv("INTERLOCK_STACK", "plain")
    with open_context(find_project(context.project.root)) as plain:
        again = run_graph(made.graph, plain, RunOptions(cache=False))
        assert {ref: one.digest for ref, one in again.outputs.items()} == {
            ref: one.digest for ref, one in made.outputs.items()
        }


def test_steps_that_do_not_wait_for_each_other_run_at_the_same_time(context: RunContext) -> None:
    made = run(context, "meeting")
    assert made.status == "succeeded"
    assert made["meet"].value != made["meet#2"].value


def test_steps_that_need_all_cores_run_one_after_another(context: RunContext) -> None:
    made = run(context, "bigs")
    (first, second) = sorted([made["big"].value, made["big#2"].value])
    assert first[1] <= second[0]


def test_a_worker_is_used_again(context: RunContext) -> None:
    made = run(context, "one_after_another")
    assert len({made[name].value for name in ("who", "who#2", "who#3")} | {os.getpid()}) == 2


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exit", "its worker process left with exit code 3"),
        ("segfault", "its worker process was ended by SIGSEGV"),
        ("kill", "its worker process was killed"),
    ],
)
def test_a_worker_that_dies_is_a_failed_attempt_with_its_cause(
    context: RunContext, how: str, words: str
) -> None:
    made = run(context, "dying", how=how)
    assert made.status == "failed"
    assert isinstance(made.failure and made.failure.__cause__, WorkerDied)
    assert words in str(made.failure)
    record = context.records.steps.get(made.id, "die")
    assert record is not None
    assert [words in (one.error or "") for one in record.attempts] == [True, True]
    printed = [chunk.text for chunk in context.records.logs.read(made.id, "die")]
    assert "".join(printed).count(f"about to die by {how}\n") == 2
    if how == "segfault":
        assert 'processes_flow.py", line' in (record.error or "")
        assert "interlock/engine" not in (record.error or "")


def test_a_step_whose_worker_died_once_is_tried_again(context: RunContext) -> None:
    made = run(context, "dying", how="once")
    assert made["die"].value == 4


def test_an_item_that_waits_for_a_worker_that_dies_is_none_of_its_attempts(context: RunContext) -> None:
    made = run(context, "shaking")
    assert made["shaky"].value == [-one for one in range(12)]
    items = context.records.items.of(made.id, "shaky")
    assert [len(one.attempts) for one in items] == [1] * 6 + [2] + [1] * 5


def test_a_timeout_ends_a_step_that_does_not_listen_and_what_it_started(context: RunContext) -> None:
    made = run(context, "hanging")
    assert isinstance(made.failure and made.failure.__cause__, StepTimeout)
    assert alive("import time; time.sleep(60)") == []


@pytest.mark.parametrize(("kind", "tries"), [("net", 4), ("bug", 1)])
def test_only_the_errors_that_are_named_are_retried(context: RunContext, kind: str, tries: int) -> None:
    made = run(context, "picking", kind=kind)
    assert made.status == "failed"
    assert len((context.project.root / "tries").read_text()) == tries


def test_an_item_that_is_new_is_the_only_one_that_runs(context: RunContext) -> None:
    run(context, "fan", n=5)
    made = run(context, "fan", n=7)
    assert made["squared"].value == [0, 1, 4, 9, 16, 25, 36]
    states = [one.state for one in context.records.items.of(made.id, "squared")]
    assert states == ["cached"] * 5 + ["ran"] * 2
    record = context.records.steps.get(made.id, "squared")
    assert record is not None
    assert record.reason.endswith("2 of 7 items, 5 from the cache")


def test_a_project_that_a_worker_cannot_load_is_told(context: RunContext) -> None:
    pipeline = load_pipeline(context.project, "processes_flow:fan").pipeline
    graph = pipeline.trace({"n": 3})  # type: ignore[attr-defined]
    (context.project.root / "processes_flow.py").write_text("raise RuntimeError('broken since')\n")
    with pytest.raises(WorkerUnusable, match="broken since"):
        run_graph(graph, context, RunOptions())
    assert context.records.runs.get("fan/1").status == "failed"


def test_what_cannot_be_sent_to_another_process_is_told(context: RunContext) -> None:
    import threading

    lock = threading.Lock()

    @step(cache=False)
    def local(n: int) -> int:
        return n if lock else 0

    with pytest.raises(NotSendable, match="cannot be sent to another process: TypeError"):
        run_graph(Pipeline(lambda: local(1), name="closed").trace({}), context, RunOptions())


def test_a_step_that_is_defined_in_a_function_travels_by_value(context: RunContext) -> None:
    offset = 7

    @step
    def local(n: int) -> int:
        return n + offset

    made = run_graph(Pipeline(lambda: local(1), name="closed").trace({}), context, RunOptions())
    assert made["local"].value == 8


SCRIPT = """
import os
from interlock import pipeline, step

@step
def where(n: int) -> int:
    return os.getpid()

@pipeline
def flow():
    where(1)

print("imported")
run = flow.run()
print("elsewhere", run["where"].value != os.getpid())
"""


def test_a_script_that_runs_its_pipeline_needs_no_guard(context: RunContext) -> None:
    script = context.project.root / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["imported", "elsewhere True"]


def test_workers_end_with_the_process_of_their_run(context: RunContext) -> None:
    words = [sys.executable, "-m", "interlock", "run", "processes_flow:hanging", "--json"]
    # Without its timeout the step would hold the interpreter's lock for a minute.
    file = context.project.root / "processes_flow.py"
    file.write_text(FLOW.replace("@step(timeout=1)", "@step").replace('time.sleep(60)"', 'time.sleep(61)"'))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not alive("import time; time.sleep(61)"):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while alive("import time; time.sleep(61)"):
        assert time.monotonic() < until, "orphans live on"
        time.sleep(0.05)
    shown = subprocess.check_output([sys.executable, "-m", "interlock", "runs", "--json"], text=True)
    assert json.loads(shown)[0]["status"] == "lost"
