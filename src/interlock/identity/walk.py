"""Walk through a value and write its content in one deterministic way.

The writing is a tree: what is reached twice is written twice (from a memo), so that sharing leaves
no trace. Only a reference to something that is still being written, a cycle, is written as the
number of levels up to it.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from enum import Enum
from importlib import import_module
from typing import Any

from interlock.errors import InterlockError
from interlock.identity.scalars import SCALARS, Encoding, collapse, frame

Naming = Callable[[Any], str | None]
"""Names a function, a class or a path for a digest; None leaves it to its own name or content."""

Encoder = Callable[[Any, "Walk"], Encoding]

# Bumped when the way of writing changes, which changes every digest.
_SCHEME = b"interlock value 1\0"

# A value in which cycles cross each other this often would take for ever.
_MOST_AGAIN = 50_000

# Libraries whose data has a logical content of its own. The adapter is imported when such a value
# turns up; the library itself is loaded by then.
_ADAPTERS = {
    "pathlib": "interlock.identity.files",
    "numpy": "interlock.identity.arrays",
    "scipy": "interlock.identity.arrays",
    "torch": "interlock.identity.tensors",
    "pandas": "interlock.identity.frames",
    "polars": "interlock.identity.polars_frames",
    "pyarrow": "interlock.identity.arrow",
}


class Undigestible(InterlockError):
    """Something inside a value has no content that a digest could cover."""

    def __init__(self, type_name: str, place: str, reason: str) -> None:
        super().__init__(
            f"A value of type {type_name!r} has no digest: {reason}.",
            where=place,
            hint="Return plain data, tables, arrays, files or objects that can be pickled.",
        )
        self.type_name = type_name
        self.place = place
        self.reason = reason


class Stuck(Exception):
    """Raised inside the walk, where the place is not known yet; it gathers it on the way up."""

    def __init__(self, value: Any, reason: str) -> None:
        super().__init__(reason)
        self.type_name = type_name(type(value))
        self.reason = reason
        self.steps: list[str] = []

    def under(self, step: str) -> Stuck:
        """Note one step of the way from the whole value down to the stuck one."""
        self.steps.append(step)
        return self


class Walk:
    """One pass over one value."""

    keeps_order = False
    """Whether the order in which dicts were filled is content."""

    def __init__(self, naming: Naming | None = None) -> None:
        self.naming = naming
        self._memo: dict[int, tuple[Any, Encoding]] = {}
        self._open: dict[int, int] = {}
        self._encoders: dict[type, Encoder] = {}
        self._nodes = 0
        self._lowest = sys.maxsize
        self._loose: set[int] = set()
        self._again = 0

    def encode_top(self, value: Any) -> Encoding:
        """Write the whole value.

        Raises:
            Undigestible: With the place of what stopped the walk.
        """
        try:
            return _SCHEME + self.encode(value)
        except Stuck as stuck:
            place = "value" + "".join(reversed(stuck.steps))
            raise Undigestible(stuck.type_name, place, stuck.reason) from stuck.__cause__
        except RecursionError:
            raise Undigestible(type_name(type(value)), "value", "it is nested too deeply") from None

    def encode(self, value: Any) -> Encoding:
        """Write a value inside the value."""
        scalar = SCALARS.get(type(value))
        if scalar is not None:
            return scalar(value)
        self._nodes += 1
        known = self._memo.get(id(value))
        if known is not None:
            return known[1]
        level = self._open.get(id(value))
        if level is not None:
            self._lowest = min(self._lowest, level)
            return b"^%d;" % (len(self._open) - level)
        return self._encode_new(value)

    def _encode_new(self, value: Any) -> Encoding:
        nodes, outer, level = self._nodes, self._lowest, len(self._open)
        self._lowest = sys.maxsize
        self._open[id(value)] = level
        encoding = collapse(self._encoder(type(value))(value, self))
        del self._open[id(value)]
        if self._lowest < level:
            # Its writing depends on what is around it: reached from elsewhere, it is written anew.
            self._again += id(value) in self._loose
            self._loose.add(id(value))
            if self._again > _MOST_AGAIN:
                raise Stuck(value, "its references cross each other too often")
        else:
            self._lowest = sys.maxsize
            # The memo also keeps `value` alive, so that its id is not given to another object.
            # Containers of scalars are written again faster than they are remembered.
            if self._nodes != nodes or type(value) not in _CONTAINERS:
                self._memo[id(value)] = (value, encoding)
        self._lowest = min(outer, self._lowest)
        return encoding

    def _encoder(self, cls: type) -> Encoder:
        encoder = self._encoders.get(cls)
        if encoder is None:
            encoder = self._encoders[cls] = _CONTAINERS.get(cls) or find_encoder(cls)
        return encoder


def find_encoder(cls: type) -> Encoder:
    """Return the encoder of the nearest base class that has one; any object has one."""
    if issubclass(cls, Enum):
        return _encode_enum
    for base in cls.__mro__:
        adapter = _ADAPTERS.get(base.__module__.partition(".")[0])
        if adapter is not None:
            encoder: Encoder | None = import_module(adapter).encoder_for(cls)
            if encoder is not None:
                return encoder
    # Imported here because it needs this module, and most values never come this far.
    from interlock.identity.objects import encode_object

    return encode_object


def type_name(cls: type) -> str:
    """Return the qualified name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def encode_items(items: Iterable[Any], walk: Walk) -> list[Encoding]:
    """Write the items of a sequence in their order."""
    encodings: list[Encoding] = []
    encode, append = walk.encode, encodings.append
    try:
        for item in items:
            append(encode(item))
    except Stuck as stuck:
        raise stuck.under(f"[{len(encodings)}]") from stuck.__cause__
    return encodings


def encode_pairs(pairs: Iterable[tuple[Any, Any]], walk: Walk) -> list[Encoding]:
    """Write keys and values in the order given."""
    encodings: list[Encoding] = []
    encode = walk.encode
    key: Any = None
    try:
        for key, value in pairs:
            encodings.append(encode(key) + encode(value))
    except Stuck as stuck:
        raise stuck.under(f"[{key!r:.60}]") from stuck.__cause__
    return encodings


def join(tag: bytes, encodings: list[Encoding]) -> Encoding:
    """Write a container of which the items are written."""
    return b"%b%d:%b" % (tag, len(encodings), b"".join(encodings))


def join_pairs(pairs: list[Encoding], walk: Walk) -> Encoding:
    """Write a dict of which the pairs are written."""
    return join(b"d", pairs if walk.keeps_order else sorted(pairs))


def _encode_enum(value: Enum, walk: Walk) -> Encoding:
    given = walk.naming(type(value)) if walk.naming is not None else None
    return b"e" + frame(given or type_name(type(value))) + walk.encode(value.value)


def _encode_datetime(value: dt.datetime, walk: Walk) -> Encoding:
    zone = walk.encode(value.tzinfo)
    return b"Yn%d" % value.fold + frame(value.replace(tzinfo=None).isoformat()) + zone


def _encode_time(value: dt.time, walk: Walk) -> Encoding:
    zone = walk.encode(value.tzinfo)
    return b"Yc%d" % value.fold + frame(value.replace(tzinfo=None).isoformat()) + zone


def _encode_slice(value: slice, walk: Walk) -> Encoding:
    return b":" + b"".join(encode_items((value.start, value.stop, value.step), walk))


_CONTAINERS: dict[type, Encoder] = {
    list: lambda value, walk: join(b"l", encode_items(value, walk)),
    tuple: lambda value, walk: join(b"t", encode_items(value, walk)),
    dict: lambda value, walk: join_pairs(encode_pairs(value.items(), walk), walk),
    OrderedDict: lambda value, walk: join(b"o", encode_pairs(value.items(), walk)),
    set: lambda value, walk: join(b"S", sorted(encode_items(value, walk))),
    frozenset: lambda value, walk: join(b"Z", sorted(encode_items(value, walk))),
    dt.datetime: _encode_datetime,
    dt.time: _encode_time,
    slice: _encode_slice,
}
"""The encoders of plain containers, by exact type."""
