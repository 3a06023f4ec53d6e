"""uvicorn, on a socket of ours, with an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import ClassVar

import uvicorn

from interlock.errors import InterlockError
from interlock.serving.door import hold_new_connections
from interlock.serving.guard import Guard
from interlock.serving.wire import EndpointProtocol

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_BACKLOG = 2048
_SETTLE_SECONDS = 0.2
_HANDSHAKE_SECONDS = 0.05


class CannotListen(InterlockError):
    """The address to serve on cannot be had."""

    exit_code: ClassVar[int] = 2

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Cannot listen on {host}:{port}: {reason}.",
            hint="Give another port, or 0 for any free one.",
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free one.

    Raises:
        CannotListen: The port is taken, or the address is none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        sock = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise CannotListen(host, port, getattr(error, "strerror", None) or str(error)) from error
    sock.setblocking(False)  # noqa: FBT003 - the name of the method says it
    return sock


def url_of(sock: socket.socket) -> str:
    """Return the address of a listening socket as a client on this machine writes it."""
    host, port = sock.getsockname()[:2]
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound
    host = loopback.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serve until told to stop, then lose nobody who was already let in.

    At the signal every answer begins to carry `Connection: close`, while new connections are still taken:
    clients that keep their connections let go of them at a moment of their own choice, not in the middle of
    a request. Then the socket closes, and what has been accepted is answered.

    Args:
        guard: The application.
        sock: Where it listens.
        drain_seconds: How long clients have to let go.
        stopping: Called when the end begins.
    """

    def __init__(
        self,
        guard: Guard,
        sock: socket.socket,
        *,
        drain_seconds: float = 0.3,
        stop_seconds: int = 30,
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                guard,
                http=EndpointProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=stop_seconds,
            )
        )
        self._guard = guard
        self._sock = sock
        self._drain_seconds = drain_seconds
        self._stopping = stopping

    def serve_until_stopped(self) -> None:
        """Serve, blocking; return after SIGTERM, SIGINT or `stop` when everything accepted is answered."""
        self.run(sockets=[self._sock])

    def stop(self) -> None:
        """Ask a server in another thread to end."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that mean stop, without passing them on afterwards: a clean end exits with 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order: let go, close the door, answer who is inside."""
        self._stopping()
        self._guard.closing = True
        if self.server_state.connections:
            await asyncio.sleep(self._drain_seconds)
        if hold_new_connections(self._sock):
            await asyncio.sleep(_HANDSHAKE_SECONDS)
        await self._take_in_the_last()
        for server in self.servers:
            server.close()
        self._sock.close()
        await self._settle()
        await super().shutdown(sockets)

    async def _take_in_the_last(self) -> None:
        """Accept what the kernel has accepted already; closing the socket would reset it."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = self._sock.accept()
            except OSError:
                return
            connection.setblocking(False)  # noqa: FBT003 - as above
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> EndpointProtocol:
        return EndpointProtocol(config=self.config, server_state=self.server_state, app_state={})

    async def _settle(self) -> None:
        """Give connections that were just taken in the time to say what they want."""
        until = asyncio.get_running_loop().time() + _SETTLE_SECONDS
        # uvicorn keeps its connections in a set that nobody can wait for
        while self.server_state.connections and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self.should_exit = True
