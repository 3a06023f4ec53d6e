from __future__ import annotations

import time

import pandas as pd
import pytest
from tiny_project import MODEL, answer, rows, train, write_rows

from interlock.models.bundle_manifest import numbers_of
from interlock.monitor.drift import DriftReport
from interlock.monitor.performance import TruthMismatch, watch_performance
from interlock.monitor.watch import watch_drift


def truth(table: pd.DataFrame, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"row_id": range(len(table)), "y": table["y"], **columns})


def test_an_empty_log_is_watched_in_silence(context):
    assert watch_drift(context, MODEL) == []
    assert list(watch_performance(context, MODEL)) == []


def test_too_few_rows_wait_for_more(context):
    answer(context, rows(300, seed=1))
    assert watch_drift(context, MODEL) == []
    answer(context, rows(300, seed=2), at=5000.0)
    [window] = watch_drift(context, MODEL)
    assert (window.rows, window.started_at, window.ended_at) == (600, 1000.0, 5299.0)


def test_rows_of_the_same_world_raise_no_alarm(context):
    answer(context, rows(600, seed=1))
    [window] = watch_drift(context, MODEL)
    assert not window.alarm
    assert context.records.windows.list(MODEL, 1, "drift") == [window]


def test_rows_of_another_world_raise_the_alarm_and_name_the_column(context):
    answer(context, rows(600, seed=1, shift=2))
    [window] = watch_drift(context, MODEL)
    assert window.alarm
    assert set(DriftReport.from_json(window.values).drifted_columns) == {"x", "answer"}


def test_each_row_is_looked_at_once(context):
    answer(context, rows(600, seed=1))
    assert len(watch_drift(context, MODEL)) == 1
    assert watch_drift(context, MODEL) == []


def test_the_last_rows_of_a_former_champion_are_judged_too(context):
    write_rows(context.project.root, 2, rows(seed=3))
    train(context)
    answer(context, rows(600, seed=1), version=1)
    answer(context, rows(600, seed=2), version=2, at=9000.0)
    assert [window.version for window in watch_drift(context, MODEL)] == [2, 1]


def test_truth_is_joined_and_judged_by_the_pipelines_own_metrics(context):
    asked = rows(600, seed=1, factor=3.0)
    answer(context, asked)
    write_rows(context.project.root, 1, truth(asked), "outcomes")
    [window] = watch_performance(context, MODEL)
    assert window.kind == "metric"
    assert window.rows == 600
    assert numbers_of(window.values["metrics"])["error"] == pytest.approx(10, rel=0.05)


def test_a_part_of_the_truth_is_judged_once(context):
    asked = rows(600, seed=1)
    answer(context, asked)
    write_rows(context.project.root, 1, truth(asked), "outcomes")
    assert len(watch_performance(context, MODEL)) == 1
    assert list(watch_performance(context, MODEL)) == []


def test_parts_too_small_to_judge_are_judged_together(context):
    asked = rows(600, seed=1)
    answer(context, asked)
    known = truth(asked)
    write_rows(context.project.root, 1, known[:300], "outcomes")
    assert list(watch_performance(context, MODEL)) == []
    write_rows(context.project.root, 2, known[300:], "outcomes")
    [window] = watch_performance(context, MODEL)
    assert list(window.values["parts"]) == ["data/outcomes-1.csv", "data/outcomes-2.csv"]


def test_the_first_answer_to_a_row_counts(context):
    asked = rows(600, seed=1)
    answer(context, asked)
    answer(context, asked.assign(x=0.0), at=50_000.0)
    write_rows(context.project.root, 1, truth(asked), "outcomes")
    [window] = watch_performance(context, MODEL)
    assert numbers_of(window.values["metrics"])["error"] < 1


def test_a_single_outcome_needs_no_name(context):
    asked = rows(600, seed=1)
    answer(context, asked)
    write_rows(context.project.root, 1, truth(asked).rename(columns={"y": "happened"}), "outcomes")
    assert len(watch_performance(context, MODEL)) == 1


def test_missing_columns_of_the_truth_are_named(context):
    asked = rows(600, seed=1)
    answer(context, asked)
    write_rows(context.project.root, 1, truth(asked, late=1).rename(columns={"y": "yy"}), "outcomes")
    with pytest.raises(TruthMismatch, match="no column 'y'") as caught:
        watch_performance(context, MODEL)
    assert "Did you mean 'yy'?" in str(caught.value)


def test_truth_without_its_key_is_refused(context):
    answer(context, rows(600, seed=1), at=time.time())
    write_rows(context.project.root, 1, pd.DataFrame({"row": [1], "y": [2.0]}), "outcomes")
    with pytest.raises(TruthMismatch, match="no column 'row_id': it is the key"):
        watch_performance(context, MODEL)
