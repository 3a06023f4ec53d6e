"""Failpoints: named places where a test makes this process die or its disk fail. Inert unless asked for.

``INTERLOCK_FAILPOINT=name[:n]=kind``, set when the process starts, acts the n-th time (default: the
first) that the place is passed. It stays quiet before and after, so that a test can also see what a
process does with one fault. Kinds:

- ``kill``: SIGKILL to this process, as a crash or the OOM killer would.
- ``eio``, ``enospc``: the OSError of a failing or a full disk.
- ``sleep``: two seconds, long enough for a test to look or to kill from outside.
- ``torn``: half of the bytes are written, then ``kill``. Only where bytes are written.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import signal
import threading
import time

from interlock.errors import InterlockError, did_you_mean

VARIABLE = "INTERLOCK_FAILPOINT"

_WRITES = frozenset({"publish.write"})
_NAMES = _WRITES | {
    "publish.create",
    "publish.fsync",
    "publish.rename",
    "publish.renamed",
    "publish.folder",
    "sweep.remove",
    "records.begin",
    "records.commit.before",
    "records.commit.after",
}
_KINDS = frozenset({"kill", "eio", "enospc", "sleep", "torn"})
_ERRNO = {"eio": errno.EIO, "enospc": errno.ENOSPC}
_SLEEP_SECONDS = 2.0
_PLAN = re.compile(r"(?P<name>[a-z.]+)(:(?P<nth>[1-9][0-9]*))?=(?P<kind>[a-z]+)")


class BadFailpoint(InterlockError):
    """The environment names a failpoint that does not exist, or what no failpoint does."""

    exit_code = 2

    def __init__(self, text: str, problem: str, hint: str) -> None:
        super().__init__(f"{problem} in {text!r}.", where=VARIABLE, hint=hint)
        self.text = text


class Plan:
    """What is to happen at one failpoint, and how often it was passed."""

    def __init__(self, name: str, nth: int, kind: str) -> None:
        self.name = name
        self.kind = kind
        self._left = nth
        self._lock = threading.Lock()

    def due(self, name: str) -> bool:
        """Count a pass of `name` and tell whether it is the one to act at."""
        if name != self.name:
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0


def names() -> frozenset[str]:
    """Return the names of all failpoints."""
    return _NAMES


def hit(name: str) -> None:
    """Pass a failpoint: nothing happens, unless the environment asked for it.

    Raises:
        OSError: The environment asked for it.
        BadFailpoint: The environment asks for something that does not exist.
    """
    plan = _plan()
    if plan is not None and plan.kind != "torn" and plan.due(name):
        _act(plan.kind)


def torn(name: str) -> bool:
    """Tell whether only half of the bytes are to be written here; the caller does so, then calls `die`."""
    plan = _plan()
    return plan is not None and plan.kind == "torn" and plan.due(name)


def die() -> None:
    """End this process as a crash would: nothing is flushed, no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def parse(text: str) -> Plan:
    """Read the value of the environment variable.

    Raises:
        BadFailpoint: It names no failpoint, or a kind that cannot happen there.
    """
    match = _PLAN.fullmatch(text)
    if match is None:
        raise BadFailpoint(text, "There is no failpoint", "Write name=kind or name:n=kind.")
    name, kind = match["name"], match["kind"]
    if name not in _NAMES:
        raise BadFailpoint(text, f"There is no failpoint {name!r}", did_you_mean(name, _NAMES))
    if kind not in _KINDS:
        raise BadFailpoint(text, f"Nothing is called {kind!r}", did_you_mean(kind, _KINDS))
    if kind == "torn" and name not in _WRITES:
        raise BadFailpoint(text, f"Nothing is written at {name!r}", did_you_mean(name, _WRITES))
    return Plan(name, int(match["nth"] or 1), kind)


@functools.cache
def _plan() -> Plan | None:
    """Read the environment once: afterwards a failpoint costs one comparison."""
    text = os.environ.get(VARIABLE, "")
    return parse(text) if text else None


def _act(kind: str) -> None:
    if kind == "kill":
        die()
    elif kind == "sleep":
        time.sleep(_SLEEP_SECONDS)
    else:
        raise OSError(_ERRNO[kind], os.strerror(_ERRNO[kind]))
