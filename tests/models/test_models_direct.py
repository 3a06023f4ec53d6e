"""Pipelines run from Python: which project they run in, and what the run shows of what was logged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from interlock import log, log_table, pipeline, step

@step
def train() -> int:
    log(loss=1.0)
    log(loss=0.5)
    log_table("worst", [1, 2])
    return 1

@pipeline
def houses():
    train()

if __name__ == "__main__":
    for _ in range(2):
        made = houses.run()
        print(made["train"].metrics, made["train"].tables, made["train"].figures, made.logged("train").run)
"""


def call(script: Path, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.splitlines()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "there/houses.py").write_text(SCRIPT)
    return tmp_path / "there/houses.py"


def test_a_script_called_from_elsewhere_runs_in_its_own_folder(script: Path, tmp_path: Path) -> None:
    printed = call(script, tmp_path / "here")
    assert printed == ["{'loss': [(0, 1.0), (1, 0.5)]} {'worst': [1, 2]} {} houses/1"] * 2
    assert (tmp_path / "there/.interlock").is_dir()
    assert not (tmp_path / "here/.interlock").exists()


def test_a_script_without_a_project_runs_in_that_of_the_current_folder(script: Path, tmp_path: Path) -> None:
    (tmp_path / "here/interlock.toml").write_text("")
    call(script, tmp_path / "here")
    assert (tmp_path / "here/.interlock").is_dir()
    assert not (tmp_path / "there/.interlock").exists()


def test_the_scripts_own_project_comes_first(script: Path, tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder / "interlock.toml").write_text("")
    call(script, tmp_path / "here")
    assert (tmp_path / "there/.interlock").is_dir()
    assert not (tmp_path / "here/.interlock").exists()
