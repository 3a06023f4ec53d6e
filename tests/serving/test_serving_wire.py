"""Bytes on a socket that no HTTP library would send."""

from __future__ import annotations

import json
import socket
import struct
from urllib.parse import urlsplit

import pytest
from serving_sample import ROWS, RunningEndpoint

from interlock.serving import wire

POST = b"POST /models/delays/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n"


def _connect(endpoint: RunningEndpoint) -> socket.socket:
    address = urlsplit(endpoint.url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def _exchange(endpoint: RunningEndpoint, data: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    with _connect(endpoint) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def _status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"get /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"A" * 10_000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        LIVE + b"X\0Y: 1\r\n\r\n",
        LIVE + b"X Y: 1\r\n\r\n",
        POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}",
        POST + b"Content-Length: +4\r\n\r\n{}  ",
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n{}",
        b"GET http://localhost:x/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"".join([LIVE, *(b"X-%d: 1\r\n" % number for number in range(10_000)), b"\r\n"]),
        b"".join([LIVE, *(b"X-%d: 1\r\n" % number for number in range(200)), b"\r\n"]),
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_what_is_not_quite_http_gets_one_error_in_json(endpoint: RunningEndpoint, data: bytes) -> None:
    reply = _exchange(endpoint, data)

    head, _, body = reply.partition(b"\r\n\r\n")
    assert _status(reply) in (400, 431)
    assert b"connection: close" in head
    told = json.loads(body)
    assert set(told) <= {"error", "request_id", "hint"}
    assert b"x-request-id: %s\r\n" % told["request_id"].encode() in head
    assert endpoint.predict(ROWS).status_code == 200


def test_a_header_of_a_megabyte_is_refused_before_it_is_held(endpoint: RunningEndpoint) -> None:
    with _connect(endpoint) as sock:
        sock.sendall(LIVE + b"X: " + b"A" * (wire.MAX_HEAD + 1))
        reply = sock.recv(65536)

    assert _status(reply) == 431


def test_a_length_far_over_the_limit_is_refused_before_the_body(endpoint: RunningEndpoint) -> None:
    with _connect(endpoint) as sock:
        sock.sendall(POST + b"Content-Length: 10737418240\r\n\r\n{")
        reply = sock.recv(65536)

    assert _status(reply) == 413
    assert b"connection: close" in reply


def test_an_endless_body_is_refused_where_the_limit_is_crossed(endpoint: RunningEndpoint) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with _connect(endpoint) as sock:
        sock.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 130)
        reply = sock.recv(65536)

    assert _status(reply) == 413


def test_trailers_are_no_headers(endpoint: RunningEndpoint) -> None:
    asked = json.dumps({"rows": ROWS}).encode()
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(asked), asked)
    trailers = b"Host: evil.example\r\nX-Request-Id: theirs\r\n"

    reply = _exchange(endpoint, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + trailers + b"\r\n")

    assert _status(reply) == 200
    assert b"theirs" not in reply


@pytest.mark.parametrize("start", [b"2;a=", b"2\r\n{}\r\n0\r\nX: "])
def test_what_goes_on_around_a_body_without_end_is_refused(endpoint: RunningEndpoint, start: bytes) -> None:
    with _connect(endpoint) as sock:
        sock.sendall(POST + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        assert _status(sock.recv(65536)) == 100
        sock.sendall(start + b"x" * (wire.MAX_HEAD + 100))
        reply = sock.recv(65536)

    assert _status(reply) == 400


def test_a_client_that_ends_its_side_after_asking_is_answered(endpoint: RunningEndpoint) -> None:
    body = json.dumps({"rows": ROWS}).encode()

    reply = _exchange(endpoint, POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    assert _status(reply) == 200
    assert b"105.0" in reply


def test_nonsense_after_a_request_gets_no_answer_that_could_be_taken_for_the_first(
    endpoint: RunningEndpoint,
) -> None:
    body = json.dumps({"rows": ROWS}).encode()

    reply = _exchange(endpoint, POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"\0\0\0\0\r\n\r\n")

    assert b"400" not in reply


def test_a_request_that_offers_another_protocol_is_answered_in_this_one(endpoint: RunningEndpoint) -> None:
    reply = _exchange(endpoint, LIVE + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")

    assert _status(reply) == 200
    assert b"connection: close" in reply


def test_a_client_that_does_not_take_its_answers_is_let_go(
    endpoint: RunningEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "TAKE_SECONDS", 0.1)
    with _connect(endpoint) as sock, pytest.raises(ConnectionError):
        _ask_without_end(sock)

    assert endpoint.predict(ROWS).status_code == 200


def _ask_without_end(sock: socket.socket) -> None:
    while True:
        sock.sendall((LIVE + b"\r\n") * 1000)


def test_a_slow_head_is_closed_and_others_are_served_meanwhile(
    endpoint: RunningEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
    slow = [_connect(endpoint) for _ in range(50)]
    for sock in slow:
        sock.sendall(b"GET /v2/health/live HTT")

    assert endpoint.predict(ROWS).status_code == 200
    for sock in slow:
        assert _status(sock.recv(65536)) == 408
        assert sock.recv(1) == b""
        sock.close()


def test_clients_that_vanish_leave_nothing_behind(endpoint: RunningEndpoint) -> None:
    body = json.dumps({"rows": ROWS}).encode()
    for cut in range(0, len(body), 3):
        with _connect(endpoint) as sock:
            sock.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body[: cut or None])
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert endpoint.predict(ROWS).status_code == 200
    assert endpoint.endpoint.pool.busy == 0
