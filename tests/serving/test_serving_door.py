from __future__ import annotations

import json
import logging
import socket
import sys

import pytest

from interlock.serving.door import hold_new_connections
from interlock.serving.logs import JsonLines
from interlock.serving.server import listen, url_of


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can hold new connections back")
def test_held_connections_cannot_come_and_those_that_came_are_kept() -> None:
    with listen("127.0.0.1", 0) as door, socket.create_connection(door.getsockname()) as inside:
        assert hold_new_connections(door)
        with pytest.raises(TimeoutError):
            socket.create_connection(door.getsockname(), timeout=0.2)

        accepted, _ = door.accept()
        inside.sendall(b"asked")
        assert accepted.recv(100) == b"asked"
        accepted.close()


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://"), ("0.0.0.0", "http://127.0.0.1:")],
)
def test_the_address_is_one_that_a_client_here_can_use(host: str, url: str) -> None:
    with listen(host, 0) as door:
        assert url_of(door) == f"{url_of(door).rpartition(':')[0]}:{door.getsockname()[1]}"
        assert url_of(door).startswith(url)


def test_a_log_line_is_one_line_whatever_a_client_wrote() -> None:
    record = logging.makeLogRecord(
        {"name": "interlock.serving", "levelname": "WARNING", "msg": "request refused"}
        | {"path": "ok\r\n2026 CRITICAL all clear\x1b[2K", "status": 404, "reason": object}
    )

    line = JsonLines().format(record)

    assert line.isprintable()
    assert json.loads(line)["path"] == "ok\r\n2026 CRITICAL all clear\x1b[2K"
    assert json.loads(line)["status"] == 404


def test_a_traceback_is_part_of_the_line() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        record = logging.makeLogRecord({"msg": "request failed", "exc_info": sys.exc_info()})

    members = json.loads(JsonLines().format(record))

    assert members["message"] == "request failed"
    assert "ValueError: why" in members["traceback"]
