"""Every route of the running application: closed without a token, closed to other hosts."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from serving_sample import ROWS, RunningEndpoint
from starlette.routing import Route

from interlock.serving.tokens import create_token
from interlock.stack.layout import Home

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
OPEN_EVERYWHERE = {"/v2/health/live", "/v2/health/ready"}
OPEN_ON_LOOPBACK = {
    "/", "/docs", "/openapi.json", "/metrics", "/v2", "/v2/models/delays", "/v2/models/delays/ready",
    "/v2/models/delays/versions/1", "/v2/models/delays/versions/1/ready",
}  # fmt: skip
ASKING = {"/models/delays/predict", "/v2/models/delays/infer", "/v2/models/delays/versions/1/infer"}


def _paths(endpoint: RunningEndpoint) -> list[str]:
    """Return a path for each route, read from the router that answers; anything but a plain route fails here."""
    routes: list[Any] = endpoint.endpoint.guard.app.routes
    assert all(type(route) is Route for route in routes)
    return [re.sub("{version}", "1", re.sub("{model}", "delays", route.path)) for route in routes]


def _reached(client: httpx.Client, method: str, path: str, **headers: str) -> bool:
    """Return whether the application behind the guard, not the guard itself, answered."""
    return client.request(method, path, headers=headers).status_code not in (401, 403, 405, 421)


def test_the_lists_of_this_test_name_every_route(endpoint: RunningEndpoint) -> None:
    assert set(_paths(endpoint)) == OPEN_EVERYWHERE | OPEN_ON_LOOPBACK | ASKING


def test_with_a_token_required_only_health_is_open(start: Callable[..., RunningEndpoint]) -> None:
    endpoint = start(require_token=True)

    reached = {(m, path) for path in _paths(endpoint) for m in METHODS if _reached(endpoint.client, m, path)}

    assert reached == {(method, path) for method in ("GET", "HEAD") for path in OPEN_EVERYWHERE}


def test_on_loopback_reading_and_asking_are_open_and_nothing_else(endpoint: RunningEndpoint) -> None:
    reached = {(m, path) for path in _paths(endpoint) for m in METHODS if _reached(endpoint.client, m, path)}

    reading = {(method, path) for method in ("GET", "HEAD") for path in OPEN_EVERYWHERE | OPEN_ON_LOOPBACK}
    assert reached == reading | {("POST", path) for path in ASKING}


def test_no_route_answers_to_another_host(endpoint: RunningEndpoint) -> None:
    for path in [*_paths(endpoint), "/nowhere", "/v2/nowhere"]:
        for method in METHODS:
            reply = endpoint.client.request(method, path, headers={"Host": "evil.example"})
            assert reply.status_code == 421, (method, path)


@pytest.mark.parametrize(("scope", "asks"), [("infer", 200), ("admin", 200), ("read", 403)])
def test_a_token_opens_what_its_scope_allows(
    start: Callable[..., RunningEndpoint], home: Home, scope: str, asks: int
) -> None:
    endpoint = start(require_token=True)
    endpoint.client.headers["Authorization"] = f"Bearer {create_token(home, scope)}"

    assert endpoint.client.get("/v2/models/delays").status_code == 200
    assert endpoint.predict(ROWS).status_code == asks
    assert endpoint.client.get("/nowhere").status_code == 404


def test_a_configured_name_is_answered_to(start: Callable[..., RunningEndpoint]) -> None:
    endpoint = start(allowed_hosts=("models.example",))

    assert endpoint.client.get("/v2", headers={"Host": "Models.example:443"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/repository/models/delays/load"),
        ("POST", "/v2/logging"),
        ("GET", "/v2/trace/setting"),
        ("GET", "/debug"),
        ("POST", "/v2/systemsharedmemory/region/x/register"),
    ],
)
def test_control_routes_of_other_servers_do_not_exist(
    endpoint: RunningEndpoint, method: str, path: str
) -> None:
    assert endpoint.client.request(method, path).status_code == 401

    token = create_token(endpoint.home, "admin")

    assert (
        endpoint.client.request(method, path, headers={"Authorization": f"Bearer {token}"}).status_code == 404
    )


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/..%2f..%2fetc/infer",
        "/v2/models/../../x/infer",
        "/v2/models/delays/versions/1%2f..%2f..%2fx/infer",
    ],
)
def test_a_path_that_climbs_leads_nowhere(endpoint: RunningEndpoint, path: str) -> None:
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"))  # sends a path as it is
    connection.request("POST", path, b"{}", {"Content-Type": "application/json"})

    assert connection.getresponse().status == 404
    connection.close()


def test_no_answer_lets_another_origin_read_it(endpoint: RunningEndpoint) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for method, path in [
        ("OPTIONS", "/models/delays/predict"),
        ("GET", "/v2"),
        ("POST", "/models/delays/predict"),
    ]:
        reply = endpoint.client.request(method, path, headers=headers)
        assert not [name for name in reply.headers if name.startswith("access-control")]
