"""Bad input: a clear error, a non-zero exit, nothing on stdout, nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, project, starter

STEPS = """
@step
def one() -> int:
    return 1

@step
def plus(x: int, by: int = 1) -> int:
    return x + by

@step
def breaks(x: int) -> int:
    return x // 0

@step
def odd(x: int):
    return object()

@pipeline
def fine(n: int = 1):
    plus(one(), by=n)

@pipeline
def broken():
    plus(breaks(one()))

@pipeline
def unstorable():
    odd(one())

@pipeline
def miswired():
    pd_step(one())

@step
def pd_step(rows: pd.DataFrame) -> int:
    return 0

def twice():
    @step(name="one")
    def other() -> int:
        return 2
    return other

@pipeline
def two_of_one_name():
    plus(one(), by=twice()())

@pipeline
def needed(n: int):
    plus(one(), by=n)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path, STEPS, '[model.fine]\npipeline = "steps:fine"\n')


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "fin"], 1, ["There is no model 'fin'.", "Did you mean 'fine'?"]),
        (["run", "steps:fien"], 1, ["has no pipeline 'fien'", "Did you mean 'fine'?"]),
        (["run", "step:fine"], 1, ["There is no module 'step'", "Did you mean 'steps'?"]),
        (["run", "steps:one"], 1, ["is a Step, not a pipeline"]),
        (["run", "fine", "-p", "n=x"], 1, ["Param 'n' of pipeline 'fine' takes int, not 'x'."]),
        (["run", "fine", "-p", "m=1"], 1, ["has no param 'm'"]),
        (["run", "fine", "-p", "n"], 2, ["-p takes NAME=VALUE, not 'n'."]),
        (["run", "steps:needed"], 1, ["needs a value for the param 'n' (int)", "-p n=VALUE"]),
        (
            ["run", "steps:miswired"],
            1,
            ["Step 'one' gives int, but 'rows' of step 'pd_step' takes DataFrame.", "steps.py:"],
        ),
        (["run", "steps:two_of_one_name"], 1, ["Two different steps", "are named 'one'"]),
        (["run", "fine", "--from", "plis"], 1, ["has no step 'plis'", "Did you mean 'plus'?"]),
        (["run"], 2, ["Missing argument"]),
        (["rnu"], 2, ["No such command 'rnu'"]),
        (["show", "fine/9"], 1, ["fine/9"]),
        (["show", "fine@1"], 1, ["fine"]),
        (["promote", "fine"], 1, ["fine"]),
        (["rollback", "fine"], 1, ["fine"]),
        (["runs", "fien"], 1, ["There is no model or pipeline 'fien'.", "Did you mean 'fine'?"]),
        (["runs", "--limit", "99999999999999999999"], 2, ["--limit"]),
        (["show", "fine@99999999999999999999"], 1, ["fine"]),
        (["run", "fine", "--tag", "x"], 2, ["--tag takes NAME=TEXT, not 'x'."]),
        (["predict", "fine@1", ""], 2, ["No file of rows is named."]),
        (["data", "log", ""], 1, ["There is no dataset ''."]),
        (["init", "interlock.toml"], 1, ["could not be written"]),
        (["predict", "fine@1", "nothing.csv", "-o", "out.txt"], 1, ["out.txt"]),
        (["runs", "--status", "done"], 2, ["There is no run status 'done'"]),
        (["token", "create", "--scope", "root"], 2, ["There is no scope 'root'"]),
    ],
)
def test_bad_words_are_answered_with_the_way_out(
    folder: Path, words: list[str], code: int, said: list[str]
) -> None:
    done = interlock(folder, *words)
    assert (done.returncode, done.stdout) == (code, "")
    for text in said:
        assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 10


def test_a_module_that_fails_to_import_shows_the_users_own_line(tmp_path: Path) -> None:
    project(tmp_path, "value = 1\nvalue.missing\n")
    done = interlock(tmp_path, "run", "steps:fine")
    assert done.returncode == 1
    assert "Module 'steps' cannot be imported: AttributeError" in done.stderr
    assert f"{tmp_path / 'steps.py'}:5" in done.stderr


def test_a_step_that_raises_ends_the_run_with_the_users_traceback(folder: Path) -> None:
    done = interlock(folder, "run", "steps:broken", "--json")
    assert done.returncode == 1
    assert '"status": "failed"' in done.stdout
    assert "ZeroDivisionError" in done.stderr
    assert "return x // 0" in done.stderr
    assert "interlock/engine" not in done.stderr


def test_an_unstorable_output_says_how_to_allow_pickle(folder: Path) -> None:
    done = interlock(folder, "run", "steps:unstorable")
    assert done.returncode == 1
    assert "@step(pickle=True)" in done.stderr


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[model.m]\npipline = "a:b"\n', ["line 2", "there is no such key", "Did you mean 'pipeline'?"]),
        (
            '[model.m]\npipeline = "a:b"\nretrain = { cooldown = "soon" }\n',
            ["line 3", "a duration is written like"],
        ),
        ('[model.m]\npipeline = "a:b"\ndeploy = { strategy = "canary" }\n', ["line 3", "swap"]),
        ("[model.m\n", ["it is no TOML"]),
        ("[dta.x]\n", ["line 1", "Did you mean 'data'?"]),
    ],
)
def test_a_faulty_configuration_names_line_and_key(tmp_path: Path, toml: str, said: list[str]) -> None:
    (tmp_path / "interlock.toml").write_text(toml)
    done = interlock(tmp_path, "runs")
    assert (done.returncode, done.stdout) == (1, "")
    for text in said:
        assert text in done.stderr


def test_a_gate_that_cannot_be_read_points_at_the_column_and_nothing_runs(tmp_path: Path) -> None:
    folder = starter(tmp_path)
    toml = (folder / "interlock.toml").read_text().replace("auc >= 0.55", "auc >> 0.55")
    (folder / "interlock.toml").write_text(toml)
    done = interlock(folder, "run", "delays")
    assert done.returncode == 1
    assert "^" in done.stderr
    assert interlock_json(folder, "runs") == []


def test_a_home_that_cannot_be_made_says_so(folder: Path) -> None:
    (folder / "file").write_text("")
    done = interlock(folder, "run", "fine", env={"INTERLOCK_HOME": str(folder / "file" / "home")})
    assert done.returncode == 1
    assert "cannot be made" in done.stderr
    assert "INTERLOCK_HOME" in done.stderr


def test_records_of_a_newer_version_are_left_alone(folder: Path) -> None:
    interlock(folder, "run", "fine")
    records = folder / ".interlock" / "records.db"
    with sqlite3.connect(records) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    done = interlock(folder, "runs")
    assert done.returncode == 1
    assert "newer" in done.stderr or "later" in done.stderr


def test_a_full_disk_leaves_nothing_half_written_and_the_next_run_goes_on(folder: Path) -> None:
    big = """
import numpy as np

@step
def first() -> np.ndarray:
    return np.arange(1000)

@step
def second(x: np.ndarray) -> np.ndarray:
    return x + 1

@pipeline
def arrays():
    second(first())
"""
    (folder / "steps.py").write_text((folder / "steps.py").read_text() + big)
    done = interlock(folder, "run", "steps:arrays", env={"INTERLOCK_FAILPOINT": "publish.write:4=enospc"})
    assert done.returncode == 1
    assert "space" in done.stderr or "full" in done.stderr
    left = [
        path for path in (folder / ".interlock" / "store").rglob("*") if "tmp" in path.name and path.is_file()
    ]
    assert left == []
    report = interlock_json(folder, "run", "steps:arrays")
    assert report["status"] == "succeeded"


@pytest.mark.parametrize("place", [1, 2, 3, 4, 5])
def test_kill_9_loses_nothing_that_was_finished(folder: Path, place: int) -> None:
    killed = interlock(
        folder, "run", "fine", env={"INTERLOCK_FAILPOINT": f"records.commit.after:{place}=kill"}
    )
    assert killed.returncode == -9
    report = interlock_json(folder, "run", "fine")
    assert report["status"] == "succeeded"
    runs = interlock_json(folder, "runs")
    assert {run["status"] for run in runs} <= {"succeeded", "lost"}


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    interlock(folder, "run", "fine")
    words = f"{sys.executable} -m interlock runs | head -c 1"
    done = subprocess.run(words, shell=True, cwd=folder, capture_output=True, env=os.environ, check=False)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "fin"], 1, "There is no model 'fin'."),
        (["run", "steps:miswired"], 1, "Step 'one' gives int"),
        (["show", "fine/9"], 1, "Unknown run 'fine/9'."),
        (["runs", "--status", "done"], 2, "There is no run status 'done'."),
        (["models", "--limit"], 2, "called wrongly"),
    ],
)
def test_an_error_is_one_json_value_too(folder: Path, words: list[str], code: int, said: str) -> None:
    done = interlock(folder, *words, "--json")
    assert done.returncode == code
    assert said in json.loads(done.stdout)["error"]["what"]


def test_the_report_of_a_failed_run_is_the_only_json_value(folder: Path) -> None:
    assert json.loads(interlock(folder, "run", "steps:broken", "--json").stdout)["status"] == "failed"


def test_an_error_of_ours_about_a_step_is_said_once(folder: Path) -> None:
    done = interlock(folder, "run", "steps:unstorable")
    assert done.stderr.count("cannot be kept in a safe format") == 1
    assert len(done.stderr.splitlines()) <= 10


OUTSIDE = """
import os
import time

@step
def leaves(x: int) -> int:
    raise SystemExit(0)

@step
def waits(x: int) -> int:
    print("waiting", flush=True)
    time.sleep(60)
    return x

@step
def loud(x: int) -> int:
    for _ in range(100_000):
        print("a line that nobody reads")
    return x

@pipeline
def leaving():
    leaves(one())

@pipeline
def waiting():
    waits(one())

@pipeline
def shouting():
    loud(one())
"""


@pytest.fixture
def outside(folder: Path) -> Path:
    (folder / "steps.py").write_text((folder / "steps.py").read_text() + OUTSIDE)
    return folder


def test_a_step_that_leaves_by_sys_exit_is_no_success(outside: Path) -> None:
    done = interlock(outside, "run", "steps:leaving", "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (1, "failed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_asked_to_end_is_recorded_as_cancelled(outside: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "interlock", "run", "steps:waiting"],
        cwd=outside,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while "waiting" not in process.stderr.readline().split():
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
    assert interlock_json(outside, "runs", "waiting")[0]["status"] == "cancelled"


def test_a_run_that_was_killed_is_listed_as_lost(folder: Path) -> None:
    interlock(folder, "run", "fine", env={"INTERLOCK_FAILPOINT": "records.commit.after:4=kill"})
    assert interlock_json(folder, "runs", "fine")[0]["status"] == "lost"


def test_a_run_goes_on_when_nobody_reads_what_it_says(outside: Path) -> None:
    words = f"{sys.executable} -m interlock run steps:shouting 2>&1 | head -c 1"
    subprocess.run(words, shell=True, cwd=outside, capture_output=True, env=os.environ, check=False)
    assert interlock_json(outside, "runs", "shouting")[0]["status"] == "succeeded"


@pytest.mark.parametrize("words", ["runs", "runs --json", "run fine --json"])
def test_output_that_cannot_be_written_is_an_error_in_one_line(folder: Path, words: str) -> None:
    interlock(folder, "run", "fine")
    line = f"{sys.executable} -m interlock {words} > /dev/full"
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: The output could not be written: No space left on device."
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["runs --json >&-", "run fine 2>&-", "run fine >&- 2>&- <&-"])
def test_closed_streams_are_no_error(folder: Path, words: str) -> None:
    done = subprocess.run(f"{sys.executable} -m interlock {words}", shell=True, cwd=folder, check=False)
    assert done.returncode == 0


def test_a_stream_without_the_letters_gets_them_spelled_out(folder: Path) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    interlock(folder, "run", "fine", "--tag", "who=Zoë")
    assert interlock(folder, "runs", env=ascii_only).returncode == 0
    listed = interlock(folder, "runs", "--json", env=ascii_only)
    assert json.loads(listed.stdout)[0]["tags"] == {"who": "Zoë"}


def test_a_folder_that_is_gone_is_told(folder: Path) -> None:
    line = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -m interlock runs"
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: The current folder is gone.")
