"""Large files on their way to the disk: begun early, so that the sync at the end of a run has little left to wait for."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable

LARGE = 8 << 20
"""From so many bytes on a thread of its own costs less than it saves."""

_WRITE = 2  # SYNC_FILE_RANGE_WRITE of sync_file_range(2): begin to write, wait for nothing


def begin(descriptor: int) -> None:
    """Let the system begin to write what a file holds in memory; nothing is promised before a sync.

    An error of the disk is told by the sync, not here. Where the system has no such call, nothing happens.
    """
    call = _sync_file_range()
    if call is None:
        return
    own = os.dup(descriptor)

    def work() -> None:
        try:
            call(own, 0, 0, _WRITE)
        finally:
            os.close(own)

    threading.Thread(target=work, name="interlock-writeback", daemon=True).start()


@functools.cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    try:
        found = ctypes.CDLL(None).sync_file_range
    except (AttributeError, OSError, TypeError):
        return None
    found.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    call: Callable[[int, int, int, int], int] = found
    return call
