"""The removal of files that nobody relies on, safe beside processes that begin to rely on them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from interlock import failpoints
from interlock.store.locks import file_lock

LOCK = "sweep.lock"
"""The lock of a store's files: shared to refresh one, alone to remove some."""

_AT_ONCE = 200


def remove_old(root: Path, paths: Iterable[Path], before: float) -> list[tuple[Path, int]]:
    """Remove files that are still older than a time, and return them with their sizes.

    Raises:
        OSError: A file cannot be removed.
    """
    removed: list[tuple[Path, int]] = []
    waiting = list(paths)
    for first in range(0, len(waiting), _AT_ONCE):
        with file_lock(root / LOCK):
            for path in waiting[first : first + _AT_ONCE]:
                size = _remove(path, before)
                if size is not None:
                    removed.append((path, size))
    return removed


def _remove(path: Path, before: float) -> int | None:
    try:
        status = path.lstat()
        if status.st_mtime >= before:
            return None
        failpoints.hit("sweep.remove")
        path.unlink()
    except FileNotFoundError:
        return None
    return status.st_size
