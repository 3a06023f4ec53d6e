"""The straight path of the README: init, run, look, promote, predict, roll back."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, project, starter

from interlock.cli.report import run_schema

pytestmark = pytest.mark.xdist_group("straight-path")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = starter(tmp_path_factory.mktemp("trained"))
    report = interlock_json(folder, "run", "delays")
    assert (report["run"], report["status"], report["model"]) == ("delays/1", "succeeded", 1)
    return folder


def test_the_report_of_a_run_keeps_its_contract(trained: Path) -> None:
    report = interlock_json(trained, "run", "delays")
    jsonschema.validate(report, run_schema())
    assert {step["state"] for step in report["steps"]} == {"cached"}
    assert 0.5 < report["metrics"]["auc"] < 1
    assert all(gate["passed"] for gate in report["gates"])


def test_params_are_set_from_the_shell(trained: Path) -> None:
    report = interlock_json(trained, "run", "delays", "-p", "strength=0.001")
    assert report["params"] == {"strength": 0.001}
    states = {step["name"]: step["state"] for step in report["steps"]}
    assert (states["by_day"], states["fit_model"]) == ("cached", "ran")


def test_a_dry_run_runs_nothing_and_says_what_would_run(trained: Path) -> None:
    before = interlock_json(trained, "runs")
    plan = interlock_json(trained, "run", "delays", "--dry", "-p", "strength=7")["plan"]
    states = {step["name"]: step["state"] for step in plan}
    assert (states["by_day"], states["fit_model"], states["score"]) == ("hit", "miss", "open")
    assert interlock_json(trained, "runs") == before


def test_runs_steps_and_versions_are_shown(trained: Path) -> None:
    shown = interlock(trained, "show", "delays/1")
    assert "fit_model" in shown.stdout
    assert "no earlier result" in shown.stdout
    version = interlock_json(trained, "show", "delays@1")
    assert [verdict["passed"] for verdict in version["verdicts"]] == [True] * 4


def test_the_same_run_again_makes_nothing_new(trained: Path) -> None:
    report = interlock_json(trained, "run", "delays")
    assert (report["model"], report["hint"]) == (1, "Nothing new: the same as delays@1")
    assert interlock_json(trained, "show", report["run"])["model_version"] == 1


def test_a_name_alone_is_a_models_champion_or_its_newest_version(trained: Path) -> None:
    assert interlock_json(trained, "show", "delays")["model"] == "delays"
    for words in (("show", "delay"), ("runs", "delay")):
        done = interlock(trained, *words)
        assert done.returncode == 1
        assert "There is no model or pipeline 'delay'." in done.stderr
        assert "Did you mean 'delays'?" in done.stderr
    assert interlock_json(trained, "runs", "pipeline:delays") == interlock_json(trained, "runs", "delays")


def test_promote_and_roll_back(trained: Path) -> None:
    assert interlock_json(trained, "promote", "delays@1", "-m", "the first")["version"] == 1
    second = interlock_json(trained, "run", "delays", "-p", "strength=0.3")["model"]
    passed = interlock_json(trained, "show", f"delays@{second}")["status"] == "passed"
    moved = interlock(trained, "promote", f"delays@{second}")
    assert moved.returncode == (0 if passed else 1)
    if passed:
        assert interlock_json(trained, "rollback", "delays")["version"] == 1
    else:
        assert "did not pass its gates" in moved.stderr


def test_anyway_needs_a_reason_and_overrules_the_champion_only(trained: Path) -> None:
    interlock(trained, "promote", "delays@1")
    toml = (trained / "interlock.toml").read_text()
    (trained / "interlock.toml").write_text(toml.replace("auc >= 0.55", "auc >= 0.5"))
    worse = interlock_json(trained, "run", "delays", "-p", "strength=0.000001")["model"]
    (trained / "interlock.toml").write_text(toml)
    refused = interlock(trained, "promote", f"delays@{worse}")
    assert refused.returncode == 1
    assert f"interlock promote delays@{worse} --anyway --reason TEXT" in refused.stderr
    assert interlock(trained, "promote", f"delays@{worse}", "--anyway").returncode == 2
    moved = interlock_json(trained, "promote", f"delays@{worse}", "--anyway", "--reason", "a drill")
    assert moved["reason"].startswith("a drill (in spite of auc > champion.auc: auc 0.")
    assert interlock_json(trained, "rollback", "delays")["version"] == 1


def test_predict_scores_a_file_with_the_slice(trained: Path) -> None:
    interlock(trained, "promote", "delays@1")
    scored = interlock_json(trained, "predict", "delays@1", "data/2013-01.csv", "-o", "scored.csv")
    assert scored["rows"] == 2400
    table = pd.read_csv(trained / "scored.csv")
    assert table["answer"].between(0, 1).all()
    assert set(table["model_version"]) == {1}


def test_data_lists_snapshots_and_a_new_part_makes_a_new_one(trained: Path) -> None:
    (first,) = interlock_json(trained, "data")
    assert (first["dataset"], first["parts"], first["error"]) == ("flights", 1, None)
    shutil.copy(trained / "data/2013-01.csv", trained / "data/extra.csv")
    assert [snapshot["parts"] for snapshot in interlock_json(trained, "data", "log", "flights")] == [2, 1]
    (trained / "data/extra.csv").unlink()


def test_the_records_are_made_anew_from_the_store(trained: Path) -> None:
    before = (interlock_json(trained, "runs"), interlock_json(trained, "models"))
    made = interlock_json(trained, "records", "rebuild")
    assert made["unreadable"] == []
    assert (interlock_json(trained, "runs"), interlock_json(trained, "models")) == before


def test_init_writes_nothing_over_what_is_there(trained: Path) -> None:
    done = interlock(trained, "init")
    assert done.returncode == 1
    assert "already holds" in done.stderr


def test_a_refused_version_is_registered_and_cannot_be_promoted(tmp_path: Path) -> None:
    folder = starter(tmp_path)
    toml = (folder / "interlock.toml").read_text().replace("auc >= 0.55", "auc >= 0.99")
    (folder / "interlock.toml").write_text(toml)
    report = interlock_json(folder, "run", "delays")
    assert report["model"] == 1
    failing = interlock(folder, "run", "delays", "--fail-if-refused", "--json")
    assert (failing.returncode, json.loads(failing.stdout)["model"]) == (1, 1)
    assert "delays@1 did not pass its gates" in failing.stderr
    done = interlock(folder, "promote", "delays@1")
    assert done.returncode == 1
    assert "auc >= 0.99: auc 0." in done.stderr


LEAKY = """
@split
def halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows.iloc[::2], rows.iloc[1::2]

@fit
def mean(rows: pd.DataFrame) -> float:
    return float(rows["x"].mean())

@step
def centre(rows: pd.DataFrame, mean: float) -> list:
    return (rows["x"] - mean).tolist()

@pipeline
def leaky():
    rows = data("rows.csv")
    train, test = halves(rows)
    return deployable(test, centre(test, mean(rows))WAIVE)
"""


def test_check_reports_a_leak_and_run_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n2\n3\n4\n")
    folder = project(tmp_path, LEAKY.replace("WAIVE", ""))
    checked = interlock(folder, "check", "steps:leaky", "--json")
    found = json.loads(checked.stdout)
    assert checked.returncode == 1
    assert found["leaks"][0]["path"] == ["data:rows.csv", "mean"]
    refused = interlock(folder, "run", "steps:leaky", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["status"] == "refused"
    hint = json.loads(refused.stdout)["hint"].split()
    assert "leak: data:rows.csv → mean" in interlock(folder, *hint[1:]).stdout
    assert interlock_json(folder, "runs")[0]["status"] == "refused"


UNBUNDLEABLE = """
@step
def make() -> dict:
    return {"x": 1}

@step
def answer(given: dict) -> list:
    return [given["x"]]

@pipeline
def odd():
    given = make()
    return deployable(given, answer(given))
"""


def test_a_run_that_cannot_be_served_is_reported_all_the_same(tmp_path: Path) -> None:
    done = interlock(project(tmp_path, UNBUNDLEABLE), "run", "steps:odd", "--json")
    report = json.loads(done.stdout)
    jsonschema.validate(report, run_schema())
    assert (done.returncode, report["status"], report["model"]) == (1, "succeeded", None)
    assert "no model version can be made of it" in done.stderr


def test_a_waived_leak_runs_and_the_reason_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n2\n3\n4\n")
    folder = project(tmp_path, LEAKY.replace("WAIVE", ", waive={'mean': 'a demonstration'}"))
    assert interlock_json(folder, "run", "steps:leaky")["status"] == "succeeded"
    assert interlock_json(folder, "show", "leaky/1")["waivers"] == {"mean": "a demonstration"}
