from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli_project import interlock, interlock_json
from history_project import edit, write_project


@pytest.fixture
def ran_once(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "p")
    edit(
        folder,
        "steps.py",
        "    return report(total(rows, weight=weight))",
        "    return deployable_of(rows, weight)",
    )
    with (folder / "steps.py").open("a") as steps:
        steps.write(
            """

@step
def doubled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows * 2


def deployable_of(rows, weight):
    shown = doubled(rows)
    return deployable(given=rows, answer=shown, metrics=report(total(shown, weight=weight)))
"""
        )
    interlock_json(folder, "run", "sums")
    return folder


def _change_everything(folder: Path) -> None:
    edit(folder, "helpers.py", "value * weight", "value * weight + 10")
    (folder / "data" / "b.csv").write_text("x\n7\n")
    interlock_json(folder, "run", "sums", "-p", "weight=3")


def test_a_run_and_its_model_version_have_one_short_id(ran_once: Path) -> None:
    run = interlock_json(ran_once, "show", "sums/1")
    assert len(run["version_id"]) == 12
    assert set(run["facets"]) == {"data", "code", "configuration", "environment"}
    assert interlock_json(ran_once, "show", "sums@1")["version_id"] == run["version_id"]
    interlock_json(ran_once, "run", "sums", "--no-cache")
    assert interlock_json(ran_once, "show", "sums/2")["version_id"] == run["version_id"]


def test_what_differs_is_told_for_each_of_the_four(ran_once: Path) -> None:
    _change_everything(ran_once)
    found = interlock_json(ran_once, "diff", "sums/1", "sums/2")
    assert found["changed"] == ["data", "code", "configuration"]
    assert [(one["what"], one["lines"]) for one in found["data"]] == [("numbers", ["+ data/b.csv"])]
    assert [(one["what"], one["where"]) for one in found["code"]] == [("helpers:weighed", "helpers.py:5")]
    assert ("weight", "1.0", "3.0") in [(c["what"], c["before"], c["after"]) for c in found["configuration"]]
    assert found["environment"]["distributions"] == {}
    assert found["metrics"] == {"total": [6.0, 70.0]}


def test_runs_are_named_by_version_id_and_by_model_version_too(ran_once: Path) -> None:
    _change_everything(ran_once)
    ids = [interlock_json(ran_once, "show", f"sums/{number}")["version_id"] for number in (1, 2)]
    by_run = interlock_json(ran_once, "diff", "sums/1", "sums/2")
    assert interlock_json(ran_once, "diff", *ids) == by_run
    assert interlock_json(ran_once, "diff", "sums@1", "sums@2") == by_run


def test_runs_are_named_by_git_commits(ran_once: Path) -> None:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words],
            cwd=ran_once,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    for text in ("first", "second"):
        (ran_once / "note.txt").write_text(text)
        git("add", "-A")
        git("commit", "-qm", text)
        git("tag", text)
        interlock_json(ran_once, "run", "sums", "-p", f"weight={len(text)}")
    commit = git("rev-parse", "--short", "first")
    found = interlock_json(ran_once, "diff", commit, "second")
    assert (found["before"]["run"], found["after"]["run"]) == ("sums/2", "sums/3")
    edit(ran_once, "helpers.py", "value * weight", "value * weight * 2")
    interlock_json(ran_once, "run", "sums")
    assert (
        interlock_json(ran_once, "diff", commit, "second") == found
    )  # what was not committed is not the commit's
    git("commit", "-qam", "third")
    (ran_once / "helpers.py").write_text("FLOOR = 1\n\n\ndef weighed(value, weight):\n    return 0.0\n")
    interlock_json(ran_once, "run", "sums")
    refused = interlock(ran_once, "diff", commit, "HEAD")
    assert (
        refused.returncode,
        "only of changes to it that were not committed: sums/5" in refused.stderr,
    ) == (2, True)


def test_the_change_of_a_metric_is_explained_to_the_last_digit(ran_once: Path) -> None:
    _change_everything(ran_once)
    found: dict[str, Any] = interlock_json(ran_once, "diff", "sums/1", "sums/2", "--attribute")["attribution"]
    assert found["causes"] == [["data"], ["code"], ["configuration"]]
    shares = found["shares"]["total"]
    assert sum(shares.values()) == pytest.approx(64.0)
    # With sum s, weight w and constant c the metric is s * w + c: of s 6 → 20, w 1 → 3 and c 0 → 10.
    assert shares == pytest.approx({"data": 28.0, "code": 10.0, "configuration": 26.0})
    assert found["mixtures"]["data + configuration"] == {"total": 60.0}
    assert found["joined"] is None
    assert [run["id"] for run in interlock_json(ran_once, "runs")] == ["sums/2", "sums/1"]


def test_code_and_a_param_that_only_fit_each_other_are_taken_together(ran_once: Path) -> None:
    edit(
        ran_once,
        "steps.py",
        "def sums(weight: float = 1.0):",
        "def sums(factor: float = 1.0):\n    weight = factor",
    )
    (ran_once / "data" / "b.csv").write_text("x\n7\n")
    interlock_json(ran_once, "run", "sums", "-p", "factor=2")
    found = interlock_json(ran_once, "diff", "sums/1", "sums/2", "--attribute")["attribution"]
    assert found["causes"] == [["data"], ["code", "configuration"]]
    assert "has no param" in found["joined"]
    assert sum(found["shares"]["total"].values()) == pytest.approx(34.0)


def test_in_words_the_shares_stand_in_a_table(ran_once: Path) -> None:
    _change_everything(ran_once)
    shown = interlock(ran_once, "diff", "sums/1", "sums/2", "--attribute").stdout
    assert "total: 6 → 70 (+64)" in shown
    assert "weight: 1.0 → 3.0" in shown
    assert shown.splitlines()[-2].split() == ["total", "+64", "+28", "+10", "+26"]


def test_runs_that_do_not_differ_have_nothing_to_explain(ran_once: Path) -> None:
    interlock_json(ran_once, "run", "sums", "--no-cache")
    done = interlock(ran_once, "diff", "sums/1", "sums/2", "--attribute")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no change to explain between sums/1 and sums/2." in done.stderr


def test_the_packages_of_a_run_are_written_for_an_installer(ran_once: Path) -> None:
    shown = interlock(ran_once, "env", "export", "sums/1").stdout
    facts = interlock_json(ran_once, "env", "show", "sums/1")
    assert f"pandas=={facts['distributions']['pandas']}" in shown.splitlines()
    assert not [line for line in shown.splitlines() if line.startswith("interlock")]
    assert facts["facts"]["cores"] > 0
    assert json.dumps(facts["facts"]["libraries"])
    same = interlock(ran_once, "env", "diff", "sums/1", "sums@1").stdout
    assert same == "The environments are the same.\n"
