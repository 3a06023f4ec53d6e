"""Signs of life of a run, from a thread of its own: a step may keep the run's thread busy for hours."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from interlock.errors import InterlockError
from interlock.records.records import Records
from interlock.records.runs import HEARTBEAT


@contextlib.contextmanager
def beating(records: Records, run_id: str, seconds: float = HEARTBEAT) -> Iterator[None]:
    """Record that a run lives, every few seconds while the block runs."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(seconds):
            with contextlib.suppress(InterlockError):  # the next one may get through
                records.runs.heartbeat(run_id)

    thread = threading.Thread(target=beat, name=f"heart of {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
