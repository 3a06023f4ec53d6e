from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interlock.loop.children import Child, Ended
from interlock.loop.runner import RunReport, read_report

PARENT = """
import sys, time
from pathlib import Path
from interlock.loop.children import Child
child = Child("sleeper", [], Path("."), timeout=60)
print(child.pid, flush=True)
time.sleep(60)
"""


def module(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "sleeper.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "sleeper"


def wait(child: Child) -> Ended:
    while (ended := child.poll()) is None:
        time.sleep(0.02)
    return ended


def gone(pid: int, within: float = 10.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True
        time.sleep(0.05)
    return False


def test_a_child_leaves_its_code_and_what_it_printed(tmp_path, monkeypatch):
    name = module(
        tmp_path,
        "import sys; print('out', sys.argv[1:]); print('err', file=sys.stderr); sys.exit(3)",
        monkeypatch,
    )
    ended = wait(Child(name, ["a", "b"], tmp_path, timeout=30))
    assert (ended.code, ended.output, ended.errors) == (3, "out ['a', 'b']\n", "err\n")


def test_a_child_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    name = module(tmp_path, "import time; time.sleep(60)", monkeypatch)
    ended = wait(Child(name, [], tmp_path, timeout=0.3))
    assert ended.timed_out
    assert read_report(ended) == RunReport(None, None, "the run took too long and was ended")


def test_a_child_that_will_not_end_is_killed_with_what_it_started(tmp_path, monkeypatch):
    code = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(other.pid, flush=True)
time.sleep(60)
"""
    child = Child(module(tmp_path, code, monkeypatch), [], tmp_path, timeout=60)
    time.sleep(1.0)
    ended = child.stop(grace=0.2)
    assert ended.code == -signal.SIGKILL
    assert gone(int(ended.output))


def test_a_child_dies_with_its_parent(tmp_path, monkeypatch):
    module(tmp_path, "import time; time.sleep(60)", monkeypatch)
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=tmp_path, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    assert gone(pid)


def report(**body: object) -> str:
    return json.dumps({"run": "m/1", "status": "succeeded", "steps": [], "model": None, **body})


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(0, report(model=4), ""), RunReport("m/1", 4)),
        (
            Ended(1, report(status="failed", steps=[{"name": "fit", "error": "no\n  luck"}]), ""),
            RunReport("m/1", None, "step 'fit' failed: no luck"),
        ),
        (
            Ended(0, report(), ""),
            RunReport("m/1", None, "the pipeline names no deployable, so that no model came of the run"),
        ),
        (Ended(0, report(status="stopped", no_model="nothing new"), ""), RunReport("m/1", None, needless="nothing new")),
        (Ended(1, "", "Traceback\nModule 'x' cannot be imported\n"), RunReport(None, None, "Traceback Module 'x' cannot be imported")),
        (Ended(1, '{"error": {"kind": "ParamError", "what": "no param"}}', "much"), RunReport(None, None, "no param")),
        (Ended(-9, "", ""), RunReport(None, None, "the run ended with code -9 and said nothing")),
        (Ended(0, report(model=4) + report(model=5), "two"), RunReport(None, None, "two")),
        (Ended(0, "[1]", "a list"), RunReport(None, None, "a list")),
    ],
    ids=["a version", "a failed step", "no deployable", "stopped early", "no report", "no run", "killed", "two reports", "another value"],
)  # fmt: skip
def test_the_report_of_a_run_is_read(ended, expected):
    assert read_report(ended) == expected
