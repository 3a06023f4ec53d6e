"""The checks that every request passes before anything of the application sees it.

Each function looks at one thing and raises the refusal that the thing deserves.
"""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interlock.serving.refusal import Refusal

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD"})

Headers = dict[bytes, list[bytes]]

_LOOKED_AT = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"transfer-encoding",
        b"x-request-id",
    }
)
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_JSON = re.compile(rb'application/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?', re.IGNORECASE)


@dataclass(frozen=True)
class Opening:
    """Paths that are answered without a token, for these methods and no others."""

    methods: frozenset[str]
    path: re.Pattern[str]


def opening(methods: str, path: str) -> Opening:
    """Return an opening for methods named with spaces between and a pattern of the whole path."""
    return Opening(frozenset(methods.split()), re.compile(path))


def collect(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the values of the headers that the guard looks at; a repeated header keeps them all."""
    found: Headers = {}
    for name, value in headers:
        if name in _LOOKED_AT:
            found.setdefault(name, []).append(value)
    return found


def request_id(headers: Headers) -> str:
    """Return the caller's request id when it is one and harmless, else a new one."""
    given = headers.get(b"x-request-id", ())
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0].decode("ascii")
    return secrets.token_hex(8)


@functools.lru_cache(maxsize=256)
def host_name(value: bytes) -> str | None:
    """Return the name in a Host header without its port, lower-case; None when it is malformed."""
    match = _HOST.fullmatch(value.decode("latin-1"))
    return match["name"].lower() if match else None


def check_host(headers: Headers, known: frozenset[str]) -> None:
    """Refuse a request that was not addressed to this server: the door of DNS rebinding.

    Raises:
        Refusal: 400 without exactly one Host, 421 when the name is not ours.
    """
    given = headers.get(b"host", ())
    if len(given) != 1:
        raise Refusal(400, "A request needs exactly one Host header.")
    name = host_name(given[0])
    if name is None or name not in known:
        raise Refusal(
            421, "This server does not answer to that Host.", hint="Add the name to its allowed hosts."
        )


def check_same_site(method: str, headers: Headers) -> None:
    """Refuse a request with effect that a browser sends on behalf of another site.

    Raises:
        Refusal: 403.
    """
    if method in SAFE_METHODS:
        return
    sites = headers.get(b"sec-fetch-site", ())
    if any(site not in (b"same-origin", b"none") for site in sites):
        raise Refusal(403, "Requests from other sites are not answered.")
    if not sites and any(
        not _is_own_origin(origin, headers[b"host"][0]) for origin in headers.get(b"origin", ())
    ):
        raise Refusal(403, "Requests from other origins are not answered.")


def _is_own_origin(origin: bytes, host: bytes) -> bool:
    scheme, separator, address = origin.partition(b"://")
    return bool(separator) and scheme in (b"http", b"https") and address.lower() == host.lower()


def has_body(headers: Headers) -> bool:
    """Return whether a body follows."""
    if b"transfer-encoding" in headers:
        return True
    return any(length != b"0" for length in headers.get(b"content-length", ()))


def check_body_headers(headers: Headers, limit: int) -> None:
    """Refuse a body that is not JSON in plain UTF-8, or that announces itself as too large.

    A web page can send any other type across sites without asking first.

    Raises:
        Refusal: 413 or 415.
    """
    types = headers.get(b"content-type", ())
    if len(types) != 1 or not _JSON.fullmatch(types[0]):
        raise Refusal(415, "The body must be JSON.", hint="Send the header Content-Type: application/json.")
    if any(coding.lower() != b"identity" for coding in headers.get(b"content-encoding", ())):
        raise Refusal(415, "A compressed body is not accepted.")
    if any(int(length) > limit for length in headers.get(b"content-length", ()) if length.isdigit()):
        raise too_large(limit)


def too_large(limit: int) -> Refusal:
    """Return the refusal of a body over the limit."""
    return Refusal(413, f"The body is larger than {limit} bytes.", hint="Send fewer rows at a time.")


def bearer_token(headers: Headers) -> bytes | None:
    """Return the token of the one Authorization header, or None."""
    given = headers.get(b"authorization", ())
    if len(given) != 1:
        return None
    scheme, _, token = given[0].partition(b" ")
    return token if scheme.lower() == b"bearer" and 0 < len(token) <= 512 else None


def methods_open(path: str, openings: Sequence[Opening]) -> frozenset[str]:
    """Return the methods that need no token on a path; none for a path that is not on the list."""
    return frozenset().union(*(each.methods for each in openings if each.path.fullmatch(path)))
