"""Digest what code holds: constants, default values and what is in closures."""

from __future__ import annotations

import copyreg
import functools
import re
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from types import GeneratorType, MappingProxyType, MemberDescriptorType
from typing import Any

from blake3 import blake3

from interlock.identity.bytecode import code_shape
from interlock.identity.digest import PREFIX
from interlock.identity.objects import encode_object
from interlock.identity.plans import is_plan, parts_of_plan
from interlock.identity.scalars import Encoding, collapse, frame
from interlock.identity.walk import Encoder, Naming, Stuck, Walk, encode_items, encode_pairs, join, type_name
from interlock.identity.wrappers import attributes_of

_PICKLING = frozenset({"__getstate__", "__reduce__", "__reduce_ex__"})
# Where pandas keeps the content of a table and what it found out about it.
_OF_TABLES = frozenset({"_mgr", "_item_cache", "_cache"})
_FIXED = (str, int, float, bool, complex, bytes, type(None), re.Pattern)


class ConstantWalk(Walk):
    """A walk that gets through everything and finds the same in every folder.

    What has no content that could be read, such as a lock, counts by its class, and that of a project's
    class by its attributes too. Texts that name a place in the project count without where the project lies.

    Args:
        naming: Names the code inside the value.
        roots: How the folder of the project is written in texts.
        is_ours: Says whether a class is the project's.
    """

    # Code may go through a dict, and then does what it does in that order.
    keeps_order = True

    def __init__(self, naming: Naming, roots: tuple[str, ...], is_ours: Callable[[type], bool]) -> None:
        super().__init__(naming)
        self._roots = roots
        self._is_ours = is_ours
        self.is_opaque = False
        self.texts: set[str] = set()

    def encode(self, value: Any) -> Encoding:
        """Write a value inside the value."""
        if type(value) is str:
            self.texts.add(value)
            return super().encode(placeless(value, self._roots))
        return super().encode(value)

    def _encode_new(self, value: Any) -> Encoding:
        plain = _PLAINER.get(type(value))
        if plain is not None:
            given = self.naming(value) if isinstance(value, GeneratorType) and self.naming else None
            return b"!" + self.encode(type(value)) + self.encode(given) + self.encode(plain(value))
        before = dict(self._open)
        try:
            return super()._encode_new(value)
        except Stuck:
            self._open = before
            self.is_opaque = self.is_opaque or not self._is_ours(type(value))
            return b"?" + self.encode(type(value)) + self.encode_state(value)

    def encode_state(self, value: Any) -> Encoding:
        """Write the attributes of an object."""
        return join(b"d", sorted(encode_pairs(self._state(value), self)))

    def _state(self, value: Any) -> list[tuple[str, Any]]:
        """Return the attributes of an object of a project's class; those of others may change by the hour."""
        if not self._is_ours(type(value)):
            return []
        held: list[tuple[str, Any]] = []
        for cls in type(value).__mro__:
            for name, slot in vars(cls).items():
                if isinstance(slot, MemberDescriptorType) and self._is_ours(cls):
                    with suppress(AttributeError):  # one that is not set
                        held.append((name, slot.__get__(value)))
        return [*held, *(one for one in attributes_of(value).items() if one[0] not in _OF_TABLES)]

    def _encoder(self, cls: type) -> Encoder:
        if cls not in self._encoders:
            encoder = super()._encoder(cls)
            if is_plan(cls):
                self._encoders[cls] = _encode_plan
            elif _hides(cls, encoder) and self._is_ours(cls):
                self._encoders[cls] = functools.partial(_encode_with_state, encoder)
        return self._encoders[cls]


def _hides(cls: type, encoder: Encoder) -> bool:
    """Say whether what is kept of the objects of a class may be less than what they hold."""
    if encoder is not encode_object or cls in copyreg.dispatch_table:
        return True
    return any(not _PICKLING.isdisjoint(vars(base)) for base in cls.__mro__ if base is not object)


def _encode_with_state(encoder: Encoder, value: Any, walk: Walk) -> Encoding:
    """Write an object of which its encoder may not keep all that its methods may use."""
    state = walk.encode_state(value) if isinstance(walk, ConstantWalk) else b""
    return b"&" + collapse(encoder(value, walk)) + state


def _encode_plan(value: Any, walk: Walk) -> Encoding:
    """Write an expression or a lazy table of polars: as polars writes it, and the functions in it as code."""
    bare, held = parts_of_plan(value)
    return b"P" + frame(type_name(type(value))) + walk.encode(bare) + join(b"l", encode_items(held, walk))


def _current(variable: ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:
        return None


# What cannot be pickled and still has content, with a way to it.
_PLAINER: dict[type, Callable[[Any], Any]] = {
    MappingProxyType: dict,
    memoryview: bytes,
    type({}.keys()): list,
    type({}.values()): list,
    type({}.items()): list,
    ContextVar: lambda value: (value.name, _current(value)),
    GeneratorType: lambda value: (
        code_shape(value.gi_code),
        dict(value.gi_frame.f_locals) if value.gi_frame else None,
        value.gi_yieldfrom,
    ),
}


def digest_constant(
    value: Any,
    naming: Naming,
    roots: tuple[str, ...],
    is_ours: Callable[[type], bool],
    texts: set[str] | None = None,
) -> tuple[str, bool]:
    """Return the digest of any value, and whether something in it could not be looked into.

    The code inside is named by `naming`; the texts inside are added to `texts`.
    """
    walk = ConstantWalk(naming, roots, is_ours)
    if texts is not None:
        walk.texts = texts
    digest = PREFIX + blake3(walk.encode_top(value)).hexdigest()
    return digest, walk.is_opaque


def roots_of(root: Path | None) -> tuple[str, ...]:
    """Return how the folder of the project is written in texts."""
    found = dict.fromkeys((str(root), str(root.resolve()))) if root is not None else {}
    return tuple(one for one in found if one != Path(one).anchor)


def placeless(text: str, roots: tuple[str, ...]) -> str:
    """Return a text without where the project lies."""
    for root in roots:
        if root in text:
            text = text.replace(root, "<project>")
    return text


def is_fixed(value: Any) -> bool:
    """Say whether a value is plain and can never change."""
    return isinstance(value, _FIXED) or (type(value) is tuple and all(map(is_fixed, value)))
