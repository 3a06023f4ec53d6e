"""From a pipeline to a judged model version; whatever cannot be judged does not pass."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models_project import FEATURES, PIPELINE, opened, train, write_shop

from interlock.engine.context import RunContext
from interlock.engine.metrics import MetricsError
from interlock.engine.run import RunOptions
from interlock.models.build import LeakageRefused, build
from interlock.models.built import NoVersion
from interlock.models.bundle import load_bundle
from interlock.models.gates import GateSyntaxError
from interlock.models.registry import promote, rollback
from interlock.stack.targets import load_pipeline

SCORE = "    return model.predict_proba(matrix(x))[:, 1]"
EMPTY_TEST = PIPELINE.replace("rows.iloc[1::2]", "rows.iloc[1:1]").replace(
    SCORE, "    return np.zeros(0) if x.empty else model.predict_proba(matrix(x))[:, 1]"
)


CROSS = PIPELINE.replace("@pipeline", """
@step
def cross(rows: pd.DataFrame) -> dict[str, float]:
    return {"cv": 0.75}


@pipeline""").replace("metrics=evaluate(target(test), scores)", "metrics=[evaluate(target(test), scores)]").replace(
    "    scores = score", "    crossed = cross(train)\n    scores = score"
)  # fmt: skip


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with opened(write_shop(tmp_path)) as made:
        yield made


def scoring(code: str) -> str:
    """Return the pipeline with other code at the end of its step `score`."""
    return PIPELINE.replace(SCORE, code)


def test_a_build_registers_a_version_that_passed_the_gates_everybody_has(context: RunContext) -> None:
    made = train(context)
    assert made.version is not None
    assert [(verdict.gate, verdict.passed) for verdict in made.verdicts] == [
        ("no leakage", True),
        ("parity", True),
    ]
    assert (made.version.number, made.version.status, made.run.model) == (1, "passed", 1)
    assert made.version.metrics == {"accuracy": 1.0, "rows": 30.0}
    assert context.records.models.aliases("delays") == {"challenger": 1}
    assert [v.gate for v in context.records.models.verdicts("delays", 1)] == ["no leakage", "parity"]


def test_a_build_records_its_signal_and_its_tags(context: RunContext) -> None:
    signal = context.records.signals.add("delays", "data", {}, key="data:1")
    target = load_pipeline(context.project, "delays")
    made = build(
        target,
        context,
        params={"strength": 2.0},
        options=RunOptions(signal_id=signal.id, tags={"why": "a test"}),
    )
    run = context.records.runs.get("delays/1")
    assert (run.signal_id, run.tags, run.params) == (signal.id, {"why": "a test"}, {"strength": 2.0})
    assert made.version is not None
    assert made.version.signal_id == signal.id


def test_a_version_that_fails_a_gate_is_refused_and_no_challenger(context: RunContext) -> None:
    train(context)
    write_shop(context.project.root, gates=["accuracy >= 2", "rows == 30", "unknown > 0"])
    made = train(context, strength=2.0)
    assert made.version is not None
    assert made.version.status == "refused"
    assert [verdict.passed for verdict in made.verdicts] == [False, True, False]
    assert context.records.models.aliases("delays") == {"challenger": 1}


def test_the_champion_is_judged_beside_the_challenger(context: RunContext) -> None:
    gates = ["accuracy > champion.accuracy"]
    write_shop(context.project.root, gates=gates)
    first = train(context)
    assert first.comparison is None
    promote(context.records, "delays", reason="the first", actor="me")
    second = train(context, strength=2.0)
    assert second.comparison is not None
    assert second.comparison.metrics == {"accuracy": 1.0, "rows": 30.0}
    assert second.version is not None
    assert second.version.status == "refused"
    assert "champion.accuracy 1 (version 1, same holdout)" in second.verdicts[0].reason


def test_a_champion_that_cannot_be_loaded_fails_the_gates_that_name_it(context: RunContext) -> None:
    write_shop(context.project.root, gates=["accuracy >= champion.accuracy", "rows == 30"])
    first = train(context).version
    assert first is not None
    promote(context.records, "delays", reason="the first", actor="me")
    manifest = context.project.home.store / "manifests" / "bundle" / f"{first.bundle.partition(':')[2]}.json"
    manifest.chmod(0o644)
    manifest.write_text("{}")
    made = train(context, strength=2.0)
    assert [verdict.passed for verdict in made.verdicts] == [False, True]
    assert made.verdicts[0].reason.startswith("Champion version 1 could not be judged on this holdout.")


@pytest.mark.parametrize(
    ("pipeline", "gate", "reason"),
    [
        (scoring(f"    x = x - x.mean()\n{SCORE}"), "parity", "Row 0 sent alone is answered"),
        (scoring(f"    if len(x) < 25: raise ValueError('too few')\n{SCORE}"), "parity", "ValueError: too few"),
        (scoring(f"{SCORE} + np.random.random()"), "parity", "Row 0 sent alone is answered"),
        (EMPTY_TEST.replace(".mean())", ".sum())"), "rows > 0", "The holdout has no rows."),
    ],
    ids=["skew", "fails on few rows", "random", "no rows"],
)  # fmt: skip
def test_a_slice_that_production_could_not_repeat_makes_a_refused_version(
    context: RunContext, pipeline: str, gate: str, reason: str
) -> None:
    write_shop(context.project.root, pipeline=pipeline)
    made = train(context)
    assert made.version is not None
    assert made.version.status == "refused"
    failed = {verdict.gate: verdict.reason for verdict in made.verdicts if not verdict.passed}
    assert reason in failed[gate]


def test_an_empty_holdout_never_passes_whatever_the_gates(context: RunContext) -> None:
    write_shop(context.project.root, gates=["no leakage"], pipeline=EMPTY_TEST.replace(".mean())", ".sum())"))
    made = train(context)
    assert made.version is not None
    assert (made.version.status, made.verdicts[0].gate) == ("refused", "rows > 0")
    assert context.records.models.aliases("delays") == {}


def test_a_nan_is_recorded_as_it_is_and_passes_no_gate(context: RunContext) -> None:
    text = PIPELINE.replace('"accuracy": float(', '"accuracy": float("nan") * float(')
    write_shop(context.project.root, gates=["accuracy >= 0", "accuracy <= 1"], pipeline=text)
    made = train(context)
    assert [verdict.passed for verdict in made.verdicts] == [False, False, False]
    assert math.isnan(context.records.runs.get("delays/1").metrics["accuracy"])
    assert made.version is not None
    assert math.isnan(made.version.metrics["accuracy"])


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_metric_that_is_no_finite_number_fails_whatever_the_gates(context: RunContext, number: str) -> None:
    text = PIPELINE.replace('"accuracy": float(', f'"accuracy": float("{number}") + float(')
    write_shop(context.project.root, pipeline=text)
    made = train(context)
    assert made.version is not None
    assert made.version.status == "refused"
    assert [(v.gate, v.passed) for v in made.verdicts] == [
        ("metrics are finite", False), ("no leakage", True), ("parity", True)
    ]  # fmt: skip
    assert made.verdicts[0].reason == f"accuracy is {number}."
    assert context.records.models.aliases("delays") == {}


def test_a_run_that_comes_to_the_same_bundle_makes_no_new_version(context: RunContext) -> None:
    write_shop(context.project.root, gates=["accuracy > champion.accuracy"])
    train(context)
    promote(context.records, "delays", reason="the first", actor="me")
    again = train(context)
    assert (again.new, again.run.id, again.run.model) == (False, "delays/2", 1)
    assert again.verdicts == ()  # it is the champion: those of its time say nothing of now
    assert len(context.records.models.list("delays")) == 1
    assert [run.model_version for run in context.records.runs.list("delays")] == [1, 1]


def test_the_same_bundle_is_judged_again_by_other_gates(context: RunContext) -> None:
    write_shop(context.project.root, gates=["rows == 31"])
    assert train(context).new
    write_shop(context.project.root, gates=["rows == 30"])
    again = train(context)
    assert again.version is not None
    assert (again.new, again.version.number, again.version.status) == (False, 1, "passed")
    assert [verdict.gate for verdict in context.records.models.verdicts("delays", 1)] == ["rows == 30"]
    assert context.records.models.aliases("delays") == {"challenger": 1}


def test_a_version_that_was_rolled_back_does_not_become_challenger_by_a_run(context: RunContext) -> None:
    train(context)
    promote(context.records, "delays", reason="the first", actor="me")
    train(context, strength=2.0)
    promote(context.records, "delays", reason="the second", actor="me")
    rollback(context.records, "delays", reason="worse", actor="me")
    assert not train(context, strength=2.0).new
    assert context.records.models.aliases("delays") == {"champion": 1}


def test_metrics_that_no_answer_is_needed_for_are_metrics_of_the_run(context: RunContext) -> None:
    gates = ["cv >= 0.5", "accuracy >= champion.accuracy", "cv >= champion.cv"]
    text = CROSS.replace("metrics=[", "metrics=[crossed, ")
    write_shop(context.project.root, gates=gates, pipeline=text)
    first = train(context)
    assert first.version is not None
    assert first.version.metrics == {"accuracy": 1.0, "rows": 30.0, "cv": 0.75}
    promote(context.records, "delays", reason="the first", actor="me")
    second = train(context, strength=2.0)
    assert second.comparison is not None
    assert second.comparison.metrics == {"accuracy": 1.0, "rows": 30.0}
    assert [verdict.passed for verdict in second.verdicts] == [True, True, False]
    assert "champion.cv is not known: cv is not computed from the answer" in second.verdicts[2].reason


def test_a_step_that_reads_a_file_of_the_project_fails_parity(context: RunContext) -> None:
    (context.project.root / "scale.txt").write_text("10")
    reading = FEATURES.replace("SCALE = 10.0", "").replace(
        "    return rows",
        "    SCALE = float(__import__('pathlib').Path('scale.txt').read_text())\n    return rows",
    )
    with contextlib.chdir(context.project.root):
        for gates in (["parity"], ["rows == 30"]):
            write_shop(context.project.root, features=reading, gates=gates)
            made = train(context)
            assert made.version is not None
            assert made.version.status == "refused"
            said = {verdict.gate: verdict.reason for verdict in made.verdicts if not verdict.passed}
            assert (
                "No such file or directory: 'scale.txt'. Make the file part of the graph, as data(...)"
                in said["parity"]
            )


def test_a_module_that_reads_a_file_when_imported_fails_parity(context: RunContext) -> None:
    (context.project.root / "scale.txt").write_text("10")
    features = FEATURES.replace(
        "SCALE = 10.0", "SCALE = float(__import__('pathlib').Path('scale.txt').read_text())"
    )
    write_shop(context.project.root, features=features)
    with contextlib.chdir(context.project.root):
        made = train(context)
    assert made.parity is not None
    assert "No such file or directory: 'scale.txt'" in made.parity.reason


def test_metrics_that_are_no_numbers_name_the_step(context: RunContext) -> None:
    write_shop(context.project.root, pipeline=PIPELINE.replace("len(late)}", "'many'}"))
    with pytest.raises(
        MetricsError, match="The metric 'rows' of step 'evaluate' is str 'many', not a number"
    ):
        train(context)
    assert context.records.runs.get("delays/1").status == "failed"


def test_a_leak_is_refused_before_anything_runs_and_recorded(context: RunContext) -> None:
    leaky = PIPELINE.replace("fit_model(inputs(train), target(train)", "fit_model(given, target(test)")
    write_shop(context.project.root, pipeline=leaky)
    with pytest.raises(LeakageRefused, match="The pipeline leaks; it was not run:") as caught:
        train(context)
    assert "halves.1 → inputs → fit_model: 'fit_model' learns from 'inputs'" in str(caught.value)
    assert caught.value.run_id == "delays/1"
    assert context.records.runs.get("delays/1").status == "refused"
    assert context.records.steps.of("delays/1") == []
    assert context.records.models.names() == []


def test_a_gate_that_cannot_be_read_stops_everything(context: RunContext) -> None:
    write_shop(context.project.root, gates=["accuracy >>"])
    with pytest.raises(GateSyntaxError):
        train(context)
    assert context.records.runs.list() == []


@pytest.mark.parametrize(
    ("pipeline", "status"),
    [
        (PIPELINE.replace("return deployable(given=given, answer=scores, metrics=", "return ("), "succeeded"),
        (scoring("    raise KeyError('x')"), "failed"),
    ],
)
def test_without_a_deployable_or_with_a_failed_step_there_is_no_version(
    context: RunContext, pipeline: str, status: str
) -> None:
    write_shop(context.project.root, pipeline=pipeline)
    made = train(context)
    assert (made.run.status, made.version, made.verdicts) == (status, None, ())
    assert context.records.models.names() == []


ODD = (
    PIPELINE.replace("@fit\n", "@fit(pickle=True)\n")
    .replace("return LogisticRegression(", "return Odd(")
    .replace("@split", "class Odd(LogisticRegression):\n    pass\n\n\n@split")
)
HIDDEN = PIPELINE.replace(
    "@pipeline",
    "def making():\n    @step\n    def hidden(x: np.ndarray) -> np.ndarray:\n        return x\n\n    return hidden\n\n\n"
    "hidden = making()\n\n\n@pipeline",
).replace("scores = score(model, given)", "scores = hidden(score(model, given))")
CONSTANT = PIPELINE.replace("x: pd.DataFrame) -> np.ndarray", "x: pd.DataFrame, how: object) -> np.ndarray")


@pytest.mark.parametrize(
    ("pipeline", "says"),
    [
        (ODD, "The output 'fit_model' of type 'shop.pipeline.Odd' is kept as a pickle"),
        (HIDDEN, "Step 'hidden' is defined inside another function"),
        (
            CONSTANT.replace("score(model, given)", "score(model, given, object())"),
            "The input 'how' of step 'score' is a constant that no safe format keeps",
        ),
        (
            scoring("    return {'p': model.predict_proba(matrix(x))[:, 1]}")
            .replace("x: pd.DataFrame) -> np.ndarray", "x: pd.DataFrame) -> dict")
            .replace("scores: np.ndarray", "scores: dict")
            .replace("(scores >", "(scores['p'] >"),
            "This value cannot be rebuilt from a JSON request: it is a dict",
        ),
    ],
)
def test_a_run_that_cannot_be_carried_elsewhere_stands_without_a_version(
    context: RunContext, pipeline: str, says: str
) -> None:
    write_shop(context.project.root, pipeline=pipeline)
    with pytest.raises(
        NoVersion, match="Run delays/1 succeeded, but no model version can be made of it"
    ) as caught:
        train(context)
    assert says in caught.value.what
    assert caught.value.hint
    assert len(caught.value.run["score"].value) in (1, 30)
    assert context.records.runs.get("delays/1").status == "succeeded"
    assert context.records.models.names() == []


def test_a_file_that_is_part_of_the_graph_goes_with_the_bundle(context: RunContext) -> None:
    (context.project.root / "scale.csv").write_text("scale\n10\n")
    text = PIPELINE.replace("model: LogisticRegression, x", "model: LogisticRegression, file: Path, x")
    text = text.replace(
        "    return model.predict_proba", "    pd.read_csv(file)\n    return model.predict_proba"
    )
    text = text.replace("score(model, given)", 'score(model, data("scale.csv"), given)')
    write_shop(
        context.project.root,
        pipeline=text.replace("import numpy", "from pathlib import Path\n\nimport numpy"),
    )
    made = train(context)
    (context.project.root / "scale.csv").unlink()
    assert made.version is not None
    assert made.version.status == "passed"
    load_bundle(context.store, made.version.bundle, workdir=context.project.home.tmp).close()
