"""The whole wheel with nothing replaced: real runs in child processes, a real endpoint, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_project import MODEL, answer, make_project, rows, train, write_rows

from interlock.engine.context import RunContext, open_context
from interlock.loop.supervisor import Event, Supervisor, UnknownModelToKeep
from interlock.loop.triggers import TriggerSyntaxError
from interlock.models.registry import CHAMPION
from interlock.stack.config_file import ConfigError
from interlock.stack.home import find_project

PATIENCE = 40.0


def champion(context: RunContext) -> int | None:
    found = context.records.models.alias(MODEL, CHAMPION)
    return found.number if found else None


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@contextmanager
def interlock_up(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "up"], cwd=folder, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def once(folder: Path) -> list[Event]:
    told: list[Event] = []
    Supervisor(find_project(folder), on_event=told.append).run_once()
    return told


def test_once_trains_the_first_champion_and_then_rests(tmp_path: Path):
    make_project(tmp_path)
    assert [one.kind for one in once(tmp_path)] == ["signal", "run", "retrained", "promoted"]
    assert once(tmp_path) == []


def test_once_judges_a_version_again_that_another_champion_has_overtaken(tmp_path: Path):
    gates = ("error < champion.error - 100",)
    with open_context(make_project(tmp_path, on=(), gates=gates)) as context:
        signal = context.records.signals.add(
            MODEL, "first", {"reason": "there is no champion yet"}, "first:1"
        )
        train(context, champion=False, signal_id=signal.id)
        write_rows(tmp_path, 2, rows(seed=2))
        train(context)
        told = [(one.kind, one.text) for one in once(tmp_path)]
        assert [kind for kind, _ in told] == ["retrained", "not promoted"]
        assert "(version 2, same holdout)" in told[1][1]
        assert champion(context) == 2


def test_once_sees_drift_and_says_why_it_does_not_retrain(tmp_path: Path):
    with open_context(make_project(tmp_path, on=("drift",))) as context:
        train(context)
        answer(context, rows(600, seed=1, shift=3))
    told = [(one.kind, one.text) for one in once(tmp_path)]
    assert [kind for kind, _ in told] == ["signal", "not retrained"]
    assert told[0][1].startswith("drift: drift in ")
    assert told[1][1].endswith("run tiny/1 has read all the data that there is")


def test_once_learns_of_a_bad_metric_from_late_truth(tmp_path: Path):
    with open_context(make_project(tmp_path, on=("error > 5",))) as context:
        train(context)
        asked = rows(600, seed=1, factor=3.0)
        answer(context, asked)
        write_rows(tmp_path, 1, asked.assign(row_id=range(600))[["row_id", "y"]], "outcomes")
        write_rows(tmp_path, 2, rows(4000, seed=2, factor=3.0))
        told = once(tmp_path)
        assert [one.kind for one in told] == ["signal", "run", "retrained", "promoted"]
        assert champion(context) == 2


def test_a_broken_pipeline_is_reported_in_its_own_words(tmp_path: Path):
    project = make_project(tmp_path)
    module = next(tmp_path.glob("tiny_*.py"))
    module.write_text(module.read_text().replace("rows.iloc[::2], rows.iloc[1::2]", "1 / 0"))
    [_, _, decision] = once(tmp_path)
    assert decision.kind == "not retrained"
    assert "attempt 1 of 3, next try in 60 s" in decision.text
    assert "ZeroDivisionError" in decision.text
    with open_context(project) as context:
        assert context.records.runs.get("tiny/1").status == "failed"


def test_up_serves_swaps_and_stops_without_a_trace(tmp_path: Path):
    with open_context(make_project(tmp_path)) as context, interlock_up(tmp_path) as process:
        deployments = context.records.deployments
        until(lambda: (found := deployments.get(MODEL, CHAMPION)) and found.version == 1)
        pid = deployments.get(MODEL, CHAMPION).pid
        write_rows(tmp_path, 2, rows(seed=2))
        until(lambda: deployments.get(MODEL, CHAMPION).version == 2)
        assert deployments.get(MODEL, CHAMPION).pid == pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not lives(pid)
        assert context.records.leases.get(f"loop/{MODEL}").holder is None


def test_a_killed_supervisor_takes_its_children_along_and_the_next_one_goes_on(tmp_path: Path):
    project = make_project(tmp_path)
    module = next(tmp_path.glob("tiny_*.py"))
    slow = "import os, time\n    (os.environ.get('TEST_SLOW') and time.sleep(60))\n    return rows.iloc[::2]"
    module.write_text(module.read_text().replace("return rows.iloc[::2]", slow))
    with open_context(project) as context:
        os.environ["TEST_SLOW"] = "1"
        try:
            with interlock_up(tmp_path) as process:
                until(lambda: context.records.runs.list(MODEL))
                [run] = context.records.runs.list(MODEL)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        finally:
            del os.environ["TEST_SLOW"]
        until(lambda: not lives(run.pid))
        lease = context.records.leases.get(f"loop/{MODEL}")
        context.records.leases.release(lease.name, lease.epoch)  # it would end by itself in half a minute
        told = once(tmp_path)
        assert context.records.runs.get(run.id).status == "lost", told
        assert [one.state for one in context.records.signals.list(MODEL)] == ["acted"], told
        assert champion(context) == 1


def test_trouble_is_told_once_and_does_not_end_the_loop(tmp_path: Path):
    with open_context(make_project(tmp_path)) as context:
        train(context)
    (tmp_path / "data" / "rows-1.csv").unlink()
    told: list[Event] = []
    with Supervisor(find_project(tmp_path), on_event=told.append, serve=False).opened() as supervisor:
        for _ in range(3):
            supervisor.tick()
        write_rows(tmp_path, 2, rows(seed=2))
        supervisor.tick()
        supervisor.tick()
    assert [one.kind for one in told] == ["trouble", "signal", "run"]
    assert "data/rows-*.csv" in told[0].text


def test_a_model_that_is_not_configured_is_refused_by_name(tmp_path: Path):
    with pytest.raises(UnknownModelToKeep, match="There is no model 'tini'") as caught:
        Supervisor(make_project(tmp_path), ("tini",))
    assert "Did you mean 'tiny'?" in str(caught.value)


def test_a_trigger_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path):
    with pytest.raises(TriggerSyntaxError, match=r"'error < champion\.error'"):
        Supervisor(make_project(tmp_path, on=("error < champion.error",)))


def test_all_triggers_that_cannot_be_read_are_said_at_once(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        Supervisor(make_project(tmp_path, on=("data", "error <", "cron: 61 * * * *")))
    assert [fault.split("'")[1] for fault in caught.value.faults] == ["error <", "cron: 61 * * * *"]
