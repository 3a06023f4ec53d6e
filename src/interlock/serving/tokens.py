"""Tokens: made on the host, shown once, kept as a hash."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import ipaddress
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from interlock.errors import InterlockError, did_you_mean
from interlock.stack.layout import Home
from interlock.store.publish import publish_bytes

SCOPES = ("read", "write", "promote", "infer", "admin")
_TOKEN = re.compile(rb"ilk_(?P<id>[0-9a-f]{8})_(?P<secret>[A-Za-z0-9_-]{43})")


class UnknownScope(InterlockError):
    """A token was asked for with a scope that does not exist."""

    exit_code: ClassVar[int] = 2

    def __init__(self, scope: str) -> None:
        super().__init__(f"There is no scope {scope!r}.", hint=did_you_mean(scope, SCOPES))


class UnknownToken(InterlockError):
    """A token was to be revoked that the file does not hold."""

    def __init__(self, token_id: str, known: list[str]) -> None:
        super().__init__(f"There is no token {token_id!r}.", hint=did_you_mean(token_id, known))


class TokenFileUnreadable(InterlockError):
    """The file of tokens is not what was written there."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The tokens cannot be read: {reason}.",
            where=str(path),
            hint="Remove the file and make new tokens: those in use stop working.",
        )


class UnsafeBind(InterlockError):
    """An address that others can reach was to be served without a token."""

    exit_code: ClassVar[int] = 2

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host!r} is open to other machines, and this endpoint has no token.",
            hint="Make one with `interlock token create`, or serve on 127.0.0.1.",
        )


@dataclass(frozen=True)
class StoredToken:
    """What is kept of a token: enough to recognise it, not enough to use it."""

    id: str
    scope: str
    sha256: str
    created_at: float


def create_token(home: Home, scope: str) -> str:
    """Make a token of 32 random bytes and return it; it cannot be shown again.

    Raises:
        UnknownScope: `scope` is none of `SCOPES`.
        TokenFileUnreadable: The file of tokens is damaged.
    """
    if scope not in SCOPES:
        raise UnknownScope(scope)
    token_id = secrets.token_hex(4)
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode("ascii")
    token = f"ilk_{token_id}_{secret}"
    stored = StoredToken(token_id, scope, _digest(token.encode("ascii")), time.time())
    with _locked(home):
        _write(home.token_file, [*read_tokens(home.token_file), stored])
    return token


def revoke_token(home: Home, token_id: str) -> None:
    """Forget a token; running endpoints refuse it from the next request on.

    Raises:
        UnknownToken: No token has that id.
    """
    with _locked(home):
        tokens = read_tokens(home.token_file)
        kept = [token for token in tokens if token.id != token_id]
        if len(kept) == len(tokens):
            raise UnknownToken(token_id, [token.id for token in tokens])
        _write(home.token_file, kept)


def read_tokens(path: Path) -> list[StoredToken]:
    """Return the stored tokens; none when there is no file.

    Raises:
        TokenFileUnreadable: The file is damaged or not readable.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TokenFileUnreadable(path, error.strerror or str(error)) from error
    try:
        return [StoredToken(**entry) for entry in json.loads(text)["tokens"]]
    except (ValueError, TypeError, KeyError) as error:
        raise TokenFileUnreadable(path, "it does not hold a list of tokens") from error


class TokenBook:
    """Recognise tokens against the file, which is read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, StoredToken] = {}

    def verify(self, token: bytes) -> str | None:
        """Return the scope of a token, or None for one that is not in the file.

        Raises:
            TokenFileUnreadable: The file is damaged; nobody gets in.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        stored = self._current().get(match["id"].decode("ascii"))
        expected = stored.sha256 if stored is not None else "0" * 64
        same = hmac.compare_digest(_digest(token), expected)
        return stored.scope if stored is not None and same else None

    def _current(self) -> dict[str, StoredToken]:
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            seen = (0, 0, 0)
        if seen != self._seen:
            self._tokens = {token.id: token for token in read_tokens(self._path)}
            self._seen = seen
        return self._tokens


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address. An empty or unknown name does not count."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_bind(home: Home, host: str) -> None:
    """Refuse to serve other machines without a token.

    Raises:
        UnsafeBind: `host` is not loopback and there is no token.
    """
    if not is_loopback(host) and not read_tokens(home.token_file):
        raise UnsafeBind(host)


def _digest(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()


def _write(path: Path, tokens: list[StoredToken]) -> None:
    text = json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=1)
    publish_bytes(text.encode(), path, mode=0o600)


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    """Keep two commands from losing each other's token."""
    descriptor = os.open(home.create().tmp / "tokens.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
