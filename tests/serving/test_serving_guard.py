"""The guard, around an application that says yes to everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from interlock.serving.guard import Guard, Policy
from interlock.serving.guard_checks import LOOPBACK_NAMES, opening

TOKENS = {b"reader": "read", b"asker": "infer", b"boss": "admin"}
JSON = {"Content-Type": "application/json"}
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


async def _yes(request: Request) -> JSONResponse:
    return JSONResponse({"got": len(await request.body())})


def _guard(max_body: int = 1000) -> Guard:
    app = Router([Route("/{any:path}", _yes, methods=EVERY_METHOD)], redirect_slashes=False)
    openings = (opening("GET HEAD", "/open"), opening("POST", "/ask"))
    return Guard(app, Policy(LOOPBACK_NAMES | {"models.example"}, openings, TOKENS.get, max_body=max_body))


def _send(
    method: str, path: str, headers: Mapping[str, str] | None = None, content: bytes = b"", **options: int
):
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(_guard(**options))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            return await client.request(method, path, headers=headers, content=content or None)

    return asyncio.run(send())


@pytest.mark.parametrize("method", [*EVERY_METHOD, "OPTIONS", "TRACE"])
def test_a_path_that_is_not_on_the_list_needs_a_token(method: str) -> None:
    reply = _send(method, "/api/runs")

    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert set(reply.json()) == {"error", "request_id", "hint"}


@pytest.mark.parametrize(("token", "status"), [("reader", 403), ("asker", 200), ("boss", 200)])
def test_a_token_may_do_what_its_scope_says(token: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {token}", **JSON}

    assert _send("POST", "/api/runs", headers, b"{}").status_code == status
    assert _send("GET", "/api/runs", headers).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer null",
        "Bearer askerx",
        "Bearer aske",
        "bearer ASKER",
        "Token asker",
        "asker",
    ]
    + ["Basic OmFza2Vy", "Bearer " + "A" * 100_000, "Bearer asker asker"],
)
def test_a_near_miss_of_a_token_is_refused(value: str) -> None:
    assert _send("GET", "/api/runs", {"Authorization": value}).status_code == 401


def test_a_peer_with_many_wrong_tokens_is_slowed_and_the_right_one_still_opens() -> None:
    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(_guard())
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            tokens = [*(f"wrong{number}" for number in range(40)), "reader"]
            return [await client.get("/x", headers={"Authorization": f"Bearer {token}"}) for token in tokens]

    replies = asyncio.run(send())
    assert [reply.status_code for reply in replies] == [401] * 30 + [429] * 10 + [200]
    assert replies[30].headers["retry-after"] == "60"


def test_a_token_outside_of_ascii_is_refused_like_any_other() -> None:
    async def send() -> httpx.Response:
        request = httpx.Request(
            "GET", "http://localhost/x", headers=[(b"Authorization", "Bearer é".encode())]
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(_guard())) as client:
            return await client.send(request)

    assert asyncio.run(send()).status_code == 401


def test_another_method_on_an_open_path_is_not_offered() -> None:
    reply = _send("DELETE", "/open")

    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000", "models.example:443"],
)
def test_the_names_of_the_server_are_accepted_with_any_port(host: str) -> None:
    assert _send("GET", "/open", {"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "169.254.169.254",
    ]
    + ["[::1].evil.example", "127.0.0.1:8000@evil.example", "127.0.0.1 evil.example", "", "localhost:"],
)
def test_any_other_host_is_refused_before_routing(host: str) -> None:
    for path in ("/open", "/nowhere"):
        reply = _send("GET", path, {"Host": host})
        assert reply.status_code == 421
        assert "got" not in reply.json()


def test_two_host_headers_are_refused() -> None:
    async def send() -> httpx.Response:
        request = httpx.Request(
            "GET", "http://localhost/open", headers=[("Host", "localhost"), ("Host", "evil")]
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(_guard())) as client:
            return await client.send(request)

    assert asyncio.run(send()).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}]
    + [{"Origin": "null"}, {"Origin": "http://localhost:1"}, {"Origin": "localhost:8000"}],
)
def test_another_site_may_not_send_what_has_an_effect(headers: dict[str, str]) -> None:
    assert _send("POST", "/ask", {**headers, **JSON}, b"{}").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost:8000"}],
)
def test_our_own_pages_and_clients_without_a_browser_may(headers: dict[str, str]) -> None:
    assert _send("POST", "/ask", {**headers, **JSON}, b"{}").json() == {"got": 2}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json"]
    + ["application/json; charset=utf-7", "application/x-pickle", "application/octet-stream"],
)
def test_a_body_must_be_json(content_type: str) -> None:
    assert _send("POST", "/ask", {"Content-Type": content_type}, b"{}").status_code == 415


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=UTF-8"])
def test_json_is_json_however_it_is_spelt(content_type: str) -> None:
    assert _send("POST", "/ask", {"Content-Type": content_type}, b"{}").status_code == 200


def test_a_compressed_body_is_refused() -> None:
    assert _send("POST", "/ask", {**JSON, "Content-Encoding": "gzip"}, b"x").status_code == 415


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
def test_a_body_over_the_limit_is_refused(size: int, status: int) -> None:
    assert _send("POST", "/ask", JSON, b"x" * size, max_body=100).status_code == status


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/open"), ("GET", "/secret"), ("POST", "/ask"), ("PUT", "/x")]
)
def test_every_response_carries_the_security_headers(method: str, path: str) -> None:
    headers = _send(method, path).headers

    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2:3", True), ("a b", False), ("x" * 129, False), ("<b>", False)]
)
def test_a_request_id_is_kept_when_it_is_harmless(given: str, kept: bool) -> None:
    reply = _send("GET", "/open", {"X-Request-Id": given})

    assert (reply.headers["x-request-id"] == given) is kept
    assert reply.headers["x-request-id"]


def test_a_websocket_is_not_let_in() -> None:
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(_guard()({"type": "websocket", "headers": [], "path": "/open"}, None, send))

    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_failure_of_our_own_shows_no_traceback() -> None:
    async def fail(scope, receive, send) -> None:
        raise ValueError("/etc/secret")

    guard = Guard(fail, Policy(LOOPBACK_NAMES, (opening("GET", "/"),), TOKENS.get))

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard)) as client:
            return await client.get("http://localhost/")

    reply = asyncio.run(send())
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


def _stream(policy: dict[str, float], pause: float = 0.0) -> httpx.Response:
    """Send a body in ten pieces to a guard with a changed policy."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(pause)
            yield b"x" * 10

    async def send() -> httpx.Response:
        guard = _guard()
        guard.policy = replace(guard.policy, **policy)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard)) as client:
            return await client.post("http://localhost/ask", headers=JSON, content=pieces())

    return asyncio.run(send())


@pytest.mark.parametrize(("limit", "status"), [(100, 200), (99, 413)])
def test_a_body_in_pieces_is_measured_as_a_whole(limit: int, status: int) -> None:
    assert _stream({"max_body": limit}).status_code == status


def test_bodies_that_are_too_large_together_are_asked_to_come_later() -> None:
    reply = _stream({"max_pending": 50})

    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", ["/secret", "/open"])
def test_a_body_that_nobody_reads_ends_the_connection(path: str) -> None:
    headers = _send("POST", path, {"Content-Type": "text/plain"}, b"x").headers

    assert headers["connection"] == "close"


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    reply = _stream({"body_seconds": 0.02}, pause=0.01)

    assert (reply.status_code, reply.headers["connection"]) == (408, "close")
