"""Locks between processes that share a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def file_lock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold the lock that a file stands for; the end of the process gives it back too.

    Args:
        path: The file; it is made, in a folder that is there.
        shared: Whether others may hold it shared at the same time.
        wait: Whether to wait for it.

    Raises:
        BlockingIOError: Somebody else holds it, and it is not waited for.
        OSError: The file cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)
