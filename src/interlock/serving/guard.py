"""The one door of every HTTP surface: whatever is not expressly let in stays out.

The guard wraps the whole application, so that a route added later, a mounted application, an unknown path
and an error page are behind it as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock.serving import guard_checks as checks
from interlock.serving.attempts import Attempts
from interlock.serving.guard_checks import Headers, Opening
from interlock.serving.refusal import Refusal, failed

_log = logging.getLogger("interlock.serving")

_POLICY_HEADER = (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_OVERLOAD = frozenset({429, 503})
_GONE = 499  # what proxies log for a client that hung up
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 * 1024 * 1024

REQUEST_ID = "interlock.request_id"
"""Where in the ASGI scope the request's id lies."""

Verify = Callable[[bytes], str | None]
"""Returns the scope of a token, or None for a token that is not ours."""

Permits = Callable[[str, str], bool]
"""Returns whether a token of that scope may use that method."""


def endpoint_permits(scope: str, method: str) -> bool:
    """Return whether a token may call a method of an endpoint: any may read, `infer` and `admin` may ask."""
    return method in checks.SAFE_METHODS or scope in ("infer", "admin")


Observe = Callable[[str, int, float], None]
"""Told the name of the handler, the status and the seconds of each answered request."""


@dataclass(frozen=True)
class Policy:
    """What the guard lets in.

    Args:
        hosts: The names under which this server may be addressed.
        openings: What needs no token. Everything else does.
        verify: How a token is recognised.
        permits: What a recognised token may do.
        max_body: Bytes of one body.
        max_pending: Bytes of all bodies that are being received at once.
        body_seconds: How long a body may take to arrive.
    """

    hosts: frozenset[str]
    openings: Sequence[Opening]
    verify: Verify
    permits: Permits = endpoint_permits
    max_body: int = 8 * 1024 * 1024
    max_pending: int = 128 * 1024 * 1024
    body_seconds: float = 30.0


class Guard:
    """Check a request, read its body within the limits, and hand both to the application.

    The body is read whole before the application runs: nothing behind the guard can be held up by a slow
    sender or has to know about limits.
    """

    def __init__(
        self, app: ASGIApp, policy: Policy, observe: Observe = lambda _name, _status, _seconds: None
    ) -> None:
        self.app = app
        self.policy = policy
        self._observe = observe
        self.closing = False
        self._pending = 0
        self._attempts = Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one connection's request, as ASGI wants it."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        scope["app"] = self.app
        headers = checks.collect(scope["headers"])
        scope[REQUEST_ID] = request_id = checks.request_id(headers)
        reply = _Reply(send, request_id, closing=self.closing)
        reply.unread = checks.has_body(headers)
        received = 0
        try:
            self._check(scope, headers)
            body = b""
            if reply.unread:
                body = await self._read(receive)
                reply.unread = False
                received = len(body)
                self._pending += received
            await self.app(scope, _replay(body, receive), reply)
        except _Gone:
            return
        except Refusal as refusal:
            await self._refuse(refusal, scope, reply, receive)
        except HTTPException as error:
            await self._refuse(_from_router(error), scope, reply, receive)
        except Exception:
            _log.exception("request failed", extra={"request_id": request_id})
            if reply.started and not reply.complete:
                raise
            await reply.refuse(failed(request_id), receive)
        finally:
            self._pending -= received
            name = getattr(scope.get("endpoint"), "__name__", "none")
            self._observe(name, reply.status or _GONE, time.perf_counter() - started)

    async def _refuse(self, refusal: Refusal, scope: Scope, reply: _Reply, receive: Receive) -> None:
        _log_refusal(scope, refusal)
        await reply.refuse(refusal, receive)

    def _check(self, scope: Scope, headers: Headers) -> None:
        method = scope["method"]
        checks.check_host(headers, self.policy.hosts)
        checks.check_same_site(method, headers)
        open_for = checks.methods_open(scope["path"], self.policy.openings)
        if method not in open_for:
            self._check_token(scope, headers, open_for)
        if checks.has_body(headers):
            checks.check_body_headers(headers, self.policy.max_body)

    def _check_token(self, scope: Scope, headers: Headers, open_for: frozenset[str]) -> None:
        token = checks.bearer_token(headers)
        granted = self.policy.verify(token) if token is not None else None
        if granted is not None:
            if not self.policy.permits(granted, scope["method"]):
                raise Refusal(403, f"A token of scope {granted!r} may not do this.")
            return
        if open_for:
            raise Refusal(
                405, "This method is not offered here.", headers={"Allow": ", ".join(sorted(open_for))}
            )
        if token is not None and self._attempts.too_many(_peer(scope)):
            raise Refusal(
                429, "Too many wrong tokens.", headers={"Retry-After": f"{self._attempts.seconds:g}"}
            )
        raise Refusal(
            401,
            "There is nothing here without a token.",
            hint="Send the header Authorization: Bearer TOKEN.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def _read(self, receive: Receive) -> bytes:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            if len(body) > self.policy.max_body:
                raise checks.too_large(self.policy.max_body)
            return body
        try:
            async with asyncio.timeout(self.policy.body_seconds):
                return await self._read_on(message, receive)
        except TimeoutError:
            raise Refusal(408, "The body did not arrive in time.") from None

    async def _read_on(self, message: Message, receive: Receive) -> bytes:
        body = bytearray()
        held = 0
        try:
            while message["type"] == "http.request":
                body += message.get("body", b"")
                if len(body) > self.policy.max_body:
                    raise checks.too_large(self.policy.max_body)
                self._pending += len(body) - held
                held = len(body)
                if self._pending > self.policy.max_pending:
                    raise Refusal(503, "Too many large requests at once.", headers={"Retry-After": "1"})
                if not message.get("more_body", False):
                    return bytes(body)
                message = await receive()
        finally:
            self._pending -= held
        raise _Gone


class _Gone(Exception):
    """The client hung up before its body was complete."""


class _Reply:
    """The sending side, with the headers that each response carries.

    Attributes:
        unread: Whether a body follows that was not read to its end.
    """

    def __init__(self, send: Send, request_id: str, *, closing: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._closing = closing
        self.unread = False
        self.started = False
        self.complete = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._own(message.get("headers", ()))]
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, refusal: Refusal, receive: Receive) -> None:
        """Send a refusal unless a response is under way; see a client off that is still sending its body."""
        if self.started:
            return
        body = refusal.body(self._request_id)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
        if self.unread:
            headers.append((b"connection", b"close"))
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self({"type": "http.response.body", "body": body, "more_body": self.unread})
        if self.unread:
            await _drain(receive)
            await self({"type": "http.response.body", "body": b"", "more_body": False})

    def _own(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        own = [*_ALWAYS, (b"x-request-id", self._request_id.encode("ascii"))]
        if all(name != _POLICY_HEADER[0] for name, _ in headers):
            own.append(_POLICY_HEADER)
        if self._closing:
            own.append((b"connection", b"close"))
        return own


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receiver that gives the body that was read, then whatever comes from the connection."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _drain(receive: Receive) -> None:
    """Swallow what a client is still sending, so that it reads the refusal instead of a reset."""
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _from_router(error: HTTPException) -> Refusal:
    """Say in our form what the router found: no such path, or no such method."""
    what = {404: "There is nothing at this path.", 405: "This method is not offered here."}
    return Refusal(error.status_code, what.get(error.status_code, error.detail), headers=error.headers)


def _log_refusal(scope: Scope, refusal: Refusal) -> None:
    # Overload is counted in the metrics; a line for each request would only add to it.
    level = logging.DEBUG if refusal.status in _OVERLOAD else logging.WARNING
    _log.log(
        level,
        "request refused",
        exc_info=refusal.__cause__,
        extra={
            "request_id": scope[REQUEST_ID],
            "status": refusal.status,
            "method": scope["method"],
            "path": scope["path"][:256],
            "reason": refusal.what,
        },
    )
