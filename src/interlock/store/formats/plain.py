"""Plain data as JSON that remembers types: scalars, and lists, tuples, sets and dicts of them.

What JSON has stands for itself. Everything else is an object with the single key ``$`` and the list of a tag
and what the tag needs: ``{"$": ["tuple", [1, 2]]}``.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import uuid
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from interlock.identity.artifact import Artifact
from interlock.store.formats.format import Stored, UnreadableArtifact, Vault, type_name
from interlock.store.formats.scalars import FOREIGN_DECODERS, NotPlain, foreign_encoder

TAG = "$"
_WIDEST = 2**4096  # Python refuses to read longer numbers from decimal digits
_DEEPEST = 150
_BYTES = (bytes, bytearray)
_MOST_BYTES = 4096  # more of them are better off in a file of their own

Leaf = Callable[[Any], Any]
"""Returns the JSON of a value that is no plain data, or raises NotPlain."""


class JsonFormat:
    """Scalars, and containers of nothing but plain data."""

    name = "json"

    def handles(self, value: Any) -> bool:
        """Look at everything inside."""
        try:
            encode(value)
        except NotPlain:
            return False
        return True

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write JSON text, which stays in the artifact itself when it is short."""
        return vault.put_text(to_text(encode(value)))

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the text."""
        return decode(json.loads(vault.text(artifact)))


def to_text(encoded: Any) -> str:
    """Return encoded data as JSON text, in ASCII: then it holds any string, even lone surrogates."""
    return json.dumps(encoded, separators=(",", ":"), allow_nan=False)


def refuse(value: Any) -> Any:
    """Be the leaf of data that must be plain throughout."""
    raise NotPlain(f"it holds a value of type {type_name(value)!r}")


def encode(value: Any, leaf: Leaf = refuse, depth: int = 0) -> Any:
    """Return a value as JSON data.

    Args:
        value: What is encoded. Types are matched exactly: a subclass has more than its base would keep.
        leaf: Called with what is no plain data.
        depth: How deep the value lies in another.

    Raises:
        NotPlain: Something inside is no plain data and `leaf` refuses it, or it is nested too deeply.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return value if -_WIDEST < value < _WIDEST else {TAG: ["int", hex(value)]}
    if kind is float:
        return value if math.isfinite(value) else {TAG: ["float", repr(value)]}
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        if depth > _DEEPEST:
            raise NotPlain("it is nested too deeply, or contains itself")
        return encoder(value, leaf, depth + 1)
    scalar = _SCALARS.get(kind) or foreign_encoder(kind)
    if scalar is None or (kind in _BYTES and len(value) > _MOST_BYTES):
        return leaf(value)
    return {TAG: scalar(value)}


def decode(data: Any, leaf: Leaf = refuse) -> Any:
    """Return the value that `encode` made JSON of; `leaf` reads what its counterpart wrote.

    Raises:
        UnreadableArtifact: The data has a tag that is not known here.
    """
    if type(data) is list:
        return [decode(item, leaf) for item in data]
    if type(data) is not dict:
        return data
    if TAG not in data:
        return {key: decode(item, leaf) for key, item in data.items()}
    tag, *body = data[TAG]
    if tag == "leaf":
        return leaf(body[0])
    if tag in _DECODERS:
        return _DECODERS[tag](body[0], leaf)
    scalar = _SCALAR_DECODERS.get(tag) or FOREIGN_DECODERS.get(tag)
    if scalar is None:
        raise UnreadableArtifact(f"The stored value holds a {tag!r}, which is not known here.")
    return scalar(*body)


def _items(value: Iterable[Any], leaf: Leaf, depth: int) -> list[Any]:
    return [encode(item, leaf, depth) for item in value]


def _encode_set(value: Iterable[Any], leaf: Leaf, depth: int) -> list[Any]:
    return sorted(_items(value, leaf, depth), key=to_text)  # the order of a set is another in each process


def _encode_dict(value: dict[Any, Any], leaf: Leaf, depth: int) -> Any:
    if TAG not in value and all(type(key) is str for key in value):
        return {key: encode(item, leaf, depth) for key, item in value.items()}
    return {TAG: ["dict", _pairs(value, leaf, depth)]}


def _pairs(value: dict[Any, Any], leaf: Leaf, depth: int) -> list[Any]:
    return [[encode(key, refuse, depth), encode(item, leaf, depth)] for key, item in value.items()]


def _unpair(pairs: Any, leaf: Leaf) -> Iterable[tuple[Any, Any]]:
    return ((decode(key), decode(item, leaf)) for key, item in pairs)


_ENCODERS: dict[type, Callable[[Any, Leaf, int], Any]] = {
    list: _items,
    dict: _encode_dict,
    tuple: lambda value, leaf, depth: {TAG: ["tuple", _items(value, leaf, depth)]},
    set: lambda value, leaf, depth: {TAG: ["set", _encode_set(value, leaf, depth)]},
    frozenset: lambda value, leaf, depth: {TAG: ["frozenset", _encode_set(value, leaf, depth)]},
    OrderedDict: lambda value, leaf, depth: {TAG: ["ordered", _pairs(value, leaf, depth)]},
}
_DECODERS: dict[str, Callable[[Any, Leaf], Any]] = {
    "tuple": lambda items, leaf: tuple(decode(item, leaf) for item in items),
    "set": lambda items, leaf: {decode(item, leaf) for item in items},
    "frozenset": lambda items, leaf: frozenset(decode(item, leaf) for item in items),
    "dict": lambda pairs, leaf: dict(_unpair(pairs, leaf)),
    "ordered": lambda pairs, leaf: OrderedDict(_unpair(pairs, leaf)),
}


def _encode_time(value: dt.datetime | dt.time) -> list[Any]:
    """Write a moment with a zone of the standard library, or without one."""
    zone = value.tzinfo
    key = getattr(zone, "key", None)  # of a zoneinfo.ZoneInfo
    if zone is not None and key is None and type(zone) is not dt.timezone:
        raise NotPlain(f"it holds a time in a zone of type {type_name(zone)!r}")
    wall = value.replace(tzinfo=None) if key else value
    return [type(value).__name__, wall.isoformat(), key, value.fold]


def _decode_time(kind: Any) -> Callable[..., Any]:
    def read(text: str, key: str | None, fold: int) -> Any:
        import zoneinfo  # reads the machine's database of zones, which few values need

        value = kind.fromisoformat(text).replace(fold=fold)
        return value.replace(tzinfo=zoneinfo.ZoneInfo(key)) if key else value

    return read


_SCALARS: dict[type, Callable[[Any], list[Any]]] = {
    bytes: lambda value: ["bytes", b64encode(value).decode()],
    bytearray: lambda value: ["bytearray", b64encode(value).decode()],
    complex: lambda value: ["complex", repr(value.real), repr(value.imag)],
    decimal.Decimal: lambda value: ["decimal", str(value)],
    uuid.UUID: lambda value: ["uuid", str(value)],
    dt.date: lambda value: ["date", value.isoformat()],
    dt.datetime: _encode_time,
    dt.time: _encode_time,
    dt.timedelta: lambda value: ["timedelta", value.days, value.seconds, value.microseconds],
}
_SCALAR_DECODERS: dict[str, Callable[..., Any]] = {
    "int": lambda text: int(text, 16),
    "float": float,
    "bytes": b64decode,
    "bytearray": lambda text: bytearray(b64decode(text)),
    "complex": lambda real, imaginary: complex(float(real), float(imaginary)),
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
    "date": dt.date.fromisoformat,
    "datetime": _decode_time(dt.datetime),
    "time": _decode_time(dt.time),
    "timedelta": dt.timedelta,
}
