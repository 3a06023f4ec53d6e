"""Take apart expressions and lazy tables of polars, which hold functions that nothing but pickling gives away."""

from __future__ import annotations

import functools
import io
import pickle
from typing import Any

from interlock.identity.walk import Stuck

# How a pickle of protocol 4 or 5 begins: the protocol, and a frame.
_BEGINNINGS = (b"\x80\x05\x95", b"\x80\x04\x95")
_PLANS = frozenset({"Expr", "LazyFrame"})
_MOST_KNOWN = 256


def is_plan(cls: type) -> bool:
    """Say whether a class is that of the expressions or of the lazy tables of polars."""
    return any(base.__name__ in _PLANS and base.__module__.startswith("polars.") for base in cls.__mro__)


def parts_of_plan(value: Any) -> tuple[bytes, tuple[Any, ...]]:
    """Return how polars writes a plan, without the functions in it, and these functions.

    Raises:
        Stuck: Polars cannot write it, or what it wrote cannot be read.
    """
    try:
        return _split(value.__getstate__())
    except Exception as error:  # a function in it may be such that it cannot be pickled, in any way
        raise Stuck(value, f"it cannot be pickled ({error})") from error


@functools.lru_cache(maxsize=_MOST_KNOWN)
def _split(data: bytes) -> tuple[bytes, tuple[Any, ...]]:
    """Cut the pickles out of a plan; what is read once is the same object when it is asked for again."""
    bare, held, done = b"", [], 0
    while (start := _next_pickle(data, done)) >= 0:
        stream = io.BytesIO(data[start:])
        held.append(pickle.Unpickler(stream).load())  # noqa: S301 - what this process has just written
        bare += data[done:start] + b"\0pickle\0"
        done = start + stream.tell()
    return bare + data[done:], tuple(held)


def _next_pickle(data: bytes, start: int) -> int:
    return min((at for one in _BEGINNINGS if (at := data.find(one, start)) >= 0), default=-1)
