"""What an endpoint answers: the good, and each kind of bad request."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from serving_sample import ROWS, RunningEndpoint, TinyBundle

ROW = ROWS[0]
TENSORS = [
    {"name": "carrier", "shape": [2], "datatype": "BYTES", "data": ["UA", "AA"]},
    {"name": "distance", "shape": [2], "datatype": "FP64", "data": [1.5, None]},
    {"name": "hour", "shape": [2, 1], "datatype": "INT64", "data": [[5], [17]]},
]
INFER = "/v2/models/delays/infer"
PREDICT = "/models/delays/predict"


def _error(reply: Any, status: int) -> dict[str, Any]:
    """Return the error of a reply, which has the form that every error has."""
    body = reply.json()
    assert reply.status_code == status, reply.text
    assert body["request_id"] == reply.headers["x-request-id"]
    assert "Traceback" not in reply.text
    assert "/work" not in reply.text
    assert "/tmp" not in reply.text
    return body


def test_rows_are_answered_in_their_order(endpoint: RunningEndpoint) -> None:
    reply = endpoint.predict(ROWS)

    assert reply.status_code == 200
    assert reply.json() == {
        "model": "delays",
        "version": 1,
        "request_id": reply.headers["x-request-id"],
        "answers": [105.0, 117.0, 123.0],
    }


def test_tensors_are_answered_with_tensors(endpoint: RunningEndpoint) -> None:
    reply = endpoint.client.post(INFER, json={"id": "a-1", "inputs": TENSORS})

    assert reply.json() == {
        "model_name": "delays",
        "model_version": "1",
        "id": "a-1",
        "outputs": [{"name": "answer", "shape": [2], "datatype": "FP64", "data": [105.0, 117.0]}],
    }


def test_reordered_tensors_and_columns_give_the_same_answers(endpoint: RunningEndpoint) -> None:
    turned = dict(reversed(ROW.items()))
    assert endpoint.predict([turned]).json()["answers"] == [105.0]
    reply = endpoint.client.post(INFER, json={"inputs": TENSORS[::-1]})
    assert reply.json()["outputs"][0]["data"] == [105.0, 117.0]


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ({"carrier": "UA", "hour": 5}, None, "the column 'distance' is missing"),
        ({**ROW, "hours": 1}, None, "there is no column 'hours' in this model"),
        ({**ROW, "hour": "5"}, "hour", "is a string, not an integer"),
        ({**ROW, "hour": 5.5}, "hour", "5.5 is not an integer"),
        ({**ROW, "hour": True}, "hour", "is a boolean"),
        ({**ROW, "hour": None}, "hour", "null is not allowed here"),
        ({**ROW, "hour": 2**63}, "hour", "outside of the range of int64"),
        ({**ROW, "carrier": 7}, "carrier", "is an integer, not a string"),
        ({**ROW, "distance": "NaN"}, "distance", "a missing number is null"),
    ],
)
def test_a_row_that_does_not_fit_is_explained(
    endpoint: RunningEndpoint, row: dict[str, Any], column: str | None, problem: str
) -> None:
    body = _error(endpoint.predict([ROW, row]), 422)

    assert [(fault["row"], fault["column"]) for fault in body["faults"]] == [(1, column)]
    assert problem in body["faults"][0]["problem"]


def test_one_bad_row_of_a_thousand_is_named_and_nothing_is_answered(endpoint: RunningEndpoint) -> None:
    rows = [ROW] * 999 + [{**ROW, "hour": "x"}]

    body = _error(endpoint.predict(rows), 422)

    assert body["faults"][0]["row"] == 999
    assert body["total"] == 1
    assert "answers" not in body


@pytest.mark.parametrize("rows", [[], {}, "x", None, 1, [1], [[]], [None]])
def test_an_empty_batch_and_what_is_no_batch_are_refused(endpoint: RunningEndpoint, rows: Any) -> None:
    assert _error(endpoint.predict(rows), 422)["faults"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"1",
        b"{}",
        b"\xef\xbb\xbf{}",
        b"{'rows': []}",
        b'{"rows": [], "inputs": []}garbage',
        b'{"rows": [{"carrier": "\xff"}]}',
        '{"inputs": []}'.encode("utf-16"),
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": %s}' % (b"1" * 5000),
        b'{"a": "\\ud800"}',
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 100_000,
        b'{"rows": [{"a": 1, "a": 2}]}',
        b'{"inputs": [], "inputs": []}',
        b'{"inputs": [{"name": "x", "name": "y"}]}',
        b'{"' + b"x" * 1_000_000 + b'": 1}',
        b'{"rows": [], %s "x199999": 1}' % b" ".join(b'"x%d": 1,' % number for number in range(200_000)),
    ],
)
def test_what_is_not_strict_json_is_refused_by_both_protocols(endpoint: RunningEndpoint, body: bytes) -> None:
    _error(endpoint.post(PREDICT, body), 400)
    _error(endpoint.post(INFER, body), 400)


def test_text_with_colons_is_no_member_that_occurs_twice(endpoint: RunningEndpoint) -> None:
    assert endpoint.predict([{**ROW, "carrier": "a:b::c"}]).status_code == 200


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"shape": [3]}, "asks for 3 values, its data has 2 values"),
        ({"shape": [-1]}, "not an array of sizes"),
        ({"shape": [2**31, 2**31]}, "not [n] or [n, 1]"),
        ({"shape": [10**9]}, "asks for 1000000000 values"),
        ({"shape": [True]}, "not an array of sizes"),
        ({"datatype": "FP128"}, "which is none of"),
        ({"datatype": "BYTES"}, "this input is INT64"),
        ({"data": [5]}, "its data has 1 values"),
        ({"data": "5"}, "it has no 'data' array"),
        ({"data": [5, 2**63]}, "outside of the range of int64"),
        ({"name": "hours"}, "there is no input 'hours'"),
        ({"binary_data_size": 4}, "a tensor has no member"),
    ],
)
def test_a_tensor_that_does_not_fit_is_explained(
    endpoint: RunningEndpoint, change: dict[str, Any], problem: str
) -> None:
    inputs = [*TENSORS[:2], {"name": "hour", "shape": [2], "datatype": "INT64", "data": [5, 17], **change}]

    body = _error(endpoint.client.post(INFER, json={"inputs": inputs}), 400)

    assert any(problem in fault["problem"] for fault in body["faults"])


@pytest.mark.parametrize("inputs", [None, {}, [], [None], [{}], "x", TENSORS + TENSORS[:1], TENSORS[1:]])
def test_inputs_that_are_no_set_of_tensors_are_refused(endpoint: RunningEndpoint, inputs: Any) -> None:
    assert _error(endpoint.client.post(INFER, json={"inputs": inputs}), 400)["faults"]


def test_an_empty_batch_of_tensors_is_refused(endpoint: RunningEndpoint) -> None:
    empty = [{**tensor, "shape": [0], "data": []} for tensor in TENSORS]

    body = _error(endpoint.client.post(INFER, json={"inputs": empty}), 400)

    assert "the batch is empty" in body["faults"][0]["problem"]


@pytest.mark.parametrize(
    "members",
    [
        {"id": 1.5},
        {"id": None},
        {"id": {}},
        {"id": "a\r\nb"},
        {"id": "A" * 257},
        {"id": ""},
        {"outputs": [{"name": "nope"}]},
        {"outputs": [{}]},
        {"outputs": "x"},
        {"outputs": [{"name": "answer"}] * 1000},
        {"outputs": [{"name": "answer", "parameters": 1}]},
        {"parameters": "x"},
        {"parameters": {"a": {}}},
        {"parameters": {"binary_data_output": "maybe"}},
        {"output": []},
    ],
)
def test_members_of_an_inference_request_are_checked(
    endpoint: RunningEndpoint, members: dict[str, Any]
) -> None:
    _error(endpoint.client.post(INFER, json={"inputs": TENSORS, **members}), 400)


def test_parameters_of_other_servers_are_ignored_when_they_are_plain(endpoint: RunningEndpoint) -> None:
    asked = {
        "inputs": TENSORS,
        "outputs": [{"name": "answer"}],
        "parameters": {"binary_data_output": True, "x": 1},
    }

    assert endpoint.client.post(INFER, json=asked).status_code == 200


def test_tensors_as_raw_bytes_are_not_offered(endpoint: RunningEndpoint) -> None:
    headers = {"Inference-Header-Content-Length": "-1"}

    _error(endpoint.client.post(INFER, json={"inputs": TENSORS}, headers=headers), 415)


@pytest.mark.parametrize("ids", [["a"], "ab", [None, "b"], ["a\n", "b"], [1.5, "b"], ["A" * 257, "b"], {}])
def test_ids_of_rows_are_checked(endpoint: RunningEndpoint, ids: Any) -> None:
    assert "ids" in _error(endpoint.predict([ROW, ROW], ids=ids), 400)["error"]


def test_a_misspelt_member_is_refused_with_the_nearest(endpoint: RunningEndpoint) -> None:
    body = _error(endpoint.post(PREDICT, b'{"row": [{}]}'), 400)

    assert body["hint"] == "Did you mean 'rows'?"


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_a_body_of_ten_megabytes_is_refused_and_the_client_reads_why(
    endpoint: RunningEndpoint, path: str
) -> None:
    body = _error(endpoint.post(path, b'{"rows": "' + b"x" * 10_000_000 + b'"}'), 413)

    assert "larger than 8388608 bytes" in body["error"]


def test_too_many_rows_are_refused_before_they_are_decoded(endpoint: RunningEndpoint) -> None:
    body = _error(endpoint.post(PREDICT, b'{"rows": [' + b"{}," * 100_000 + b"{}]}"), 413)

    assert "may have 100000 rows, this one has 100001" in body["error"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/models/delay/predict", "Did you mean 'delays'?"),
        ("/v2/models/delay/infer", "Did you mean 'delays'?"),
        ("/v2/models/other/infer", "Known: delays."),
        ("/v2/models/delays/versions/2/infer", "Version 1 is."),
    ],
)
def test_an_unknown_model_or_version_is_named_with_the_nearest(
    endpoint: RunningEndpoint, path: str, hint: str
) -> None:
    assert _error(endpoint.post(path, b"{}"), 404)["hint"] == hint


@pytest.mark.parametrize(
    "version", ["999", "-1", "0", "01", "1e0", "latest", "1.0", "\u0661", "", "..%2f1", "%31"]
)
def test_a_version_is_spelt_in_one_way_only(endpoint: RunningEndpoint, version: str) -> None:
    _error(endpoint.post(f"/v2/models/delays/versions/{version}/infer", b"{}"), 404)


def test_the_live_version_is_served_under_its_number(endpoint: RunningEndpoint) -> None:
    reply = endpoint.client.post("/v2/models/delays/versions/1/infer", json={"inputs": TENSORS})

    assert reply.json()["model_version"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PREDICT, "POST"),
        ("DELETE", INFER, "POST"),
        ("PUT", "/v2/health/live", "GET, HEAD"),
        ("PATCH", "/", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_offered_names_those_that_are(
    endpoint: RunningEndpoint, method: str, path: str, allowed: str
) -> None:
    reply = endpoint.client.request(method, path)

    _error(reply, 405)
    assert reply.headers["allow"] == allowed


def _raise(*_: Any) -> None:
    raise ValueError("/etc/secret")


FAILURES: list[Callable[..., Any]] = [
    _raise,
    lambda *_: sys.exit(3),
    lambda given, _: given["hour"][:0],
    lambda given, _: given["hour"] * math.nan,
    lambda given, _: given["hour"] / 0.0,
    lambda given, _: pd.Series([object()] * len(given)),
    lambda given, _: np.zeros(len(given)),
    lambda *_: None,
    lambda *_: _forever(),
]


def _forever() -> int:
    return _forever() + 1


@pytest.mark.parametrize("fail", FAILURES)
def test_a_model_that_fails_costs_one_answer_and_not_the_server(
    endpoint: RunningEndpoint, fail: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with endpoint.serving(TinyBundle(2, compute=fail)):
        body = _error(endpoint.predict(ROWS), 500)

    assert "secret" not in json.dumps(body)
    assert [record.request_id for record in caplog.records if record.exc_info] == [body["request_id"]]
    assert endpoint.predict(ROWS).status_code == 200


def test_an_answer_that_is_not_a_number_is_named(endpoint: RunningEndpoint) -> None:
    with endpoint.serving(TinyBundle(2, compute=lambda given, _: given["distance"])):
        body = _error(endpoint.predict(ROWS), 500)

    assert body["error"] == "The model's answer cannot be sent: row 2, nan has no form in JSON."
