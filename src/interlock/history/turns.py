"""One push at a time writes manifests into a store: two would give one number to two runs."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from interlock.errors import InterlockError
from interlock.history.remotes import TURN, Remote
from interlock.records.processes import is_alive, process_identity

PATIENCE = 60.0
"""Seconds to wait for another push to be done with its manifests, which come last and are small."""

STALE = 900.0
"""Seconds after which a push of another machine counts as dead."""

_PAUSE = 0.2


class RemoteBusy(InterlockError):
    """Another push is writing its manifests."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(
            f"{holder} is pushing there too, and is not done yet.",
            where=f"{name}/{TURN}",
            hint="Push again in a moment: what was copied is kept. If it is dead, remove that object.",
        )


@contextmanager
def turn(remote: Remote, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the turn to write manifests into a store.

    Raises:
        RemoteBusy: Somebody else has it for too long.
    """
    deadline = time.monotonic() + patience
    while (held := remote.claim(_claim())) is not None:
        claim, late = _read(held), time.monotonic() > deadline
        if _is_dead(claim) if claim else late:
            remote.release()
        elif late:
            raise RemoteBusy(remote.name, f"process {claim.get('pid')} of {claim.get('host')}")
        else:
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        remote.release()


def _claim() -> bytes:
    pid = os.getpid()
    facts = {"host": socket.gethostname(), "pid": pid, "process": process_identity(pid), "at": time.time()}
    return json.dumps(facts).encode()


def _read(claim: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(claim)
    except ValueError:
        return {}  # it is being written or given back just now, or whoever wrote it died half-way
    return found


def _is_dead(claim: dict[str, Any]) -> bool:
    if claim["host"] == socket.gethostname() and not is_alive(claim["pid"], claim["process"]):
        return True
    return bool(time.time() > claim["at"] + STALE)
