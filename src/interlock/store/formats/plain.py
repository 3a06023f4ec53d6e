"""Scalars and containers as JSON that remembers their types, bytes as they are."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.identity.artifact import Artifact
from interlock.store.formats.base import Written

_TAG = "$"
_DEPTH = 200


class NotPlain(Exception):
    """A value holds something that plain JSON cannot say; another format keeps it."""


class JsonFormat:
    """None, booleans, numbers, text, and lists, tuples, sets and dicts of them."""

    name = "json"

    def handles(self, value: Any) -> bool:
        try:
            encode(value)
        except NotPlain:
            return False
        return True

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        return Written(to_text(value).encode())

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        return from_text(path.read_text(encoding="utf-8"))


def to_text(value: Any) -> str:
    """Return a plain value as JSON text.

    Raises:
        NotPlain: It is none.
    """
    return json.dumps(encode(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_text(text: str) -> Any:
    """Read what `to_text` wrote."""
    return decode(json.loads(text))


def encode(value: Any, depth: int = 0) -> Any:
    """Return a plain value as what JSON has; what it has not is an object with one key that starts with "$".

    Raises:
        NotPlain: It is none, or nested too deeply.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {f"{_TAG}float": repr(value)}
    if depth > _DEPTH:
        raise NotPlain
    if kind is list:
        return [encode(item, depth + 1) for item in value]
    if kind is tuple:
        return {f"{_TAG}tuple": [encode(item, depth + 1) for item in value]}
    if kind in (set, frozenset):
        items = sorted(
            (encode(item, depth + 1) for item in value), key=lambda one: json.dumps(one, sort_keys=True)
        )
        return {f"{_TAG}{kind.__name__}": items}
    if kind is bytes and len(value) <= 1024:
        return {f"{_TAG}bytes": base64.b64encode(value).decode()}
    if kind is dict:
        return _encode_dict(value, depth)
    raise NotPlain


def _encode_dict(value: dict[Any, Any], depth: int) -> Any:
    if all(type(key) is str and not key.startswith(_TAG) for key in value):
        return {key: encode(item, depth + 1) for key, item in value.items()}
    return {f"{_TAG}dict": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]}


_DECODERS: dict[str, Callable[[Any], Any]] = {
    f"{_TAG}float": float,
    f"{_TAG}tuple": lambda items: tuple(decode(item) for item in items),
    f"{_TAG}set": lambda items: {decode(item) for item in items},
    f"{_TAG}frozenset": lambda items: frozenset(decode(item) for item in items),
    f"{_TAG}bytes": base64.b64decode,
    f"{_TAG}dict": lambda pairs: {decode(key): decode(item) for key, item in pairs},
}


def decode(value: Any) -> Any:
    """Read what `encode` returned."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        if len(value) == 1:
            ((key, body),) = value.items()
            if key in _DECODERS:
                return _DECODERS[key](body)
        return {key: decode(item) for key, item in value.items()}
    return value


class BytesFormat:
    """Bytes as they are."""

    name = "bytes"

    def handles(self, value: Any) -> bool:
        return type(value) in (bytes, bytearray)

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        return Written(memoryview(value), meta={"mutable": isinstance(value, bytearray)})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        data = path.read_bytes()
        return bytearray(data) if artifact.meta["mutable"] else data
