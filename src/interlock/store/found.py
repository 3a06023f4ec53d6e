"""What lies in a store, file by file or object by object."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = ("manifests", "blobs")


@dataclass(frozen=True)
class Found:
    """A file or an object.

    Attributes:
        path: Its path below the root of the store.
        size: Its size in bytes.
        modified: When it was written or refreshed, by the clock of who keeps it.
    """

    path: str
    size: int
    modified: float


def found_below(root: Path) -> Iterator[Found]:
    """Yield all files of a store in a folder; those that vanish meanwhile are passed over."""
    for part in PARTS:
        for top, _, names in os.walk(root / part):
            for name in names:
                path = Path(top, name)
                with contextlib.suppress(FileNotFoundError):
                    status = path.lstat()
                    yield Found(path.relative_to(root).as_posix(), status.st_size, status.st_mtime)
