"""What an endpoint says about itself: OpenAPI, the page, health, metadata, metrics."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema
import numpy as np
import pandas as pd
import pytest
from serving_sample import ROWS, RunningEndpoint, TinyBundle

from interlock.models.codec import answer_schema, infer_schema


def _schema(document: dict[str, Any], path: str, *keys: str) -> jsonschema.Draft202012Validator:
    found = document["paths"][path]["post"]
    for key in (*keys, "content", "application/json", "schema"):
        found = found[key]
    return jsonschema.Draft202012Validator({**found, "components": document["components"]})


def test_the_document_describes_what_is_asked_and_answered(endpoint: RunningEndpoint) -> None:
    document = endpoint.client.get("/openapi.json").json()
    path = "/models/delays/predict"

    assert document["openapi"] == "3.1.0"
    asked = _schema(document, path, "requestBody")
    assert asked.is_valid({"rows": ROWS, "ids": ["a", "b", 3]})
    assert not asked.is_valid({"rows": [{**ROWS[0], "hour": "x"}]})
    assert not asked.is_valid({"rows": []})
    _schema(document, path, "responses", "200").validate(endpoint.predict(ROWS).json())
    _schema(document, path, "responses", "422").validate(endpoint.predict([{}]).json())


@pytest.mark.parametrize("path", ["/models/delays/predict", "/v2/models/delays/infer"])
def test_the_examples_of_the_document_are_answered(endpoint: RunningEndpoint, path: str) -> None:
    document = endpoint.client.get("/openapi.json").json()
    example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]

    assert endpoint.client.post(path, json=example).status_code == 200


@pytest.mark.parametrize("given", [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 2]), [1.5, 2.5]])
def test_models_of_arrays_and_lists_are_described_and_served(endpoint: RunningEndpoint, given: Any) -> None:
    def total(rows: Any, _: int) -> Any:
        return np.asarray(rows, dtype=float).reshape(len(rows), -1).sum(axis=1)

    schema, answers = infer_schema(given), answer_schema(total(given, 1))
    bundle = TinyBundle(2, compute=total, request_schema=schema, answer_schema=answers)

    with endpoint.serving(bundle):
        test_the_examples_of_the_document_are_answered(endpoint, "/models/delays/predict")
        test_the_examples_of_the_document_are_answered(endpoint, "/v2/models/delays/infer")
        assert endpoint.client.get("/docs").status_code == 200


def test_every_route_that_clients_use_is_in_the_document(endpoint: RunningEndpoint) -> None:
    document = endpoint.client.get("/openapi.json").json()

    for path, methods in document["paths"].items():
        for method in methods:
            assert endpoint.client.request(method, path).status_code not in (404, 405), path


def test_the_page_needs_nothing_from_elsewhere(endpoint: RunningEndpoint) -> None:
    reply = endpoint.client.get("/docs")
    style = re.search("<style>(.*)</style>", reply.text, re.DOTALL)

    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in reply.headers["content-security-policy"]
    assert "<script" not in reply.text
    assert not re.search(r'(src|href)="https?:', reply.text)
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]


def test_names_of_columns_are_text_on_the_page(endpoint: RunningEndpoint) -> None:
    schema = infer_schema(pd.DataFrame({"<img src=x onerror=alert(1)>": [1]}))
    with endpoint.serving(TinyBundle(2, request_schema=schema)):
        page = endpoint.client.get("/docs").text

    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_the_root_leads_to_the_page(endpoint: RunningEndpoint) -> None:
    assert endpoint.client.get("/").headers["location"] == "/docs"


def test_the_protocol_tells_server_model_and_health(endpoint: RunningEndpoint) -> None:
    get = endpoint.client.get
    assert get("/v2").json()["name"] == "interlock"
    assert get("/v2/health/live").json() == {"live": True}
    assert get("/v2/health/ready").json() == {"ready": True, "troubles": {}}
    assert get("/v2/models/delays/ready").json() == {"name": "delays", "ready": True}
    model = get("/v2/models/delays/versions/1").json()
    assert model["inputs"][2] == {"name": "hour", "datatype": "INT64", "shape": [-1]}
    assert model["outputs"] == [{"name": "answer", "datatype": "FP64", "shape": [-1]}]
    assert (model["versions"], model["pending_error"]) == (["1"], None)


def test_trouble_is_told_while_the_endpoint_stays_ready(endpoint: RunningEndpoint) -> None:
    endpoint.endpoint.status.report("pending", "Version 2 cannot be served: why.")

    reply = endpoint.client.get("/v2/health/ready")
    model = endpoint.client.get("/v2/models/delays").json()
    endpoint.endpoint.status.report("pending", "")

    assert (reply.status_code, reply.json()["ready"]) == (200, True)
    assert model["pending_error"] == "Version 2 cannot be served: why."


@pytest.mark.parametrize("part", ["store", "records"])
def test_an_endpoint_that_lacks_what_it_stands_on_is_not_ready_and_answers(
    endpoint: RunningEndpoint, part: str
) -> None:
    endpoint.endpoint.status.report(part, "It is gone.")

    ready = endpoint.client.get("/v2/health/ready")
    others = [
        endpoint.client.get(path).status_code for path in ("/v2/health/live", "/v2/models/delays/ready")
    ]
    answers = endpoint.predict(ROWS).status_code
    endpoint.endpoint.status.report(part, "")

    body = ready.json()
    assert (ready.status_code, body["ready"], body["troubles"]) == (503, False, {part: "It is gone."})
    assert body["request_id"] == ready.headers["x-request-id"]
    assert (others, answers) == ([200, 200], 200)
    assert endpoint.client.get("/v2/health/ready").status_code == 200


def test_metrics_count_requests_rows_and_errors(start: Callable[..., RunningEndpoint]) -> None:
    endpoint = start()
    endpoint.predict(ROWS)
    endpoint.predict([])
    endpoint.client.get("/nowhere")
    endpoint.endpoint.live.swap(TinyBundle(7, compute=lambda *_: None))
    endpoint.predict(ROWS)

    reply: httpx.Response = endpoint.client.get("/metrics")

    assert reply.headers["content-type"].startswith("text/plain")
    for line in [
        'interlock_requests_total{handler="predict",status="200"} 1.0',
        'interlock_requests_total{handler="predict",status="422"} 1.0',
        'interlock_requests_total{handler="none",status="401"} 1.0',
        "interlock_errors_total 1.0",
        'interlock_rows_total{model="delays",version="1"} 3.0',
        'interlock_request_seconds_count{handler="predict"} 3.0',
        'interlock_live_version{model="delays"} 7.0',
        'interlock_in_flight{model="delays"} 0.0',
    ]:
        assert f"{line}\n" in reply.text
