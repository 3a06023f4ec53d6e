"""What the operating system says about a disk, in our words."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import ClassVar

from interlock.errors import InterlockError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}


class WriteFailed(InterlockError):
    """Something could not be written; nothing of it remains."""

    way_out: ClassVar[str] = ""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path.name} could not be written: {error.strerror or error}.",
            where=str(path),
            hint=self.way_out,
        )
        self.path = path


class StoreFull(WriteFailed):
    """The disk is full, or a quota is used up."""

    way_out = "Free some space, then run again: what was finished is kept."


class StoreNotWritable(WriteFailed):
    """The folder may not be written to."""

    way_out = "Make the folder writable, or name another one. INTERLOCK_HOME moves what Interlock keeps."


class StoreFailed(WriteFailed):
    """The disk failed in another way."""

    way_out = "Look after the disk, then run again: what was finished is kept."


class ReadFailed(InterlockError):
    """Something is there and cannot be read."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path.name} could not be read: {error.strerror or error}.",
            where=str(path),
            hint="Check the permissions of the folder and the health of the disk.",
        )
        self.path = path


def write_error(path: Path, error: OSError) -> WriteFailed:
    """Return the error of ours for what the system said when `path` was to be written."""
    if error.errno in _FULL:
        return StoreFull(path, error)
    if error.errno in _FORBIDDEN:
        return StoreNotWritable(path, error)
    return StoreFailed(path, error)
