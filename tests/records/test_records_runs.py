from __future__ import annotations

import math
import os
import subprocess
import sys
import time

import pytest
from records_sample import build_step, open_records

from interlock.records import ledger
from interlock.records.processes import is_alive, process_identity
from interlock.records.records import Records
from interlock.records.runs import RunNotRunning
from interlock.records.sqlite import SqliteDatabase
from interlock.records.unknown import UnknownRun


def test_runs_are_numbered_densely_in_each_pipeline(records: Records) -> None:
    ids = [records.runs.start(name).id for name in ("delays", "delays", "churn", "delays")]
    assert ids == ["delays/1", "delays/2", "churn/1", "delays/3"]


def test_a_started_run_is_found_as_it_was_started(records: Records) -> None:
    started = records.runs.start(
        "delays",
        ref="flights.pipeline:delays",
        params={"rate": 0.1, "days": (1, 2), "floor": math.inf},
        environment="blake3:e",
        signal_id=4,
        waivers={"fit": "a calendar"},
        leaks={"checked": True, "leaks": []},
        tags={"by": "me"},
    )
    assert records.runs.get("delays/1") == started
    assert started.status == "running"
    assert started.params == {"rate": 0.1, "days": [1, 2], "floor": math.inf}
    assert (started.pid, started.leaks, started.signal_id) == (os.getpid(), {"checked": True, "leaks": []}, 4)


def test_a_finished_run_keeps_what_it_came_to(records: Records) -> None:
    records.runs.start("delays")
    ended = records.runs.finish(
        "delays/1", "succeeded", metrics={"auc": math.nan}, snapshots={"flights": "blake3:s"}, model_version=3
    )
    assert records.runs.get("delays/1").status == "succeeded"
    assert math.isnan(ended.metrics["auc"])
    assert (ended.snapshots, ended.model_version) == ({"flights": "blake3:s"}, 3)
    assert ended.finished_at is not None
    assert ended.finished_at > ended.started_at


def test_a_failed_run_keeps_any_text_of_its_error(records: Records) -> None:
    records.runs.start("delays")
    ended = records.runs.finish("delays/1", "failed", error="half \ud83d of a pair, and \x00")
    assert ended.error == "half \\ud83d of a pair, and \\x00"


def test_a_run_ends_once(records: Records) -> None:
    records.runs.start("delays")
    records.runs.finish("delays/1", "succeeded")
    with pytest.raises(RunNotRunning, match=r"Run 'delays/1' has already ended as 'succeeded'\."):
        records.runs.finish("delays/1", "failed")
    assert records.runs.get("delays/1").status == "succeeded"


def test_an_unknown_run_is_told_with_the_nearest_one(records: Records) -> None:
    with pytest.raises(UnknownRun, match="No run is recorded yet"):
        records.runs.get("delays/1")
    records.runs.start("delays")
    with pytest.raises(UnknownRun) as caught:
        records.runs.finish("delay/1", "succeeded")
    assert str(caught.value) == "Unknown run 'delay/1'.\n  Did you mean 'delays/1'?"


def test_runs_are_listed_newest_first_whatever_the_clock_said(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.runs.start("delays")
    monkeypatch.setattr(ledger.time, "time", lambda: 1000.0)
    records.runs.start("churn")
    records.runs.start("delays")
    records.runs.finish("delays/2", "failed")
    assert [run.id for run in records.runs.list()] == ["delays/2", "churn/1", "delays/1"]
    assert [run.id for run in records.runs.list("delays", limit=1, offset=1)] == ["delays/1"]
    assert [run.id for run in records.runs.list(status="failed")] == ["delays/2"]


def test_tags_are_added_before_and_after_the_end(records: Records) -> None:
    records.runs.start("delays", tags={"by": "me", "why": "try"})
    records.runs.tag("delays/1", why="real")
    records.runs.finish("delays/1", "succeeded")
    records.runs.tag("delays/1", seen="yes")
    assert records.runs.get("delays/1").tags == {"by": "me", "why": "real", "seen": "yes"}


def test_a_patch_is_kept_once_and_apart(records: Records) -> None:
    git = {"commit": "abc", "dirty": True, "patch": "+ new line"}
    first, second = records.runs.start("delays", git=git), records.runs.start("delays", git=git)
    clean = records.runs.start("delays", git={"commit": "abc", "dirty": False, "patch": ""})
    assert first.git == {"commit": "abc", "dirty": True}
    assert first.patch == second.patch
    assert [records.runs.patch(run.id) for run in (first, clean)] == ["+ new line", ""]


def test_a_heartbeat_is_for_running_runs(records: Records) -> None:
    started = records.runs.start("delays")
    assert records.runs.heartbeat("delays/1")
    assert records.runs.get("delays/1").heartbeat_at > started.heartbeat_at
    records.runs.finish("delays/1", "succeeded")
    assert not records.runs.heartbeat("delays/1")


def test_a_run_whose_process_died_is_lost_and_its_steps_are_not(records: Records) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    records.runs.start("delays", pid=child.pid)
    records.runs.start("delays", pid=child.pid, host="elsewhere")
    records.runs.start("delays")
    records.steps.record("delays/1", build_step())
    assert records.runs.mark_lost() == []
    child.kill()
    child.communicate()
    assert records.runs.mark_lost() == ["delays/1"]
    lost = records.runs.get("delays/1")
    assert (lost.status, lost.finished_at) == ("lost", lost.heartbeat_at)
    assert lost.error == f"Process {child.pid} on {lost.host} died before the run ended."
    assert records.cache.lookup(build_step().key or "") == build_step().outputs


def test_a_run_that_was_taken_for_lost_may_still_end(records: Records) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    records.runs.start("delays", pid=child.pid)
    child.wait()
    assert records.runs.mark_lost() == ["delays/1"]
    assert records.runs.finish("delays/1", "succeeded").status == "succeeded"


def test_a_process_is_not_taken_for_the_one_that_had_its_number_before() -> None:
    mine = process_identity(os.getpid())
    boot, pid, ticks = mine.split("/")
    assert is_alive(os.getpid(), mine)
    assert is_alive(os.getpid(), "")
    assert not is_alive(os.getpid(), f"{boot}/{pid}/{int(ticks) - 1}")


def test_a_dead_process_that_nobody_collected_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    identity = process_identity(child.pid)
    while process_identity(child.pid):
        time.sleep(0.01)
    assert identity
    assert not is_alive(child.pid, identity)
    child.wait()


def _durability(records: Records) -> str:
    """Return how durable the commits of the writing connection are at the moment."""
    driver = records.database._writer().driver
    if isinstance(records.database, SqliteDatabase):
        return ["OFF", "NORMAL", "FULL"][driver.execute("PRAGMA synchronous").fetchone()[0]]
    return str(driver.execute("SHOW synchronous_commit").fetchone()[0])


def test_the_end_of_a_run_is_synced_before_it_is_committed(records: Records, tmp_path) -> None:
    seen = []

    def sync() -> None:
        with open_records(tmp_path) as other:
            seen.append((other.runs.get("delays/1").status, _durability(records)))

    sqlite = isinstance(records.database, SqliteDatabase)
    if not sqlite:
        writer = records.database._writer().driver
        writer.execute("SET synchronous_commit = off")  # as a server may be set up
    records.runs.start("delays")
    records.runs._ledger._sink.sync = sync  # type: ignore[method-assign]
    records.runs.finish("delays/1", "succeeded")
    assert seen == [("running", "FULL" if sqlite else "on")]
    assert _durability(records) == ("NORMAL" if sqlite else "off")
