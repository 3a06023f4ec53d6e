"""A pipeline with branches, a product, a pipeline inside it and an early stop, from the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, project

from interlock.cli.report import run_schema
from interlock.engine.context import open_context
from interlock.models.bundle import load_bundle
from interlock.stack.home import find_project

LINES = """
from interlock import StopRun, either, when

@step
def rows(n: int) -> pd.DataFrame:
    if n == 0:
        raise StopRun("nothing new since yesterday")
    return pd.DataFrame({"x": [float(i % 7) for i in range(n)], "y": [2.0 * (i % 7) + 1 for i in range(n)]})

@split
def halves(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return table.iloc[: len(table) // 2], table.iloc[len(table) // 2 :]

@step
def is_big(table: pd.DataFrame) -> bool:
    return len(table) > 20

@fit
def best(table: pd.DataFrame, slope: float, start: float) -> dict[str, float]:
    return {"error": float((table["y"] - slope * table["x"] - start).abs().mean()), "slope": slope, "start": start}

@fit
def least(found: list[dict[str, float]]) -> dict[str, float]:
    return min(found, key=lambda one: one["error"])

@fit
def mean(table: pd.DataFrame) -> dict[str, float]:
    return {"slope": 0.0, "start": float(table["y"].mean())}

@step
def inputs(table: pd.DataFrame) -> pd.DataFrame:
    return table[["x"]]

@step
def predict(model: dict[str, float], table: pd.DataFrame) -> pd.Series:
    return table["x"] * model["slope"] + model["start"]

@step
def truth(table: pd.DataFrame) -> pd.Series:
    return table["y"]

@step
def score(answer: pd.Series, y: pd.Series) -> dict[str, float]:
    return {"mae": float((answer - y).abs().mean())}

@pipeline
def prepare(n: int):
    train, test = halves(rows(n))
    return {"train": train, "test": test}

@pipeline
def lines(n: int = 50, slopes: list[float] = [1.0, 2.0], starts: list[float] = [0.0, 1.0]):
    made = prepare(n)
    big = when(is_big(made["train"]))
    with big:
        searched = least(best.product(slopes, starts, table=made["train"]))
    with big.otherwise:
        simple = mean(made["train"])
    given = inputs(made["test"])
    answer = predict(either(searched, simple), given)
    return deployable(given, answer, score(answer, truth(made["test"])))

@step
def is_asked(table: pd.DataFrame, by: str) -> bool:
    return len(table) > 1 if by == "size" else "x" in table.columns

@step
def zero(table: pd.DataFrame) -> pd.Series:
    return pd.Series([0.0] * len(table), index=table.index)

@pipeline
def asked(by: str = "column", complete: bool = True):
    made = prepare(50)
    given = inputs(made["test"])
    known = when(is_asked(given, by))
    model = mean(made["train"])
    with known:
        one = predict(model, given)
    with known.otherwise:
        other = zero(given)
    answer = either(one, other) if complete else one
    return deployable(given, answer, score(answer, truth(made["test"])))

@pipeline
def unanswered(n: int = 10):
    made = prepare(n)
    given = inputs(made["test"])
    with when(is_big(made["train"])):
        answer = predict(mean(made["train"]), given)
        scored = score(answer, truth(made["test"]))
    return deployable(given, answer, scored)

@pipeline
def around():
    return around_again()

@pipeline
def around_again():
    return around()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = project(tmp_path_factory.mktemp("branches"), LINES)
    (made / "interlock.toml").write_text('[model.lines]\npipeline = "steps:lines"\n')
    return made


def ran(folder: Path, name: str, *words: str) -> dict[str, Any]:
    body: dict[str, Any] = interlock_json(folder, "run", name, *words)
    jsonschema.validate(body, run_schema())
    return body


def states(body: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in body["steps"]}


def test_both_branches_make_a_model_that_is_shown_explained_and_made_again(folder: Path) -> None:
    small, big = ran(folder, "lines", "-p", "n=10"), ran(folder, "lines", "-p", "n=100")
    assert (small["model"], big["model"]) == (1, 2)
    assert big["metrics"] == {"mae": 0.0}
    assert states(small)["best"] == states(big)["mean"] == "skipped"
    assert states(big)["prepare/halves"] == "ran"
    reasons = {step["name"]: step["reason"] for step in small["steps"]}
    assert reasons["best"] == "is_big was False"
    assert reasons["either"] == "took mean: is_big was False"

    shown = interlock(folder, "show", small["run"]).stdout
    assert "prepare/rows" in shown
    assert "is_big was False" in " ".join(shown.split())
    told = {one["node"]: one["state"] for one in interlock_json(folder, "show", big["run"])["steps"]}
    assert told == states(big)
    why = interlock(folder, "why", f"{small['run']}").stdout
    assert "best  skipped: is_big was False" in why
    assert "took mean" in why

    for made in (small, big):
        again = interlock(folder, "reproduce", made["run"], "--here", "--json")
        body = json.loads(again.stdout)
        assert body["verdict"] == "identical", body
        assert {step["step"] for step in body["steps"]} == set(states(made))

    with open_context(find_project(folder)) as context:
        served = {}
        for made in (small, big):
            version = context.records.models.get("lines", made["model"])
            loaded = load_bundle(context.store, version.bundle, workdir=context.project.home.tmp)
            assert [node["name"] for node in loaded.body["slice"]["nodes"]] == ["predict"]
            served[made["model"]] = list(loaded.predict(loaded.reference_given()))
            assert loaded.metrics(loaded.reference_answer()) == made["metrics"]
            loaded.close()
    assert served[1] != served[2]


def test_a_plan_and_a_run_from_a_step_of_a_pipeline_inside(folder: Path) -> None:
    ran(folder, "lines", "-p", "n=12")
    plan = interlock_json(folder, "run", "lines", "--dry", "-p", "n=12")
    jsonschema.validate(plan, run_schema())
    assert {one["name"]: one["state"] for one in plan["plan"]}["best"] == "skipped"
    forced = states(ran(folder, "lines", "-p", "n=12", "--from", "prepare/halves"))
    assert (forced["prepare/rows"], forced["prepare/halves"]) == ("cached", "ran")
    wrong = interlock(folder, "run", "lines", "--from", "prepare/halfs")
    assert wrong.returncode == 1
    assert "Did you mean 'prepare/halves'?" in wrong.stderr


def test_an_added_value_of_a_product_runs_its_items_only(folder: Path) -> None:
    ran(folder, "lines", "-p", "n=60")
    made = ran(folder, "lines", "-p", "n=60", "-p", "slopes=[1.0, 2.0, 3.0]")
    reason = next(step["reason"] for step in made["steps"] if step["name"] == "best")
    assert reason.endswith("2 of 6 items, 4 from the cache")


def test_a_run_that_stops_early_ends_well_without_a_model(folder: Path) -> None:
    body = ran(folder, "lines", "-p", "n=0")
    assert (body["status"], body["model"]) == ("stopped", None)
    assert body["no_model"] == "nothing new since yesterday"
    assert states(body)["prepare/rows"] == "stopped"
    assert set(states(body).values()) == {"stopped", "skipped"}
    printed = interlock(folder, "run", "lines", "-p", "n=0")
    assert printed.returncode == 0
    assert "No model came of it: nothing new since yesterday" in printed.stdout
    assert printed.stderr.count("nothing new since yesterday") == 2
    listed = interlock_json(folder, "runs", "--status", "stopped")
    assert body["run"] in {one["id"] for one in listed}
    again = json.loads(interlock(folder, "reproduce", body["run"], "--here", "--json").stdout)
    assert again["verdict"] == "identical", again


def test_an_answer_in_a_branch_that_is_not_taken_is_no_model(folder: Path) -> None:
    body = ran(folder, "steps:unanswered")
    assert (body["status"], body["model"]) == ("succeeded", None)
    assert body["no_model"] == "predict: is_big was False"
    assert ran(folder, "steps:unanswered", "-p", "n=50")["model"] == 1


def test_a_branch_that_each_request_decides_is_served(folder: Path) -> None:
    body = ran(folder, "steps:asked")
    assert [gate["passed"] for gate in body["gates"]] == [True, True]
    with open_context(find_project(folder)) as context:
        version = context.records.models.get("asked", body["model"])
        loaded = load_bundle(context.store, version.bundle, workdir=context.project.home.tmp)
        nodes = [node["name"] for node in loaded.body["slice"]["nodes"]]
        assert nodes == ["is_asked", "predict", "zero", "either"]
        given = loaded.reference_given()
        assert list(loaded.predict(given)) == list(loaded.reference_answer())
        assert set(loaded.predict(given.rename(columns={"x": "z"}))) == {0.0}
        loaded.close()


def test_a_branch_that_a_request_decides_otherwise_than_all_rows_fails_parity(folder: Path) -> None:
    body = ran(folder, "steps:asked", "-p", "by=size")
    assert {gate["gate"]: gate["passed"] for gate in body["gates"]} == {"no leakage": True, "parity": False}


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("steps:asked", ("-p", "complete=false"), "is missing for a request for which is_asked is False"),
        ("steps:around", (), "Pipeline 'around' calls itself: around → around_again → around"),
    ],
)
def test_check_tells_what_cannot_be_served_or_connected(
    folder: Path, name: str, words: tuple[str, ...], message: str
) -> None:
    done = interlock(folder, "check", name, *words)
    assert done.returncode == 1
    assert message in " ".join((done.stdout + done.stderr).split())


def test_run_from_python_returns_a_stopped_run(tmp_path: Path) -> None:
    project(
        tmp_path,
        LINES + "\n\nmade = lines.run(n=0)\nprint(made.status, '|', made.stopped, '|', made.model)\n",
    )
    script = subprocess.run(
        [sys.executable, "steps.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert script.stdout.strip() == "stopped | nothing new since yesterday | None", script.stderr
