"""`interlock show`: what steps logged, tags, the patch, and runs whose process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, project

LOGS = """
import logging, threading, time
from interlock import log, log_figure, log_table

handler = logging.StreamHandler()
logging.getLogger("mine").addHandler(handler)

@step
def train() -> int:
    for at in range(3):
        log(loss=1.0 / (at + 1))
    log_figure("roc/curve", b"\\x89PNG and so on")
    log_table("worst", [{"x": 1}, {"x": 2}])
    logging.getLogger("mine").warning("from logging")
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join()
    return 1

@step
def breaks(x: int) -> int:
    log(depth=7)
    raise ValueError(x)

@step
def waits(x: int) -> int:
    print("waiting", flush=True)
    time.sleep(60)
    return x

@pipeline
def logs():
    train()

@pipeline
def broken():
    breaks(train())

@pipeline
def waiting():
    waits(train())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = project(tmp_path_factory.mktemp("logs"), LOGS)
    subprocess.run(
        "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm 1 && echo '# more' >> steps.py",
        shell=True,
        cwd=made,
        check=True,
    )
    interlock_json(made, "run", "steps:logs", "--tag", "idea=smaller")
    interlock_json(made, "run", "steps:logs")
    return made


@pytest.mark.parametrize("run", ["logs/1", "logs/2"])
def test_what_a_step_logged_is_listed_also_when_it_was_cached(folder: Path, run: str) -> None:
    (logged,) = interlock_json(folder, "show", run)["logged"]
    assert logged == {
        "step": "train",
        "run": "logs/1",
        "series": {"loss": {"last": 1 / 3, "count": 3}},
        "figures": ["roc/curve"],
        "tables": ["worst"],
    }
    shown = interlock(folder, "show", run).stdout
    assert "roc/curve" in shown
    assert "0.333333" in shown


def test_all_points_of_a_series_are_printed(folder: Path) -> None:
    points = interlock_json(folder, "show", "logs/2", "--series", "loss")
    assert [(point["step"], point["value"]) for point in points] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    wrong = interlock(folder, "show", "logs/2", "--series", "los")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Did you mean 'loss'?" in wrong.stderr


def test_figures_and_tables_are_saved(folder: Path, tmp_path: Path) -> None:
    interlock_json(folder, "show", "logs/1", "--save", str(tmp_path / "out"))
    assert (tmp_path / "out/train.roc_curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out/train.worst.csv").read_text() == "x\n1\n2\n"


def test_what_a_failed_step_logged_is_kept(folder: Path) -> None:
    interlock(folder, "run", "steps:broken")
    logged = {one["step"]: one["series"] for one in interlock_json(folder, "show", "broken/1")["logged"]}
    assert logged["breaks"] == {"depth": {"last": 7, "count": 1}}


def test_logging_and_threads_are_recorded(folder: Path) -> None:
    shown = interlock(folder, "show", "logs/1", "--logs").stdout
    assert "[train stderr] from logging" in shown
    assert "[train stdout] from a thread" in shown


def test_tags_and_the_patch_are_shown(folder: Path) -> None:
    shown = interlock(folder, "show", "logs/1").stdout
    assert "idea=smaller" in shown
    assert "+# more" in interlock(folder, "show", "logs/1", "--patch").stdout
    assert "+# more" in interlock_json(folder, "show", "logs/1", "--patch")["patch"]


@pytest.mark.parametrize("command", [["runs", "waiting"], ["show", "waiting/1"]])
def test_a_killed_run_is_lost_as_soon_as_somebody_looks(tmp_path: Path, command: list[str]) -> None:
    folder = project(tmp_path, LOGS)
    words = [sys.executable, "-m", "interlock", "run", "steps:waiting"]
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        for line in running.stderr:
            if line == "waiting\n":
                break
        os.kill(running.pid, signal.SIGKILL)
    found = interlock_json(folder, *command)
    assert (found[0] if isinstance(found, list) else found)["status"] == "lost"


def test_the_version_is_told(tmp_path: Path) -> None:
    assert interlock(tmp_path, "--version").stdout.startswith("interlock 0.")
