"""HTTP as it comes off the socket: bounds on the head of a request, and errors in our own form."""

from __future__ import annotations

import asyncio
import secrets

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from interlock.serving.refusal import Refusal

MAX_HEAD = 64 * 1024
MAX_HEADERS = 100
HEAD_SECONDS = 10.0


class EndpointProtocol(HttpToolsProtocol):
    """Close connections whose request line and headers come too slowly, too long or malformed.

    uvicorn bounds neither the size of a head nor the time that it may take.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._in_head = True
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and count it while it belongs to a head."""
        was_in_head = self._in_head
        if was_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and was_in_head and not self.transport.is_closing():
            if self._head_bytes > MAX_HEAD:
                self._refuse(Refusal(431, "The headers are too large."))
            else:
                self._arm()

    def on_headers_complete(self) -> None:
        """Leave the head, or refuse it when it came in one piece and is too large."""
        self._in_head = False
        self._disarm()
        if len(self.headers) > MAX_HEADERS or (self._head_bytes > MAX_HEAD and self._head_size() > MAX_HEAD):
            raise ValueError("the head is too large")
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self._refuse(Refusal(400, msg))

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        # uvicorn declares the cycle as never None, and begins with None
        busy = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]
        if not busy:
            self._refuse(Refusal(408, "The headers did not arrive in time."))

    def _refuse(self, refusal: Refusal) -> None:
        if self.transport.is_closing():
            return
        body = refusal.body(secrets.token_hex(8))
        head = (
            b"content-type: application/json\r\ncontent-length: %d\r\nx-content-type-options: nosniff\r\n"
            b"cache-control: no-store\r\nconnection: close\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[refusal.status] + head + body)
        self.transport.close()
