"""The one place where anything is written to disk so that it lasts.

A file appears whole or not at all: it is written under another name in the same folder, then renamed. What
must survive a power loss is synced, file and folder; `Pending` gathers what may be synced later, together.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from interlock import failpoints
from interlock.errors import InterlockError

_TEMPORARY = ".tmp-"
_COUNTER = itertools.count()
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class WriteFailed(InterlockError):
    """Something could not be written; nothing of it remains."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path} could not be written: {error.strerror or error}.",
            where=str(path.parent),
            hint=self.way_out,
        )
        self.path = path

    way_out = "Look at the disk, then run again: what was finished is kept."


class StoreFull(WriteFailed):
    """The disk is full."""

    way_out = "Free some space, then run again: what was finished is kept."


class StoreNotWritable(WriteFailed):
    """The folder may not be written to."""

    way_out = "Make the folder writable, or name another one with INTERLOCK_HOME."


@dataclass
class Pending:
    """Files whose bytes are in place for every process, and not yet safe from a power loss."""

    files: list[Path] = field(default_factory=list)

    def sync(self) -> None:
        """Make all of them safe: each file, then each folder that they are in.

        Raises:
            WriteFailed: The disk refuses; what was pending is not safe.
        """
        files, self.files = self.files, []
        for path in files:
            _sync(path)
        for folder in dict.fromkeys(path.parent for path in files):
            _sync(folder)


def publish_bytes(
    data: bytes | memoryview, target: Path, pending: Pending | None = None, *, mode: int = 0o444
) -> None:
    """Write bytes to a new file that appears whole or not at all.

    Args:
        data: The bytes.
        target: The file; its folder is made.
        pending: Gathers the file for a later sync; None syncs at once.
        mode: The permissions of the file.

    Raises:
        WriteFailed: The disk is full, failing or read-only; no part of the file remains.
    """
    temporary = _temporary(target)
    try:
        with open(temporary, "xb", buffering=0) as file:
            if failpoints.torn("publish.write"):
                file.write(data[: len(data) // 2])
                failpoints.die()
            failpoints.hit("publish.write")
            _write_all(file.fileno(), data)
        _put_in_place(temporary, target, pending, mode)
    except OSError as error:
        _discard(temporary)
        raise write_error(target, error) from error


def publish_file(source: Path, target: Path, pending: Pending | None = None, *, mode: int = 0o444) -> None:
    """Copy a file to where it appears whole or not at all; otherwise as `publish_bytes`."""
    temporary = _temporary(target)
    try:
        failpoints.hit("publish.write")
        shutil.copyfile(source, temporary)
        _put_in_place(temporary, target, pending, mode)
    except OSError as error:
        _discard(temporary)
        raise write_error(target, error) from error


def write_output(path: Path, data: bytes) -> None:
    """Write a file that the user named, whole or not at all, with the user's usual permissions.

    Raises:
        WriteFailed: It cannot be written; what was there before still is.
    """
    umask = os.umask(0)
    os.umask(umask)
    publish_bytes(data, path, mode=0o666 & ~umask)


def sweep(folder: Path) -> int:
    """Remove what dead processes left half written below a folder, and return how many files that were."""
    removed = 0
    for path in folder.rglob(f"{_TEMPORARY}*"):
        pid = path.name.removeprefix(_TEMPORARY).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _discard(path)
            removed += 1
    return removed


def write_error(target: Path, error: OSError) -> WriteFailed:
    """Return the error of ours for what the system said."""
    if error.errno in _FULL:
        return StoreFull(target, error)
    if error.errno in _READ_ONLY:
        return StoreNotWritable(target, error)
    return WriteFailed(target, error)


def _temporary(target: Path) -> Path:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(target, error) from error
    return target.parent / f"{_TEMPORARY}{os.getpid()}-{next(_COUNTER)}"


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    while view:
        view = view[os.write(descriptor, view) :]


def _put_in_place(temporary: Path, target: Path, pending: Pending | None, mode: int) -> None:
    os.chmod(temporary, mode)
    if pending is None:
        failpoints.hit("publish.fsync")
        _sync(temporary)
    failpoints.hit("publish.rename")
    os.replace(temporary, target)
    failpoints.hit("publish.renamed")
    if pending is None:
        _sync(target.parent)
    else:
        pending.files.append(target)


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # removed since: there is nothing left to make safe
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        os.close(descriptor)


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
