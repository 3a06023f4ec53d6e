"""HTTP as it comes off the socket: bounds on what surrounds a body, and errors in our own form."""

from __future__ import annotations

import asyncio
import logging
import secrets

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from interlock.serving.guard_checks import collect, has_body
from interlock.serving.refusal import Refusal

MAX_HEAD = 64 * 1024
MAX_HEADERS = 100
HEAD_SECONDS = 10.0
TAKE_SECONDS = 60.0
_WIRE_BYTES = 8
"""Bytes on the wire for one byte of a body that comes in chunks, at most: a chunk of one byte takes six."""

_log = logging.getLogger("interlock.serving")


class EndpointProtocol(HttpToolsProtocol):
    """Close connections whose request line and headers come too slowly, too long or malformed.

    uvicorn bounds neither the size of a head nor the time that it may take nor the number of requests that
    wait on one connection, takes trailers for headers, and loses the body of a request that offers to go on
    in another protocol.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._in_head = True
        self._head_bytes = self._wire_bytes = self._body_bytes = 0
        self._fault = _malformed()
        self._timer: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers with the connection."""
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and count it."""
        was_in_head = self._in_head
        if was_in_head:
            self._head_bytes += len(data)
        else:
            self._wire_bytes += len(data)
        self._parse(data)
        if self.transport.is_closing():
            return
        if self._in_head and was_in_head:
            self._wait_for_head()
        elif self._wire_bytes > MAX_HEAD + _WIRE_BYTES * self._body_bytes:
            self._refuse(Refusal(400, "There is too much around the body: chunk extensions or trailers."))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a client that has said all; one that stopped in the middle is gone."""
        if not self._busy():
            return False
        if self._in_head:
            self.cycle.keep_alive = False
            return True
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return False

    def pause_writing(self) -> None:
        """Give a client a while to take its answer."""
        super().pause_writing()
        self._taking = self.loop.call_later(TAKE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client takes its answer."""
        self._taken()
        super().resume_writing()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body is no header, whatever it says."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Leave the head, or refuse it when it came in one piece and is too large."""
        if len(self.headers) > MAX_HEADERS or (self._head_bytes > MAX_HEAD and self._head_size() > MAX_HEAD):
            self._fault = Refusal(431, "The headers are too large.")
            raise ValueError(self._fault.what)
        if self.parser.should_upgrade() and has_body(collect(self.headers)):
            self._fault = Refusal(
                400, "A request with a body cannot change the protocol.", hint="Leave the header Upgrade out."
            )
            raise ValueError(self._fault.what)
        super().on_headers_complete()
        self._in_head = False
        self._disarm()
        self._head_bytes = self._wire_bytes = self._body_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request; read no further ones while some that were read wait."""
        super().on_response_complete()
        if self.pipeline and not self.transport.is_closing():
            self.flow.pause_reading()

    def _parse(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # answered as if it had not asked; what follows is not read
        except httptools.HttpParserError:
            self._refuse(self._fault)

    def _wait_for_head(self) -> None:
        if self._head_bytes > MAX_HEAD:
            self._refuse(Refusal(431, "The headers are too large."))
        else:
            self._arm()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _busy(self) -> bool:
        # uvicorn declares the cycle as never None, and begins with None
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _too_slow(self) -> None:
        self._timer = None
        if not self._busy():
            self._refuse(Refusal(408, "The headers did not arrive in time."))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what is not HTTP and close; only close where the answer would be taken for another's."""
        if self.transport.is_closing():
            return
        request_id = secrets.token_hex(8)
        fields = {"request_id": request_id, "status": refusal.status, "reason": refusal.what}
        _log.warning("connection refused", extra=fields)
        if not self._answers_another():
            self.transport.write(_response(refusal, request_id))
        self.transport.close()

    def _answers_another(self) -> bool:
        """Return whether an earlier request waits for its answer, or this one has begun to get it."""
        if self._in_head:
            return self._busy()
        return bool(self.pipeline) or self.cycle.response_started


def _malformed() -> Refusal:
    return Refusal(400, "This is not a request of HTTP/1.1.")


def _response(refusal: Refusal, request_id: str) -> bytes:
    body = refusal.body(request_id)
    head = (
        b"content-type: application/json\r\ncontent-length: %d\r\nx-content-type-options: nosniff\r\n"
        b"cache-control: no-store\r\nx-request-id: %s\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[refusal.status] + head % (len(body), request_id.encode("ascii")) + body
