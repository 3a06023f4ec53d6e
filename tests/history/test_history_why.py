from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_project import interlock, interlock_json
from history_project import edit, write_project


def _why(folder: Path, *words: str) -> dict[str, Any]:
    return {one["step"]: one for one in interlock_json(folder, "why", *words)["steps"]}


@pytest.fixture
def ran_once(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "p")
    interlock_json(folder, "run", "sums")
    return folder


def test_the_first_run_of_a_step_says_that_it_is_the_first(ran_once: Path) -> None:
    found = _why(ran_once, "sums/1")
    assert [one["words"] for one in found.values()] == [
        "it had not run before in any run of this pipeline"
    ] * 3


def test_a_changed_helper_is_named_with_its_line_and_its_difference(ran_once: Path) -> None:
    edit(ran_once, "helpers.py", "value * weight", "value * weight * 2")
    interlock_json(ran_once, "run", "sums")
    found = _why(ran_once, "sums/2")
    assert found["clean"]["state"] == "cached"
    (change,) = found["total"]["changes"]
    assert (change["kind"], change["what"]) == ("code", "helpers:weighed")
    assert change["where"] == "helpers.py:5"
    assert change["lines"] == ["-    return value * weight", "+    return value * weight * 2"]
    assert found["total"]["since"] == "sums/1"
    assert found["report"]["words"] == "inputs changed (total)"


def test_a_changed_constant_names_the_constant(ran_once: Path) -> None:
    edit(ran_once, "helpers.py", "FLOOR = 0", "FLOOR = 1")
    interlock_json(ran_once, "run", "sums")
    (change,) = _why(ran_once, "sums/2", "clean")["clean"]["changes"]
    assert change["what"] == "helpers:FLOOR"
    assert change["lines"] == ["-FLOOR = 0", "+FLOOR = 1"]


def test_a_changed_param_is_told_from_what_to_what(ran_once: Path) -> None:
    interlock_json(ran_once, "run", "sums", "-p", "weight=2.5")
    (change,) = _why(ran_once, "sums/2", "total")["total"]["changes"]
    assert (change["kind"], change["what"], change["before"], change["after"]) == (
        "param",
        "weight",
        "1.0",
        "2.5",
    )


def test_a_changed_dataset_is_told_part_by_part(ran_once: Path) -> None:
    (ran_once / "data" / "b.csv").write_text("x\n3\n")
    (ran_once / "data" / "a.csv").write_text("x\n1\n7\n")
    interlock_json(ran_once, "run", "sums")
    (change,) = _why(ran_once, "sums/2", "clean")["clean"]["changes"]
    assert (change["kind"], change["before"], change["after"]) == ("data", "numbers@1", "numbers@2")
    assert change["lines"] == ["~ data/a.csv", "+ data/b.csv"]


def test_a_step_whose_inputs_came_out_the_same_says_so(ran_once: Path) -> None:
    edit(ran_once, "steps.py", 'rows[rows["x"] > helpers.FLOOR]', 'rows.loc[rows["x"] > helpers.FLOOR]')
    interlock_json(ran_once, "run", "sums")
    found = _why(ran_once, "sums/2")
    assert found["clean"]["state"] == "ran"
    assert found["total"]["state"] == "cached"
    assert found["total"]["words"].endswith("clean ran anew and gave the same as before")


def test_a_declared_variable_that_changed_is_named(ran_once: Path) -> None:
    with (ran_once / "interlock.toml").open("a") as toml:
        toml.write('\n[environment]\nvariables = ["ROUNDING"]\n')
    for value in ("up", "down"):
        assert interlock(ran_once, "run", "sums", env={"ROUNDING": value}).returncode == 0
    (change,) = _why(ran_once, "sums/3", "clean")["clean"]["changes"]
    assert (change["kind"], change["before"], change["after"]) == ("variable", "up", "down")


def test_a_run_without_the_cache_says_that_nothing_changed(ran_once: Path) -> None:
    interlock_json(ran_once, "run", "sums", "--no-cache")
    assert _why(ran_once, "sums/2", "clean")["clean"]["words"] == "the cache was not asked"


def test_in_words_it_reads_like_a_sentence(ran_once: Path) -> None:
    edit(ran_once, "helpers.py", "value * weight", "value + weight")
    interlock_json(ran_once, "run", "sums")
    shown = interlock(ran_once, "why", "sums/2", "total").stdout
    assert "total  ran: its code changed (helpers:weighed) (since sums/1)" in shown
    assert "code helpers:weighed  helpers.py:5" in shown
    assert "+    return value + weight" in shown


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("sums/9",), "Unknown run 'sums/9'"),
        (("sums/1", "totl"), "Run sums/1 has no step 'totl'."),
        (("sums/1", "total", "--against", "sums/7"), "Unknown run 'sums/7'"),
    ],
)
def test_what_is_not_there_is_said(ran_once: Path, words: tuple[str, ...], problem: str) -> None:
    done = interlock(ran_once, "why", *words)
    assert done.returncode != 0
    assert problem in done.stderr
