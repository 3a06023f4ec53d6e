"""A bundle that is small and real, and an endpoint that serves it on a free port of loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas as pd

from interlock.models.codec import AnswerSchema, Schema, answer_schema, infer_schema
from interlock.serving.endpoint import Endpoint, EndpointSettings
from interlock.serving.server import Server, listen, url_of
from interlock.stack.layout import Home

ROWS = [
    {"carrier": "UA", "distance": 1400.0, "hour": 5},
    {"carrier": "AA", "distance": 1089.5, "hour": 17},
    {"carrier": "B6", "distance": None, "hour": 23},
]


def flights() -> pd.DataFrame:
    return pd.DataFrame(ROWS).astype({"carrier": "str", "distance": "float64", "hour": "int64"})


def late(given: pd.DataFrame, version: int) -> pd.Series:
    """Answer in the hundreds of the version, so that an answer tells who gave it."""
    return (given["hour"] + 100.0 * version).rename("answer")


@dataclass
class TinyBundle:
    """A version whose answer to an hour is that hour plus 100 times its number."""

    version: int
    compute: Callable[[pd.DataFrame, int], Any] = late
    model: str = "delays"
    closed: bool = False
    calls: int = 0
    request_schema: Schema = field(default_factory=lambda: infer_schema(flights()))
    answer_schema: AnswerSchema = field(default_factory=lambda: answer_schema(late(flights(), 1)))

    @property
    def run_id(self) -> str:
        return f"delays/{self.version}"

    def predict(self, given: pd.DataFrame) -> Any:
        assert not self.closed
        self.calls += 1
        return self.compute(given, self.version)

    def reference_given(self) -> pd.DataFrame:
        return flights()

    def reference_answer(self) -> pd.Series:
        return late(flights(), self.version)

    def close(self) -> None:
        self.closed = True


@dataclass
class RunningEndpoint:
    """An endpoint in a thread of the test's process, and a client of it."""

    endpoint: Endpoint
    home: Home
    server: Server
    url: str
    thread: threading.Thread
    client: httpx.Client

    def predict(self, rows: list[Any], **members: Any) -> httpx.Response:
        return self.client.post("/models/delays/predict", json={"rows": rows, **members})

    def post(self, path: str, content: bytes) -> httpx.Response:
        return self.client.post(path, content=content, headers={"Content-Type": "application/json"})

    @contextmanager
    def serving(self, bundle: TinyBundle) -> Iterator[None]:
        """Let another version answer for a while."""
        self.endpoint.live.swap(bundle)
        try:
            yield
        finally:
            self.endpoint.live.swap(TinyBundle(1))

    def stop(self) -> None:
        self.client.close()
        self.server.stop()
        self.thread.join(10)
        self.endpoint.close()


def run_endpoint(home: Home, bundle: TinyBundle, **settings: Any) -> RunningEndpoint:
    """Serve a bundle, with the settings of an endpoint."""
    endpoint = Endpoint(home, bundle, EndpointSettings(drain_seconds=0.0, **settings))
    sock = listen("127.0.0.1", 0)
    server = Server(endpoint.guard, sock, drain_seconds=0.0, stopping=endpoint.stopping)
    thread = threading.Thread(target=server.serve_until_stopped)
    thread.start()
    url = url_of(sock)
    return RunningEndpoint(endpoint, home, server, url, thread, httpx.Client(base_url=url))
