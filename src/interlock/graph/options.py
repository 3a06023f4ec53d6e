"""The options of steps: what each may be, and how durations and sizes are written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from interlock.errors import InterlockError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*((?:[kmg]i|[kmgt])?)b?\s*")
_SIZES = {
    "": 1,
    "k": 1000,
    "m": 1000**2,
    "g": 1000**3,
    "t": 1000**4,
    "ki": 1 << 10,
    "mi": 1 << 20,
    "gi": 1 << 30,
}
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class BadMemorySize(InterlockError):
    """A memory size cannot be read."""


def memory_bytes(text: str) -> int:
    """Read a memory size such as "4GB", "512 MiB" or "1.5g".

    Raises:
        BadMemorySize: It is no such size.
    """
    found = _SIZE.fullmatch(text.lower())
    if found is None:
        raise BadMemorySize(f"{text!r} is no memory size.", hint='Write it like "4GB" or "512MiB".')
    return int(float(found[1]) * _SIZES[found[2]])


def read_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a step, durations as seconds.

    Raises:
        ValueError: The first that is wrong, in words.
    """
    return {
        name: _READERS[name](name, value) if name in _READERS else value for name, value in options.items()
    }


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} takes a whole number from 0 on, not {value!r}")
    return value


def _amount(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} takes a number from 0 on, not {value!r}")
    return value


def _duration(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value.strip())):
        value = float(found[1]) * _TIMES[found[2]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f'{name} takes seconds above 0, or text such as "90s" or "5m", not {value!r}')
    return value


def _memory(name: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and _SIZE.fullmatch(value.lower())):
        return value
    raise ValueError(f'{name} takes a size such as "4GB" or "512MiB", not {value!r}')


def _list(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} takes a list, not {value!r}")  # noqa: TRY004 - one error for all options
    return tuple(value)


def _errors(name: str, value: Any) -> tuple[type[BaseException], ...]:
    several = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not several or not all(isinstance(one, type) and issubclass(one, BaseException) for one in several):
        raise ValueError(f"{name} takes an exception class or a list of them, not {value!r}")
    return several


def _delay(name: str, value: Any) -> float:
    return 0.0 if value == 0 and not isinstance(value, bool) else _duration(name, value) or 0.0


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} takes True or False, not {value!r}")  # noqa: TRY004 - one error for all options
    return value


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "retries": _count,
    "retry_on": _errors,
    "retry_delay": _delay,
    "timeout": _duration,
    "cpus": _amount,
    "gpus": _amount,
    "memory": _memory,
    "cache": _flag,
    "pickle": _flag,
    "depends": _list,
}
