"""A run that ended early goes on from what it has finished; what two runs want at once is computed once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.engine.context import RunContext, open_context
from interlock.records.runs import RunNotResumable
from interlock.stack.home import find_project

FLOW = """
import os, time
from pathlib import Path
from interlock import pipeline, step

def count(name: str) -> None:
    with open(Path("counts") / name, "a") as file:
        file.write("x")

@step(cache=False)
def first(n: int) -> int:
    count("first")
    return n

@step(cache=False)
def item(x: int) -> int:
    count(f"item-{x}")
    if Path("fail").exists() and x == 3:
        raise RuntimeError("no luck")
    return x * 10

@step
def numbers(n: int) -> list[int]:
    return list(range(n))

@step
def last(xs: list[int], n: int) -> int:
    count("last")
    while Path("wait").exists():
        time.sleep(0.02)
    return sum(xs) + n

@pipeline
def flow(n: int = 5):
    last(item.map(numbers(n)), first(n))

@step
def shared(n: int) -> int:
    count("shared")
    until = time.monotonic() + 30
    while Path("wait").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return n

@step
def after(n: int, me: int) -> int:
    return n + me

@pipeline
def sharing(me: int = 0):
    after(shared(1), me)
"""


@pytest.fixture(params=["in-process", "processes"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "interlock.toml").write_text(f'[stack.default]\nengine = "{request.param}"\n')
    (tmp_path / "resume_flow.py").write_text(FLOW)
    (tmp_path / "counts").mkdir()
    return tmp_path


@pytest.fixture
def context(project: Path) -> Iterator[RunContext]:
    with open_context(find_project(project)) as opened:
        yield opened


def interlock(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "interlock", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def start(project: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "interlock", *words]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def counts(project: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in (project / "counts").iterdir()}


def wait_for(happened: object, *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def test_a_run_that_failed_goes_on_with_what_has_not_finished(project: Path, context: RunContext) -> None:
    (project / "fail").touch()
    failed = interlock(project, "run", "resume_flow:flow")
    assert failed.returncode == 1
    assert "no luck" in failed.stderr
    (project / "fail").unlink()
    done = interlock(project, "resume", "flow/1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == "flow/1"
    assert context.records.runs.get("flow/1").status == "succeeded"
    finished = counts(project)
    assert finished.pop("item-3") == 2
    assert finished.pop("item-4") in (1, 2)  # side by side, it may have been under way
    assert set(finished.values()) == {1}
    assert {one.node: one.state for one in context.records.steps.of("flow/1")} == dict.fromkeys(
        ["numbers", "item", "first", "last"], "ran"
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_whose_process_ended_goes_on(project: Path, context: RunContext, how: signal.Signals) -> None:
    (project / "wait").touch()
    run = start(project, "run", "resume_flow:flow")
    wait_for((project / "counts" / "last").exists)
    run.send_signal(how)
    assert run.wait(30) != 0
    run.communicate()
    (project / "wait").unlink()
    done = interlock(project, "resume", "flow/1")
    assert done.returncode == 0, done.stderr
    assert counts(project) == {"first": 1, "last": 2, **{f"item-{n}": 1 for n in range(5)}}
    artifact = context.records.steps.get("flow/1", "last")
    assert artifact is not None
    assert context.artifacts.load(artifact.outputs["result"]) == 105


def test_what_has_come_to_its_end_or_was_made_of_something_else_is_not_resumed(
    project: Path, context: RunContext
) -> None:
    interlock(project, "run", "resume_flow:flow")
    again = interlock(project, "resume", "flow/1")
    assert again.returncode == 1
    assert "Run 'flow/1' cannot be resumed: it is succeeded" in again.stderr
    (project / "fail").touch()
    (project / "resume_flow.py").write_text(FLOW.replace("x * 10", "x * 11"))
    interlock(project, "run", "resume_flow:flow")
    (project / "resume_flow.py").write_text(FLOW.replace("x * 10", "x * 12"))
    changed = interlock(project, "resume", "flow/2")
    assert "Run flow/2 cannot be resumed: code changed since it began" in changed.stderr
    assert context.records.runs.get("flow/2").status == "failed"
    with pytest.raises(RunNotResumable):
        context.records.runs.reopen("flow/1")


def test_one_step_of_a_run_is_done_from_a_shell(project: Path, context: RunContext) -> None:
    (project / "fail").touch()
    interlock(project, "run", "resume_flow:flow")
    missing = interlock(project, "step", "flow/1", "last")
    assert missing.returncode == 1
    assert "Do it first: interlock step flow/1 item" in missing.stderr
    failed = interlock(project, "step", "flow/1", "item")
    assert failed.returncode == 1
    assert "no luck" in failed.stderr
    (project / "fail").unlink()
    done = json.loads(interlock(project, "step", "flow/1", "item", "--json").stdout)
    assert (done["state"], done["recorded"]) == ("ran", True)
    assert interlock(project, "resume", "flow/1").returncode == 0
    looked = json.loads(interlock(project, "step", "flow/1", "last", "--json").stdout)
    assert (looked["recorded"], looked["same"]) == (False, {"result": True})
    unknown = interlock(project, "step", "flow/1", "lats")
    assert "Did you mean 'last'?" in unknown.stderr


def test_items_and_what_is_under_way_are_shown(project: Path) -> None:
    (project / "wait").touch()
    (project / "fail").touch()
    assert interlock(project, "run", "resume_flow:flow").returncode == 1
    shown = {
        one["item"]: one
        for one in json.loads(interlock(project, "show", "flow/1", "--items", "item", "--json").stdout)
    }
    assert [shown[place]["state"] for place in range(4)] == ["ran", "ran", "ran", "failed"]
    assert "no luck" in shown[3]["error"]
    assert "no luck" in interlock(project, "show", "flow/1", "--items", "item").stdout
    slip = interlock(project, "show", "flow/1", "--items", "itme")
    assert slip.returncode == 2
    assert "Did you mean 'item'?" in slip.stderr
    (project / "fail").unlink()
    run = start(project, "resume", "flow/1")
    wait_for((project / "counts" / "last").exists)
    assert [
        one["step"] for one in json.loads(interlock(project, "show", "flow/1", "--json").stdout)["running"]
    ] == ["last"]
    assert "running" in interlock(project, "show", "flow/1").stdout
    (project / "wait").unlink()
    run.communicate()
    assert json.loads(interlock(project, "show", "flow/1", "--json").stdout)["running"] == []


def test_a_step_that_two_runs_want_is_computed_once(project: Path, context: RunContext) -> None:
    (project / "wait").touch()
    first = start(project, "run", "resume_flow:sharing", "-p", "me=1")
    wait_for((project / "counts" / "shared").exists)
    second = start(project, "run", "resume_flow:sharing", "-p", "me=2")
    wait_for(lambda: len(context.records.runs.list("sharing")) == 2)
    time.sleep(0.5)  # it looks, and finds the first at work
    (project / "wait").unlink()
    for run in (first, second):
        _, said = run.communicate(timeout=60)
        assert run.returncode == 0, said
    assert counts(project) == {"shared": 1}
    record = context.records.steps.get("sharing/2", "shared")
    assert record is not None
    assert (record.state, record.reason) == ("cached", "same code, inputs and params as in sharing/1")
    assert context.records.claims.of("sharing/1") == []


def test_who_waits_takes_over_from_a_run_that_died(project: Path, context: RunContext) -> None:
    (project / "wait").touch()
    first = start(project, "run", "resume_flow:sharing", "-p", "me=1")
    wait_for((project / "counts" / "shared").exists)
    second = start(project, "run", "resume_flow:sharing", "-p", "me=2")
    wait_for(lambda: len(context.records.runs.list("sharing")) == 2)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    wait_for(lambda: counts(project) == {"shared": 2})
    (project / "wait").unlink()
    _, said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert context.records.runs.get("sharing/1").status == "lost"


def test_a_run_of_another_host_is_lost_when_nothing_is_heard_of_it(context: RunContext) -> None:
    runs = context.records.runs
    far = runs.start("far", host="elsewhere")
    assert runs.mark_lost() == []
    late = "UPDATE runs SET heartbeat_at = heartbeat_at - 61"
    context.records.database.write(lambda connection: connection.exec_driver_sql(late))
    assert runs.mark_lost() == [far.id]
    assert "Nothing was heard of the run on elsewhere for 60 seconds" in (runs.get(far.id).error or "")
