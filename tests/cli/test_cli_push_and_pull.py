"""Sharing between two checkouts of a project, as two people do it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, project

pytestmark = pytest.mark.xdist_group("push-and-pull")

STEPS = """
@split
def halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows.iloc[:2], rows.iloc[2:]

@fit
def learn(rows: pd.DataFrame, *, factor: float) -> float:
    print("learning")
    return float(rows["a"].mean()) * factor

@step
def answer(rows: pd.DataFrame, mean: float) -> pd.Series:
    return rows["a"] * mean

@step
def judge(scores: pd.Series) -> dict[str, float]:
    return {"sum": float(scores.sum())}

@pipeline
def tiny(factor: float = 1.0):
    train, test = halves(data("rows"))
    scores = answer(test, learn(train, factor=factor))
    return deployable(given=test, answer=scores, metrics=judge(scores))
"""
TOML = '[data.rows]\nuri = "rows.csv"\n[model.tiny]\npipeline = "steps:tiny"\ngates = ["parity"]\n'


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that trained, promoted, locked, and pushed to the folder beside it."""
    folder = tmp_path_factory.mktemp("people") / "ann"
    folder.mkdir()
    (folder / "rows.csv").write_text("a\n1\n2\n3\n4\n")
    project(folder, STEPS, TOML)
    interlock_json(folder, "run", "tiny")
    assert interlock(folder, "promote", "tiny").returncode == 0
    assert interlock(folder, "lock").returncode == 0
    pushed = interlock_json(folder, "push", "../shared")
    assert pushed["new"] == {
        "environment": 1,
        "profile": 1,
        "snapshot": 1,
        "run": 1,
        "version": 1,
        "alias": 2,
    }
    return folder


def another_checkout(first: Path, name: str) -> Path:
    folder = first.parent / name
    shutil.copytree(first, folder, ignore=shutil.ignore_patterns(".interlock", "__pycache__"))
    return folder


def test_a_run_elsewhere_is_a_hit_here(first: Path) -> None:
    folder = another_checkout(first, "ben")
    pulled = interlock(folder, "pull", "../shared")
    assert pulled.returncode == 0, pulled.stderr
    assert "new in ben: 1 environment, 1 profile, 1 snapshot, 1 run, 1 version, 2 alias" in pulled.stdout
    assert "objects" in pulled.stderr
    report = interlock_json(folder, "run", "tiny")
    assert report["run"] == "tiny/2"
    assert {step["state"] for step in report["steps"]} == {"cached"}
    assert interlock_json(folder, "models")[0]["aliases"] == {"challenger": 1, "champion": 1}


def test_what_was_pulled_serves_predictions_without_its_project(first: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text("a\n10\n")
    assert interlock(tmp_path, "pull", str(first.parent / "shared"), "tiny@champion").returncode == 0
    done = interlock(tmp_path, "predict", "tiny@champion", "asked.csv", "-o", "said.csv")
    assert done.returncode == 0, done.stderr
    assert "15" in (tmp_path / "said.csv").read_text()


def test_the_same_number_twice_is_told_and_both_runs_stay(first: Path) -> None:
    folder = another_checkout(first, "cid")
    interlock_json(folder, "run", "tiny", "-p", "factor=3")
    assert interlock(folder, "promote", "tiny").returncode == 0
    pulled = interlock(folder, "pull", "../shared")
    assert "tiny/1 of ../shared is tiny/2 in cid: the number was taken" in pulled.stdout
    assert "tiny@champion of cid stays at version 1" in pulled.stdout
    assert "--aliases takes that over" in pulled.stdout
    shown = {run["id"]: run for run in interlock_json(folder, "runs")}
    assert shown["tiny/1"]["params"] == {"factor": 3.0}
    assert shown["tiny/2"]["tags"] == {"pulled": "../shared tiny/1"}
    assert interlock_json(folder, "pull", "../shared")["new"] == {}
    (folder / "asked.csv").write_text("a\n10\n")
    assert interlock(folder, "predict", "tiny@2", "asked.csv", "-o", "said.csv").returncode == 0
    assert "tiny/2" in (folder / "said.csv").read_text()  # the run by its number here
    again = interlock_json(folder, "pull", "../shared", "--aliases")
    assert {one["alias"] for one in again["moved"]} == {"champion", "challenger"}
    assert interlock_json(folder, "models")[0]["aliases"] == {"challenger": 2, "champion": 2}


def test_a_dry_push_says_what_it_would_do(first: Path) -> None:
    done = interlock(first, "push", "../nowhere", "tiny/1", "--dry")
    assert "would copy" in done.stdout
    assert not (first.parent / "nowhere").exists()


def test_what_is_missing_makes_the_command_fail_after_all_else_was_done(first: Path) -> None:
    folder = another_checkout(first, "dan")
    interlock_json(folder, "pull", "../shared")
    for blob in (folder / ".interlock" / "store" / "blobs").glob("*/*"):
        blob.unlink()
    done = interlock(folder, "push", "../other", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["missing"]
    assert (first.parent / "other" / "manifests" / "run").is_dir()


def test_a_checkout_of_that_day_is_restored(first: Path) -> None:
    folder = another_checkout(first, "eve")
    refused = interlock(folder, "restore", "--json")
    assert refused.returncode == 1
    (problem,) = json.loads(refused.stdout)["problems"]
    assert problem.startswith("model tiny: version 1 of run tiny/1")
    done = interlock_json(folder, "restore", "--from", "../shared")
    assert done["models"] == [{"model": "tiny", "previous": None, "version": 1}]
    assert interlock_json(folder, "lock", "--check") == {"same": True, "differences": []}
    assert "is champion" not in interlock(folder, "restore").stdout


def test_a_check_tells_what_differs_and_fails(first: Path) -> None:
    folder = another_checkout(first, "fay")
    interlock_json(folder, "restore", "--from", "../shared")
    (folder / "rows.csv").write_text("a\n1\n2\n3\n5\n")
    interlock(folder, "data", "pin", "rows", "--off")
    checked = interlock(folder, "lock", "--check")
    assert checked.returncode == 1
    assert "data.rows: locked blake3:" in checked.stdout
    found = json.loads(interlock(folder, "lock", "--check", "--json").stdout)
    assert [one["what"] for one in found["differences"]] == ["data.rows"]
    refused = interlock(folder, "restore")
    assert refused.returncode == 1
    assert "rows.csv changed" in refused.stderr


def test_bad_places_and_names_are_refused(first: Path) -> None:
    assert interlock(first, "pull", "../nothing").returncode == 1
    assert interlock(first, "push", "ftp://bucket").returncode == 2
    unknown = interlock(first, "pull", "../shared", "tinyy")
    assert (unknown.returncode, "Did you mean 'tiny'?" in unknown.stderr) == (1, True)
