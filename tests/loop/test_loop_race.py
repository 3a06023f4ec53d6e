"""R8: one retraining for each alarm, however many supervisors see it and whichever of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tiny_project import MODEL, make_project

from interlock.engine.context import RunContext, open_context

RACER = Path(__file__).with_name("loop_racer.py")
SIGNALS = 20


def add_signals(context: RunContext) -> None:
    for number in range(SIGNALS):
        context.records.signals.add(MODEL, "manual", {"reason": f"alarm {number}"}, f"alarm:{number}")


def racer(folder: Path, stop_after: int = 10_000) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(RACER), str(folder), str(stop_after)])


def check_runs(context: RunContext) -> None:
    alarms = [one for one in context.records.signals.list(MODEL) if one.kind == "manual"]
    runs = Counter(run.signal_id for run in context.records.runs.list(MODEL, limit=500))
    assert [runs[one.id] for one in alarms] == [1] * SIGNALS


def check_acts(context: RunContext) -> None:
    records = context.records
    alarms = [one for one in records.signals.list(MODEL) if one.kind == "manual"]
    assert {one.state for one in alarms} == {"acted"}
    promoted = Counter(move.version for move in records.models.moves(MODEL))
    assert [promoted[one.version] for one in alarms] == [1] * SIGNALS
    versions = records.models.list(MODEL)
    assert [one.number for one in versions] == list(range(len(versions), 0, -1))
    said = Counter((one.signal_id, one.kind) for one in records.decisions.list(MODEL))
    assert set(said.values()) == {1}


def test_supervisors_that_race_and_die_act_on_each_signal_once(tmp_path: Path):
    with open_context(make_project(tmp_path, on=())) as context:
        add_signals(context)
        mortal = [racer(tmp_path, stop_after=3), racer(tmp_path, stop_after=5)]
        assert [process.wait(40) for process in mortal] == [9, 9]
        racing = [racer(tmp_path), racer(tmp_path)]
        assert [process.wait(40) for process in racing] == [0, 0]
        check_runs(context)
        check_acts(context)


def test_a_supervisor_that_was_stopped_and_wakes_up_doubles_nothing(tmp_path: Path):
    with open_context(make_project(tmp_path, on=())) as context:
        add_signals(context)
        zombie, heir = racer(tmp_path), racer(tmp_path)
        for _ in range(4):
            time.sleep(0.4)
            os.kill(zombie.pid, signal.SIGSTOP)
            time.sleep(0.3)
            os.kill(zombie.pid, signal.SIGCONT)
        assert [zombie.wait(40), heir.wait(40)] == [0, 0]
        # The racers record their runs themselves, and may be stopped in the middle of that. What a fence
        # guards is what is done with a run: nothing of that happens twice.
        check_acts(context)
