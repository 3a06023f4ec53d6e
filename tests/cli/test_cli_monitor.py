"""What the monitors measured, as the command shows it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "monitor"))
from cli_project import interlock, interlock_json
from tiny_project import answer, make_project, rows, train, write_rows

from interlock.engine.context import open_context
from interlock.monitor.performance import watch_performance
from interlock.monitor.watch import watch_drift


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    with open_context(make_project(folder)) as context:
        train(context)
        asked = rows(600, seed=1, shift=3)
        answer(context, asked)
        outcomes = asked[["y"]].assign(row_id=[str(number) for number in range(600)])
        write_rows(folder, 1, outcomes, "outcomes")
        assert len(watch_drift(context, "tiny")) == len(watch_performance(context, "tiny")) == 1
    return folder


def test_drift_and_metrics_are_shown(watched: Path) -> None:
    shown = interlock(watched, "monitor", "tiny").stdout
    for words in ("drifted columns", "x, answer", "Columns of the newest window", "place", "error 0."):
        assert words in shown


def test_the_numbers_are_there_for_programs(watched: Path) -> None:
    found = interlock_json(watched, "monitor", "tiny@1")
    (drift,), (metrics,) = found["drift"], found["metrics"]
    psi = {column["column"]: column["psi"] for column in drift["values"]["columns"]}
    assert (psi["x"] > 1, psi["place"] < 0.1) == (True, True)
    assert (drift["alarm"], drift["rows"], metrics["rows"], metrics["version"]) == (True, 600, 600, 1)
    assert metrics["values"]["metrics"]["error"] < 1


def test_a_model_without_windows_says_what_makes_them(tmp_path: Path) -> None:
    with open_context(make_project(tmp_path)) as context:
        train(context)
    shown = interlock(tmp_path, "monitor", "tiny").stdout
    assert "No drift was looked for yet" in shown
    assert "No outcomes are known yet" in shown
    unknown = interlock(tmp_path, "monitor", "tin")
    assert (unknown.returncode, "Did you mean 'tiny'?" in unknown.stderr) == (1, True)
