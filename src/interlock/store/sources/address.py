"""Addresses of datasets: what stands for a secret is put in when it is used, and what is recorded has none."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote

from interlock.errors import InterlockError

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"([a-z][a-z0-9]*(?:\+[a-z0-9_]+)?)://|(duckdb):")


class UnsetVariable(InterlockError):
    """An address names an environment variable that is not set."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(
            f"{address} needs the environment variable {name}, which is not set.",
            hint=f"Set it before the command:  {name}=… interlock …",
        )
        self.name = name


def resolved(dataset: str, uri: str) -> str:
    """Return the uri of a dataset with the values of its placeholders, see `filled_in`.

    Raises:
        UnsetVariable: One is not set.
    """
    return filled_in(f"The uri of the dataset {dataset!r}", uri)


def filled_in(address: str, uri: str) -> str:
    """Return a uri with the values of its `${NAME}` placeholders, those before an `@` written as addresses need it.

    Args:
        address: What the uri is, in words, for the error.
        uri: The uri as it was written.

    Raises:
        UnsetVariable: One is not set.
    """
    head, _, rest = uri.partition("://")
    user, at, place = _user_and_place(rest)
    if not at or head == "s3":
        return _filled(address, uri)
    return f"{head}://{_filled(address, user, quoted=True)}@{_filled(address, place)}"


def recorded(uri: str) -> str:
    """Return a uri as it may be recorded and shown: without user, password and query; placeholders stay."""
    head, slashes, rest = uri.partition("://")
    if not slashes or head == "s3":  # a key may hold any sign, and a bucket has no user
        return uri
    return f"{head}://{_user_and_place(rest)[2].partition('?')[0]}"


def scheme_of(uri: str) -> str:
    """Return the scheme of a uri; empty for a path."""
    found = _SCHEME.match(uri)
    return (found[1] or found[2]) if found else ""


def without_secrets(text: str, uri: str) -> str:
    """Return what a library said, without what a resolved uri holds before its `@`, or in its query."""
    _, _, rest = uri.partition("://")
    user, _, place = _user_and_place(rest)
    written = [uri, user, *user.split(":")[1:], *re.findall(r"=([^&]+)", place.partition("?")[2])]
    secrets = {form for one in written for form in (one, unquote(one)) if one}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _user_and_place(rest: str) -> tuple[str, str, str]:
    # At the last "@" whatever stands before it: a password that nobody encoded must not pass for a path.
    return rest.rpartition("@")


def _filled(address: str, text: str, *, quoted: bool = False) -> str:
    def value(found: re.Match[str]) -> str:
        known = os.environ.get(found[1])
        if known is None:
            raise UnsetVariable(address, found[1])
        return quote(known, safe="") if quoted else known

    return _PLACEHOLDER.sub(value, text)
