from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_project import interlock, interlock_json
from history_project import edit, write_project

MOVING = """
import random
import time
import uuid

import numpy as np
from interlock import pipeline, step


@step
def steady() -> list[float]:
    return [random.random(), float(np.random.rand())]


@step
def unordered(numbers: list[float]) -> list[str]:
    return list({f"name {n}" for n in range(50)})


@step
def unseeded(numbers: list[float]) -> float:
    return float(np.random.default_rng().random())


@step
def named(numbers: list[float]) -> str:
    return str(uuid.uuid4())


@step
def timed(numbers: list[float]) -> float:
    return time.time()


@pipeline
def moving():
    numbers = steady()
    return unordered(numbers), unseeded(numbers), named(numbers), timed(numbers)
"""


def _reproduce(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = interlock(folder, "reproduce", *words, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def ran_once(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "p")
    interlock_json(folder, "run", "sums")
    return folder


def test_a_run_is_made_again_from_its_own_code_although_the_project_moved_on(ran_once: Path) -> None:
    edit(ran_once, "helpers.py", "value * weight", "value * weight * 3")
    (ran_once / "steps.py").unlink()
    code, found = _reproduce(ran_once, "sums/1", "--here")
    assert (code, found["verdict"], found["first"]) == (0, "identical", None)
    assert [(one["step"], one["verdict"]) for one in found["steps"]] == [
        ("clean", "identical"),
        ("total", "identical"),
        ("report", "identical"),
    ]
    assert found["metrics"] == {}
    assert [run["id"] for run in interlock_json(ran_once, "runs")] == ["sums/1"]


def test_the_certificate_is_kept_beside_the_run(ran_once: Path) -> None:
    _reproduce(ran_once, "sums/1", "--here")
    shown = interlock_json(ran_once, "show", "sums/1")
    assert [(one["number"], one["verdict"]) for one in shown["certificates"]] == [(1, "identical")]
    assert "identical" in interlock(ran_once, "show", "sums/1").stdout


def test_a_dataset_that_is_no_longer_what_it_was_is_named(ran_once: Path) -> None:
    (ran_once / "data" / "a.csv").write_text("x\n9\n9\n")
    code, found = _reproduce(ran_once, "sums/1", "--here")
    assert (code, found["verdict"]) == (3, "not reproducible")
    assert "a.csv" in found["missing"][0]


def test_what_a_step_read_behind_the_back_of_the_graph_comes_out_as_a_difference(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    outside = tmp_path / "rate.txt"
    outside.write_text("2.0")
    edit(folder, "helpers.py", "value * weight", f"value * float(open({str(outside)!r}).read())")
    interlock_json(folder, "run", "sums")
    outside.write_text("2.5")
    code, found = _reproduce(folder, "sums/1", "--here")
    assert (code, found["verdict"], found["first"]["step"]) == (1, "different", "total")
    assert found["first"]["output"]["words"] == "6.0 and 7.5"
    assert found["first"]["output"]["size"] == pytest.approx(0.2)
    assert found["first"]["cause"]["kind"] == "unknown"
    code, found = _reproduce(folder, "sums/1", "--here", "--tolerance", "0.25")
    assert (code, found["verdict"]) == (0, "equal")


def test_run_twice_names_the_steps_that_chance_decides_and_the_kind_of_chance(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(MOVING)
    done = interlock(tmp_path, "run", "steps:moving", "--twice", "--json")
    found = {one["step"]: one["cause"]["kind"] for one in json.loads(done.stdout)["not_deterministic"]}
    assert found == {"unordered": "unordered set", "unseeded": "seed", "named": "seed", "timed": "clock"}
    assert done.returncode == 1
    assert "timed: clock" in done.stderr


def test_run_twice_is_content_with_steps_that_give_the_same(ran_once: Path) -> None:
    done = interlock(ran_once, "run", "sums", "--twice")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "Every step gave the same a second time.")


def test_another_seed_is_another_run_that_comes_out_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        MOVING.replace(
            "return unordered(numbers), unseeded(numbers), named(numbers), timed(numbers)", "return numbers"
        )
    )
    for seed in ("0", "1", "1"):
        interlock_json(tmp_path, "run", "steps:moving", "--seed", seed)
    runs = [interlock_json(tmp_path, "show", f"moving/{number}")["steps"][0] for number in (1, 2, 3)]
    assert [one["state"] for one in runs] == ["ran", "ran", "cached"]
    assert runs[0]["outputs"] != runs[1]["outputs"]
    for number in (1, 2):
        assert _reproduce(tmp_path, f"moving/{number}", "--here")[0] == 0


def test_a_script_is_made_again_without_being_run_again(tmp_path: Path) -> None:
    script = MOVING + "\nprint(moving.run().id)\n"
    (tmp_path / "train.py").write_text(
        script.replace(
            "return unordered(numbers), unseeded(numbers), named(numbers), timed(numbers)", "return numbers"
        )
    )
    import subprocess
    import sys

    made = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert made.stdout == "moving/1\n"
    code, found = _reproduce(tmp_path, "moving/1", "--here")
    assert (code, found["verdict"]) == (0, "identical")
    assert [run["id"] for run in interlock_json(tmp_path, "runs")] == ["moving/1"]


def test_a_run_that_failed_is_compared_by_its_failure(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    outside = tmp_path / "rate.txt"
    edit(folder, "helpers.py", "value * weight", f"value * float(open({str(outside)!r}).read())")
    assert interlock(folder, "run", "sums").returncode == 1
    assert _reproduce(folder, "sums/1", "--here")[1]["verdict"] == "identical"
    outside.write_text("2.0")
    code, found = _reproduce(folder, "sums/1", "--here")
    assert (code, found["verdict"], found["first"]["step"]) == (1, "different", "total")
    assert found["first"]["error"] == "it failed then, and succeeds now"
