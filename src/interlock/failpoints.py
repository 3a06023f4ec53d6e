"""Failpoints: named places where a test makes a process die or a disk fail. Inert unless asked for.

`INTERLOCK_FAILPOINT=name[:n]=kind`, set when the process starts, acts at the n-th time (default: the first)
that the place is passed. Kinds: `kill` (SIGKILL to this process), `eio`, `enospc` (the OSError), `sleep` (ten
seconds), `torn` (half of the bytes are written, then SIGKILL; only where bytes are written).
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from dataclasses import dataclass, field

from interlock.errors import InterlockError, did_you_mean

VARIABLE = "INTERLOCK_FAILPOINT"

_NAMES = frozenset(
    {
        "publish.write",
        "publish.fsync",
        "publish.rename",
        "publish.renamed",
        "records.begin",
        "records.commit.before",
        "records.commit.after",
    }
)
_KINDS = ("kill", "eio", "enospc", "sleep", "torn")
_ERRNO = {"eio": errno.EIO, "enospc": errno.ENOSPC}
_SLEEP_SECONDS = 10.0


class BadFailpoint(InterlockError):
    """The environment names a failpoint that does not exist."""


@dataclass
class _Plan:
    name: str
    kind: str
    at: int
    passed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def due(self, name: str) -> bool:
        if name != self.name:
            return False
        with self.lock:
            self.passed += 1
            return self.passed == self.at


def names() -> frozenset[str]:
    """Return the names of all failpoints."""
    return _NAMES


def hit(name: str) -> None:
    """Pass a failpoint: nothing happens, unless the environment asked for it."""
    if _PLAN is not None and _PLAN.kind != "torn" and _PLAN.due(name):
        _act(_PLAN.kind)


def torn(name: str) -> bool:
    """Tell whether only half of the bytes are to be written here; `die` follows."""
    return _PLAN is not None and _PLAN.kind == "torn" and _PLAN.due(name)


def die() -> None:
    """End this process as a crash would."""
    os.kill(os.getpid(), signal.SIGKILL)


def _act(kind: str) -> None:
    if kind == "kill":
        die()
    elif kind == "sleep":
        time.sleep(_SLEEP_SECONDS)
    else:
        raise OSError(_ERRNO[kind], os.strerror(_ERRNO[kind]))


def parse(text: str) -> _Plan | None:
    """Read the value of the environment variable.

    Raises:
        BadFailpoint: It names no failpoint or no kind.
    """
    if not text:
        return None
    place, _, kind = text.partition("=")
    name, _, at = place.partition(":")
    if name not in _NAMES:
        raise BadFailpoint(
            f"There is no failpoint {name!r}.", where=VARIABLE, hint=did_you_mean(name, _NAMES)
        )
    if kind not in _KINDS or (at and not at.isdigit()):
        raise BadFailpoint(
            f"{text!r} is no failpoint: name[:n]=kind.", where=VARIABLE, hint=did_you_mean(kind, _KINDS)
        )
    return _Plan(name, kind, int(at or 1))


_PLAN = parse(os.environ.get(VARIABLE, ""))  # read once at start, so that the hot path is one comparison
