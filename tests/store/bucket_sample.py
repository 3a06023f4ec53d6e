"""A real S3 on loopback, and a proxy before it that does to answers what networks do."""

from __future__ import annotations

import http.client
import logging
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from interlock.store.bucket_store import BucketStore
from interlock.store.near import NearStore
from interlock.store.objects import Objects
from interlock.store.pace import PACE, Pace

Fault = Literal["500", "503", "reset", "lost", "slow", "cut", "short", "flip"]
"""`lost`: it is done, and the answer does not arrive. `short` and `flip` look like good answers."""

BUCKET = "shelf"


@contextmanager
def s3_server() -> Iterator[str]:
    """Run an S3 with one bucket and give its address."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket=BUCKET)
        yield url
    finally:
        server.stop()


def aws_variables(url: str) -> dict[str, str]:
    """Return the variables by which a client finds an S3."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
    }


def bucket_store(
    name: str, folder: Path, *, limit: int = 10**9, pace: Pace = PACE, objects: Objects | None = None
) -> BucketStore:
    """Open a store below a prefix of the bucket; the variables must be set."""
    near = NearStore(folder / "near", limit)
    return BucketStore(objects or Objects.open(f"s3://{BUCKET}/{name}"), near, folder / "cache", pace=pace)


class Weather:
    """What the proxy does to which answers.

    Attributes:
        rate: The part of all requests that is met by a fault.
        faults: What may happen.
        met: How often each of them happened.
    """

    def __init__(self, rate: float, faults: Sequence[Fault], seed: int = 7) -> None:
        self.rate = rate
        self.faults = faults
        self.met: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def now(self, method: str) -> Fault | None:
        """Draw what happens to a request; bytes are only changed on their way to the client."""
        with self._lock:
            if self._chance.random() >= self.rate:
                return None
            possible = [one for one in self.faults if method == "GET" or one not in ("cut", "short", "flip")]
            if not possible:
                return None
            fault = self._chance.choice(possible)
            self.met[fault] += 1
            return fault


@contextmanager
def proxy(upstream: str, weather: Weather) -> Iterator[str]:
    """Run a proxy before an S3 and give its address."""
    place = upstream.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = weather.now(self.command)
            if fault == "reset":
                return self._reset()
            if fault in ("500", "503"):
                return self._answer(int(fault), {}, b"<Error><Code>InternalError</Code></Error>")
            if fault == "slow":
                time.sleep(0.3)
            status, headers, data = self._ask(body)
            if fault == "lost":
                return self._reset()
            if not 200 <= status < 300 or not data:
                return self._answer(status, headers, data)
            if fault == "cut":
                self._head(status, headers, len(data))
                self.wfile.write(data[: len(data) // 2])
                return self._reset()
            if fault == "short":
                data = data[: len(data) // 2]
            if fault == "flip" and "xml" not in headers.get("Content-Type", ""):
                data = data[:-1] + bytes([data[-1] ^ 1])
            return self._answer(status, headers, data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815 - the names that the library asks for

        def _ask(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            link = http.client.HTTPConnection(place, timeout=60)
            try:
                link.request(self.command, self.path, body, dict(self.headers.items()))
                answer = link.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            finally:
                link.close()

        def _head(self, status: int, headers: Mapping[str, str], length: int) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            if self.command == "HEAD":
                length = int({k.lower(): v for k, v in headers.items()}.get("content-length", 0))
            if status != http.HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        def _answer(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
            self._head(status, headers, len(data))
            if self.command != "HEAD":
                self.wfile.write(data)

        def _reset(self) -> None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.wfile.flush()
            self.connection.close()

        def finish(self) -> None:
            """Close what a reset has not closed yet."""
            with suppress(OSError, ValueError):
                super().finish()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Say nothing: clients go away as they like."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
