"""The prediction log: what is written, what is read back, and what happens when the disk says no."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from serving_sample import ROWS, RunningEndpoint, TinyBundle

from interlock.models.codec import answer_schema, infer_schema
from interlock.models.predictions import (
    Answered,
    answer_of,
    columns_of,
    given_of,
    read_predictions,
    write_predictions,
)
from interlock.serving.prediction_log import LogCounts, PredictionLog
from interlock.stack.layout import Home

BUNDLE = TinyBundle(1)


def _answered(at: float = 1000.0, version: int = 1, rows: Sequence[Any] = ROWS, **changes: Any) -> Answered:
    parts = {
        "request_id": f"r{at:g}",
        "row_ids": [f"r{at:g}:{place}" for place in range(len(rows))],
        "at": at,
        "version": version,
        "run_id": f"delays/{version}",
        "request_schema": BUNDLE.request_schema,
        "answer_schema": BUNDLE.answer_schema,
        "rows": lambda: rows,
        "answers": [float(place) for place in range(len(rows))],
        "latency_ms": 1.5,
    }
    return Answered(**{**parts, **changes})


def test_what_was_written_is_read_back_with_types(home: Home) -> None:
    write_predictions(home, "delays", [_answered()])

    table = read_predictions(home, "delays")

    assert table.column_names[:6] == ["request_id", "row_id", "at", "version", "run_id", "latency_ms"]
    assert given_of(table).to_pylist() == ROWS
    assert [str(kind) for kind in given_of(table).schema.types] == ["string", "double", "int64"]
    assert table["answer"].to_pylist() == [0.0, 1.0, 2.0]
    assert table["row_id"].to_pylist() == ["r1000:0", "r1000:1", "r1000:2"]


def test_a_model_without_a_log_has_an_empty_one(home: Home) -> None:
    table = read_predictions(home, "delays", since=5.0)

    assert (table.num_rows, "version" in table.column_names) == (0, True)


def test_a_reader_gets_the_span_and_the_version_that_it_asks_for(home: Home) -> None:
    write_predictions(
        home, "delays", [_answered(1000.0), _answered(2000.0, version=2), _answered(3000.0, version=2)]
    )

    def times(**asked: Any) -> list[float]:
        return sorted(set(read_predictions(home, "delays", **asked)["at"].to_pylist()))

    assert times() == [1000.0, 2000.0, 3000.0]
    assert times(since=2000.0) == [2000.0, 3000.0]
    assert times(until=2000.0) == [1000.0]
    assert times(version=2, since=2000.5) == [3000.0]


def test_versions_with_other_columns_and_types_are_read_together(home: Home) -> None:
    other = infer_schema(pd.DataFrame({"carrier": [1, 2], "gate": ["A", "B"]}))
    rows = [{"carrier": 1, "gate": "A"}]
    write_predictions(home, "delays", [_answered(1000.0, rows=ROWS[:1])])
    write_predictions(home, "delays", [_answered(2000.0, 2, rows, request_schema=other)])

    given = given_of(read_predictions(home, "delays"))

    assert given["carrier"].to_pylist() == ["UA", "1"]
    assert given["gate"].to_pylist() == [None, "A"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pd.DataFrame({"a": pd.to_datetime(["2013-01-31T06:05:00"]).as_unit("us")}), {"a": "timestamp[us]"}),
        (pd.DataFrame({"a": pd.to_datetime(["2013-01-31T06:05:00Z"])}), {"a": "timestamp"}),
        (pd.DataFrame({"a": pd.Categorical(["x"])}), {"a": "string"}),
        (pd.DataFrame({"a": pd.array([None, 2], dtype="Int8")}), {"a": "int64"}),
        (pd.DataFrame({"a": [True]}), {"a": "bool"}),
        (pd.DataFrame({"a": np.array([1.5], dtype="float32")}), {"a": "double"}),
        (np.array([[1, 2], [3, 4]]), {"0": "int64", "1": "int64"}),
        (np.array([1.5, 2.5]), {"given": "double"}),
        ([{"a": 1, "b": "x"}], {"a": "int64", "b": "string"}),
    ],
)
def test_columns_have_the_types_of_the_log_whatever_the_library(value: Any, expected: dict[str, str]) -> None:
    from interlock.models.codec import encode_rows

    schema = infer_schema(value)

    columns = columns_of(schema, encode_rows(schema, value))

    assert {name: str(column.type)[: len(expected[name])] for name, column in columns.items()} == expected
    assert all(len(column) == len(value) for column in columns.values())


def test_an_answer_with_columns_has_one_column_for_each(home: Home) -> None:
    schema = answer_schema(pd.DataFrame({"low": [0.1], "high": [0.9]}))
    answers = [{"low": 0.25, "high": 0.75}]
    write_predictions(home, "delays", [_answered(rows=ROWS[:1], answer_schema=schema, answers=answers)])

    assert answer_of(read_predictions(home, "delays")).to_pylist() == answers


def test_an_endpoint_logs_every_row_with_the_ids_that_it_was_given(
    start: Callable[..., RunningEndpoint], home: Home
) -> None:
    endpoint = start()
    named = endpoint.predict(ROWS, ids=["a", "b", 7])
    unnamed = endpoint.predict(ROWS[:1]).json()["request_id"]
    tensors = [
        {"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["UA"]},
        {"name": "distance", "shape": [1], "datatype": "FP64", "data": [None]},
        {"name": "hour", "shape": [1], "datatype": "INT64", "data": [9]},
    ]
    endpoint.client.post("/v2/models/delays/infer", json={"id": "mine", "inputs": tensors})
    endpoint.stop()

    table = read_predictions(home, "delays")

    assert table["row_id"].to_pylist() == ["a", "b", "7", f"{unnamed}:0", "mine:0"]
    assert table["request_id"].to_pylist()[:3] == [named.json()["request_id"]] * 3
    assert given_of(table).to_pylist() == [*ROWS, ROWS[0], {"carrier": "UA", "distance": None, "hour": 9}]
    assert table["answer"].to_pylist() == [105.0, 117.0, 123.0, 105.0, 109.0]


def test_a_model_that_changes_its_input_does_not_change_the_log(
    start: Callable[..., RunningEndpoint], home: Home
) -> None:
    def spoil(given: pd.DataFrame, version: int) -> Any:
        given["hour"] = -1
        return given["hour"] + 0.5

    endpoint = start(TinyBundle(1, compute=spoil))
    endpoint.predict(ROWS)
    endpoint.stop()

    assert given_of(read_predictions(home, "delays"))["hour"].to_pylist() == [5, 17, 23]


def test_a_disk_that_refuses_costs_log_rows_and_no_answer(
    start: Callable[..., RunningEndpoint], home: Home
) -> None:
    home.predictions.rmdir()
    home.predictions.write_text("a file where the folder should be")
    endpoint = start()

    assert endpoint.predict(ROWS).status_code == 200
    endpoint.endpoint.log.close()

    assert endpoint.endpoint.log.counts == LogCounts(written=0, dropped=3, waiting=0)
    assert 'interlock_log_rows_dropped{model="delays"} 3.0' in endpoint.client.get("/metrics").text
    assert endpoint.predict(ROWS).status_code == 200


def test_a_request_that_cannot_be_logged_costs_only_its_own_rows(home: Home) -> None:
    log = PredictionLog(home, "delays", flush_seconds=60.0)
    for at in (1.0, 2.0, 3.0):
        log.put(_answered(at, rows=[{**ROWS[0], "hour": 2**63 if at == 2.0 else 5}]))
    log.close()

    assert log.counts == LogCounts(written=2, dropped=1, waiting=0)
    assert read_predictions(home, "delays")["at"].to_pylist() == [1.0, 3.0]


def test_what_does_not_fit_the_queue_is_dropped_and_counted(home: Home) -> None:
    log = PredictionLog(home, "delays", max_rows=4, flush_seconds=60)
    for at in (1.0, 2.0):
        log.put(_answered(at))
    log.close()

    assert log.counts == LogCounts(written=3, dropped=3, waiting=0)
    assert read_predictions(home, "delays").num_rows == 3


def test_a_full_batch_is_written_before_its_time(home: Home) -> None:
    log = PredictionLog(home, "delays", flush_rows=3, flush_seconds=60)
    log.put(_answered())
    until = time.monotonic() + 10
    while log.counts.written == 0 and time.monotonic() < until:
        time.sleep(0.005)

    assert read_predictions(home, "delays").num_rows == 3
    log.close()
