"""Write any object by what pickling it would keep: its class, its arguments and its state."""

from __future__ import annotations

import copyreg
import sys
from collections import OrderedDict
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, cast

from interlock.identity.bytecode import code_shape
from interlock.identity.scalars import Encoding, frame
from interlock.identity.walk import Stuck, Walk, encode_items, encode_pairs, join
from interlock.identity.wrappers import content_of


def encode_object(value: Any, walk: Walk) -> Encoding:
    """Write an object that is no plain data: a name, a set of a subclass, or what it reduces to."""
    if isinstance(value, (type, FunctionType)) or _is_plain_builtin(value):
        return _encode_named(value, walk)
    if isinstance(value, ModuleType):
        given = walk.naming(value) if walk.naming is not None else None
        return b"m" + frame(given or value.__name__)
    if isinstance(value, (set, frozenset)):
        # `set.__reduce__` lists the items in the order of this process's hashes.
        items = join(b"S", sorted(encode_items(value, walk)))
        return b"x" + walk.encode(type(value)) + items + walk.encode(getattr(value, "__dict__", None))
    return _encode_reduced(value, walk)


def _is_plain_builtin(value: Any) -> bool:
    return isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, (ModuleType, type(None)))


def _encode_named(value: Any, walk: Walk) -> Encoding:
    given = walk.naming(value) if walk.naming is not None else None
    if given is not None:
        return b"n+" + frame(given)
    if isinstance(value, FunctionType) and not _is_importable(value):
        return b"u" + _encode_function(value, walk)
    return b"n" + frame(f"{value.__module__}:{value.__qualname__}")


def _is_importable(function: FunctionType) -> bool:
    """Say whether the qualified name leads back to this very function."""
    if function.__module__ in (None, "__main__"):
        return False
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function or getattr(found, "__func__", None) is function


def _encode_function(function: FunctionType, walk: Walk) -> Encoding:
    cells = [content_of(cell) for cell in function.__closure__ or ()]
    parts = (code_shape(function.__code__), function.__defaults__, function.__kwdefaults__, cells)
    return join(b"", encode_items(parts, walk))


def _encode_reduced(value: Any, walk: Walk) -> Encoding:
    reduced = _reduce(value)
    if isinstance(reduced, str):
        given = walk.naming(value) if walk.naming is not None else None
        module = getattr(value, "__module__", None) or type(value).__module__
        return b"n+" + frame(given) if given is not None else b"n" + frame(f"{module}:{reduced}")
    parts: tuple[Any, ...] = (*reduced, *[None] * (6 - len(reduced)))
    make, arguments, state, listed, mapped, setter = parts
    pairs = encode_pairs(() if mapped is None else mapped, walk)
    if not isinstance(value, OrderedDict) and not walk.keeps_order:
        pairs.sort()
    items = encode_items(() if listed is None else listed, walk)
    made = [walk.encode(make), walk.encode(arguments), walk.encode(setter), _encode_state(state, walk)]
    return b"O" + b"".join(made) + join(b"l", items) + join(b"d", pairs)


def _reduce(value: Any) -> str | tuple[Any, ...]:
    """Ask the object how it would be pickled."""
    registered = copyreg.dispatch_table.get(type(value))
    try:
        reduced = value.__reduce_ex__(4) if registered is None else registered(value)
    except RecursionError:
        raise
    except Exception as error:  # the object's own code, which may fail in any way
        raise Stuck(value, f"it cannot be pickled ({error})") from error
    return cast("str | tuple[Any, ...]", reduced)


def _encode_state(state: Any, walk: Walk) -> Encoding:
    """Write the state; a dict of it holds attributes, which makes places easier to read."""
    if type(state) is not dict:
        return walk.encode(state)
    encodings: list[Encoding] = []
    name: Any = None
    try:
        for name, item in state.items():
            encodings.append(walk.encode(name) + walk.encode(item))
    except Stuck as stuck:
        raise stuck.under(f".{name}") from stuck.__cause__
    return join(b"d", sorted(encodings))
