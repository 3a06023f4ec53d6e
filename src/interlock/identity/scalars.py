"""How single plain values are written for a digest.

Every encoding starts with a tag of its type and tells its own length, so encodings can be joined
without two different values ever meeting in the same bytes.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from types import EllipsisType, NotImplementedType
from typing import Any

from blake3 import blake3

Encoding = bytes

# Longer encodings enter by their hash: what is kept for a container stays small.
_LONG = 256
_NAN = b"f" + struct.pack(">d", math.nan)
_pack_float = struct.Struct(">d").pack


def collapse(encoding: Encoding) -> Encoding:
    """Return the encoding itself when it is short, else its hash under a tag of its own."""
    return encoding if len(encoding) <= _LONG else b"#" + blake3(encoding).digest()


def frame(text: str) -> Encoding:
    """Write a name, such as that of a type or a column."""
    data = text.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(data), data)


def _bool(value: bool) -> Encoding:
    return b"T" if value else b"F"


def _int(value: int) -> Encoding:
    # Hexadecimal, as the decimal text of a huge int is slow and limited in length.
    return b"i%x;" % value


def _float(value: float) -> Encoding:
    return _NAN if math.isnan(value) else b"f" + _pack_float(value)


def _complex(value: complex) -> Encoding:
    return b"c" + _float(value.real) + _float(value.imag)


def _str(value: str) -> Encoding:
    data = value.encode("utf-8", "surrogatepass")
    return collapse(b"s%d:%b" % (len(data), data))


def _bytes(value: bytes) -> Encoding:
    return b"b%d:%b" % (len(value), value) if len(value) < _LONG else b"B" + blake3(value).digest()


def _bytearray(value: bytearray) -> Encoding:
    return b"y" + _bytes(bytes(value))


def _range(value: range) -> Encoding:
    # As `==` sees it: an empty range has no start, and one of one item no step.
    if not value:
        return b"r0;"
    return b"r%x;%x;%x;" % (len(value), value[0], value.step if len(value) > 1 else 0)


def _named(tag: bytes, text: Callable[[Any], str]) -> Callable[[Any], Encoding]:
    return lambda value: tag + frame(text(value))


SCALARS: dict[type, Callable[[Any], Encoding]] = {
    type(None): lambda value: b"N",
    bool: _bool,
    int: _int,
    float: _float,
    complex: _complex,
    str: _str,
    bytes: _bytes,
    bytearray: _bytearray,
    range: _range,
    Decimal: _named(b"D", str),
    dt.date: _named(b"Yd", dt.date.isoformat),
    dt.timedelta: lambda value: b"Yt%d;%d;%d;" % (value.days, value.seconds, value.microseconds),
    EllipsisType: lambda value: b"E.",
    NotImplementedType: lambda value: b"E!",
}
"""The encoders of values that hold no other value, by exact type."""
