"""From the bytes of a request to what they say, strictly."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import orjson

from interlock.errors import did_you_mean
from interlock.serving.refusal import Refusal

MAX_ID = 256
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that is the body.

    Strict where JSON parsers differ: UTF-8 only, no NaN or Infinity, no number beyond a double, no member
    twice, no bottomless nesting.

    Raises:
        Refusal: 400.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body is not valid JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, f"The body must be a JSON object, not {json_type(parsed)}.")
    if body.count(b":") != _members(parsed):
        _check_twice(body)
    return parsed


def check_members(request: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse members that nothing reads: most are misspelt.

    Raises:
        Refusal: 400.
    """
    known = tuple(known)
    for name in request:
        if name not in known:
            raise Refusal(
                400, f"Unknown member {name[:MAX_ID]!r} in the request.", hint=did_you_mean(name, known)
            )


def check_id(value: Any, where: str) -> str:
    """Return an id that a client gave: a short text without control characters, or a whole number.

    Raises:
        Refusal: 400.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise Refusal(400, f"{where} must be a string, not {json_type(value)}.")
    if not 0 < len(value) <= MAX_ID or _CONTROL.search(value):
        raise Refusal(400, f"{where} must have 1 to {MAX_ID} characters and no control characters.")
    return value


def json_type(value: Any) -> str:
    """Return what JSON calls the type of a parsed value."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _members(parsed: Mapping[str, Any]) -> int:
    """Count the members of an object and of the objects in it and in its arrays."""
    count = len(parsed)
    for value in parsed.values():
        if isinstance(value, dict):
            count += len(value)
        elif isinstance(value, list):
            count += sum(len(item) for item in value if isinstance(item, dict))
    return count


def _check_twice(body: bytes) -> None:
    """Look for a member that occurs twice; the fast parser keeps the last without a word.

    Needed only when there are more colons in the body than members in what was parsed: each member has one.
    Text may have colons too, so that this runs more often than it finds something.

    Raises:
        Refusal: 400.
    """
    try:
        json.loads(body, object_pairs_hook=_once)
    except RecursionError:
        raise Refusal(400, "The body is nested too deeply.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _twice([name for name, _ in pairs])
    return members


def _twice(names: list[str]) -> NoReturn:
    first = next(name for name, count in Counter(names).items() if count > 1)
    raise Refusal(400, f"The member {first[:MAX_ID]!r} occurs twice in one object.")
