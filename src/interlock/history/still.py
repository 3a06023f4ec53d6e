"""Take the clock, or the randomness of the operating system, out of a process, before the user's code is imported."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import os
import random
import secrets
import time
from typing import Any

_THEN = 1_700_000_000.0
"""The moment at which a stopped clock stands."""


def stop_clock() -> None:
    """Let every look at the clock give the same moment."""

    class StoppedDate(dt.date):
        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(_THEN)

    class StoppedTime(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(_THEN, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(_THEN, dt.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(_THEN)

    stopped: dict[str, Any] = {
        name: lambda: _THEN for name in ("time", "perf_counter", "monotonic", "process_time")
    }
    stopped |= {f"{name}_ns": lambda: int(_THEN * 1e9) for name in list(stopped)}
    for name, clock in stopped.items():
        setattr(time, name, clock)
    vars(dt).update(date=StoppedDate, datetime=StoppedTime)


def stop_entropy() -> None:
    """Let the operating system's randomness, of which generators without a seed are made, be always the same."""
    generator = random.Random(0)  # noqa: S311 - the point is that it is no secret

    def given(count: int) -> bytes:
        return generator.randbytes(count)

    def bits(count: int) -> int:
        return generator.getrandbits(count)

    vars(os)["urandom"] = given
    vars(random)["_urandom"] = given
    vars(secrets).update(randbits=bits, token_bytes=lambda count=32: given(count))
    _stop_numpy(bits)


def _stop_numpy(bits: Any) -> None:
    with contextlib.suppress(ImportError):
        # What `default_rng()` seeds itself with; numpy took it by name when it was imported.
        vars(importlib.import_module("numpy.random.bit_generator"))["randbits"] = bits
