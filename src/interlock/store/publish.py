"""The one place where anything is written to disk so that it lasts.

A file appears whole or not at all: it is written under another name in the folder where it will be, then
renamed. Process death loses nothing of it then. Power loss does, until file and folder are synced: at once, or
later and together by way of `Pending`. After a sync that failed nobody knows what is on the disk, so the file
is thrown away and the sync never tried again.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from interlock import failpoints
from interlock.store import writeback
from interlock.store.faults import write_error
from interlock.store.leftovers import TEMPORARY

if TYPE_CHECKING:
    from typing_extensions import Buffer  # in the standard library from Python 3.12 on

_SERIAL = itertools.count()
_SIDE_BY_SIDE = 1 << 20  # from so many bytes on it pays to hash a piece while it is written
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Draft(io.RawIOBase):
    """A file under way, which nobody sees before `place`. Formats write into it as into any file.

    Args:
        folder: Where it is written; made if need be. It must be on the file system of the final place.
        hashed: Whether to hash what is written, for `hex`.
    """

    def __init__(self, folder: Path, *, hashed: bool = False) -> None:
        super().__init__()
        self.size = 0
        self._placed = False
        self._fd = -1
        self._hasher = blake3() if hashed else None
        self._path = folder / f"{TEMPORARY}{os.getpid()}-{next(_SERIAL)}-{os.urandom(4).hex()}"
        self._fd = self._create()

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Buffer) -> int:
        """Write all of `data`."""
        view = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
        if failpoints.torn("publish.write"):
            os.write(self._fd, view[: len(view) // 2])
            failpoints.die()
        failpoints.hit("publish.write")
        self.size += len(view)
        if self._hasher is None:
            self._put(view)
        elif len(view) < _SIDE_BY_SIDE:
            self._hasher.update(view)
            self._put(view)
        else:
            hashing = threading.Thread(target=self._hasher.update, args=(view,))
            hashing.start()
            try:
                self._put(view)
            finally:
                hashing.join()
        return len(view)

    def _put(self, rest: memoryview) -> None:
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    @property
    def hex(self) -> str:
        """The hash of what was written so far."""
        return "" if self._hasher is None else self._hasher.hexdigest()

    def place(self, target: Path, pending: Pending | None, mode: int) -> None:
        """Give the file its name, and make it safe from power loss now or, by `pending`, later."""
        os.fchmod(self._fd, mode)
        if pending is None:
            failpoints.hit("publish.fsync")
            os.fsync(self._fd)
        elif self.size >= writeback.LARGE:
            writeback.begin(self._fd)
        self.close()
        failpoints.hit("publish.rename")
        try:
            self._path.rename(target)
        except FileNotFoundError:
            make_folder(target.parent, pending)
            self._path.rename(target)
        self._placed = True
        failpoints.hit("publish.renamed")
        if pending is None:
            _sync_folder(target.parent)
        else:
            pending.add(target)

    def close(self) -> None:
        """Close the file; without `place` it is of no use to anybody."""
        if not self.closed and self._fd >= 0:
            os.close(self._fd)
        super().close()

    def discard(self) -> None:
        """Remove what was not put in place."""
        self.close()
        if not self._placed:
            _remove(self._path)

    def _create(self) -> int:
        failpoints.hit("publish.create")
        try:
            return os.open(self._path, _CREATE, 0o600)
        except FileNotFoundError:
            make_folder(self._path.parent, None)
            return os.open(self._path, _CREATE, 0o600)


class Pending:
    """Files and folders that every process sees whole, and that a power loss may still take."""

    def __init__(self) -> None:
        self._files: dict[Path, None] = {}
        self._folders: dict[Path, None] = {}
        self._changing = threading.Lock()
        self._syncing = threading.Lock()

    def add(self, path: Path) -> None:
        """Remember a file, and the folder that names it, for the next `sync`."""
        with self._changing:
            self._files[path] = None
            self._folders[path.parent] = None

    def holds(self, path: Path) -> bool:
        """Tell whether a file waits for the next `sync`."""
        return path in self._files

    def forget(self, path: Path) -> None:
        """Let go of a file that turned out to be of no use."""
        with self._changing:
            self._files.pop(path, None)

    def add_folder(self, path: Path) -> None:
        """Remember a new folder, that is: the folder that names it."""
        with self._changing:
            self._folders[path.parent] = None

    def sync(self) -> list[Path]:
        """Make all of them safe, each file and then each folder, and return the files.

        Also waits for a sync that another thread has under way: it may hold a file of the caller's.

        Raises:
            WriteFailed: The disk refuses. The files that are not safe were removed; the others are safe.
        """
        with self._syncing:
            with self._changing:
                files, self._files = list(self._files), {}
                folders, self._folders = list(self._folders), {}
            lost = _sync_all(files, folders)
            for path in files:
                if path in lost:
                    _remove(path)
            if lost:
                raise write_error(*next(iter(lost.items())))
            return files


@contextlib.contextmanager
def drafting(folder: Path, *, target: Path | None = None, hashed: bool = False) -> Iterator[Draft]:
    """Open a draft; whatever was not put in place when the block ends is gone.

    Raises:
        WriteFailed: The disk is full, failing or read-only; no half of a file remains.
    """
    draft = None
    try:
        draft = Draft(folder, hashed=hashed)
        yield draft
    except OSError as error:
        raise write_error(target or folder, error) from error
    finally:
        if draft is not None:
            draft.discard()


def publish_bytes(
    data: Buffer,
    target: Path,
    pending: Pending | None = None,
    *,
    mode: int = 0o444,
    folder: Path | None = None,
) -> None:
    """Write bytes to a file that appears whole or not at all, in the place of what has its name.

    Args:
        data: The bytes.
        target: The file; its folder is made, private to the user, if need be.
        pending: Gathers the file for a later sync; None makes it safe from power loss at once.
        mode: The permissions of the file.
        folder: Where the draft is written; None writes it beside the target.

    Raises:
        WriteFailed: The disk is full, failing or read-only; no half of a file remains.
    """
    with drafting(folder or target.parent, target=target) as draft:
        draft.write(data)
        draft.place(target, pending, mode)


def publish_file(source: Path, target: Path, pending: Pending | None = None, *, mode: int = 0o444) -> None:
    """Copy a file to where it appears whole or not at all; otherwise as `publish_bytes`.

    Raises:
        WriteFailed: As `publish_bytes`.
        OSError: The source cannot be opened.
    """
    with source.open("rb", buffering=0) as file, drafting(target.parent, target=target) as draft:
        shutil.copyfileobj(file, draft, 1 << 20)
        draft.place(target, pending, mode)


def write_output(path: Path, data: Buffer) -> None:
    """Write a file that the user named, whole or not at all; an existing file keeps its permissions.

    A link is followed, what is no file (``/dev/stdout``, a pipe) is simply written to, and missing folders
    are made.

    Raises:
        WriteFailed: It cannot be written; what was there before still is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode if path.exists() else stat.S_IFREG | (0o666 & ~_umask())
        if stat.S_ISREG(mode):
            publish_bytes(data, Path(os.path.realpath(path)), mode=stat.S_IMODE(mode))
        else:
            path.write_bytes(data)
    except OSError as error:
        raise write_error(path, error) from error


def make_folder(folder: Path, pending: Pending | None) -> None:
    """Make a folder and those above it, private to the user; safe to call from several processes at once.

    Args:
        folder: The folder.
        pending: As in `publish_bytes`.

    Raises:
        OSError: It cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent, pending)
    folder.mkdir(mode=0o700, exist_ok=True)
    if pending is None:
        _sync_folder(folder.parent)
    else:
        pending.add_folder(folder)


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _sync_all(files: list[Path], folders: list[Path]) -> dict[Path, OSError]:
    """Sync files, then folders, and return those that are not safe, each with the reason."""
    lost: dict[Path, OSError] = {}
    for path in files:
        try:
            failpoints.hit("publish.fsync")
            _sync(path, os.O_RDONLY)
        except FileNotFoundError:
            pass  # set aside as damaged, or removed as garbage, since it was written
        except OSError as error:
            lost[path] = error
    for folder in folders:
        try:
            _sync_folder(folder)
        except OSError as error:
            lost[folder] = error
            lost |= {path: error for path in files if path.is_relative_to(folder)}
    return lost


def _sync_folder(folder: Path) -> None:
    failpoints.hit("publish.folder")
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
