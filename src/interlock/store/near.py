"""A folder of this machine that holds what was last used of a store elsewhere."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from interlock.stack.sockets import Write
from interlock.store.blobs import CorruptBlob, LocalStore, MissingBlob
from interlock.store.keys import ASIDE
from interlock.store.pace import Pace
from interlock.store.sweeping import remove_old

IN_USE = 600.0
"""Seconds since its last use in which nothing is removed: somebody may be about to open it."""

_FRESH = IN_USE / 2
_ROOM = 0.9
"""The part of the limit that is left filled when something had to go."""


class NearStore:
    """Verified copies by digest; those that were not used for the longest time go first.

    Processes may share the folder. What is in it is verified when a process first uses it and whenever it was
    touched since; what is damaged is removed, as it can be had again.

    Args:
        root: The folder.
        limit: Bytes that it may hold. A little more may lie there for minutes: what was used just now stays.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self._limit = limit
        self._files = LocalStore(root, pace=Pace(fresh=_FRESH))
        self._since: float | None = None  # bytes that came since the folder was last looked through
        self._lock = threading.Lock()

    def file(self, digest: str) -> Path | None:
        """Return the path of a copy, which stays for the next minutes; None where there is none."""
        if not self._files.has(digest):
            return None
        try:
            return self._files.get_file(digest)
        except CorruptBlob as damaged:
            self._drop(damaged)
        except MissingBlob:
            pass
        return None

    def read(self, digest: str) -> bytes | None:
        """Return the bytes of a copy; None where there is none."""
        if not self._files.has(digest):
            return None
        try:
            return self._files.get_bytes(digest)
        except CorruptBlob as damaged:
            self._drop(damaged)
        except MissingBlob:
            pass
        return None

    def has(self, digest: str) -> bool:
        """Tell whether there is a copy, without reading it."""
        return self._files.has(digest)

    def add(self, data: bytes | memoryview) -> str:
        """Keep bytes and return their digest.

        Raises:
            WriteFailed: They cannot be written.
        """
        digest = self._files.put_bytes(data)
        self._grown(len(data))
        return digest

    def add_stream(self, write: Write) -> tuple[str, int]:
        """Keep what `write` writes into the file that it is given; return its digest and size.

        Raises:
            WriteFailed: It cannot be written.
        """
        digest, size = self._files.put_stream(write)
        self._grown(size)
        return digest, size

    def take(self, pieces: Iterable[bytes], digest: str) -> str:
        """Keep pieces if they are those of a digest; return the digest that they have.

        Raises:
            WriteFailed: They cannot be written.
        """
        found, size = self._files.take(pieces, digest)
        self._grown(size)
        return found

    def trim(self) -> int:
        """Remove what was not used for the longest time until the limit is kept; return how many bytes went."""
        files = sorted(_files(self.root / "blobs"))
        over = sum(size for _, size, _ in files) - self._limit
        if over <= 0:
            return 0
        over += int(self._limit * (1 - _ROOM))
        chosen = []
        for _, size, path in files:
            if over <= 0:
                break
            chosen.append(path)
            over -= size
        return sum(size for _, size in remove_old(self.root, chosen, time.time() - IN_USE))

    def _grown(self, size: int) -> None:
        """Count what came; now and then the folder is looked through."""
        with self._lock:
            due = self._since is None or self._since + size > self._limit / 20
            self._since = 0.0 if due else (self._since or 0.0) + size
        if due:
            with contextlib.suppress(OSError):  # what cannot be removed now is another time
                self.trim()

    @staticmethod
    def _drop(damaged: CorruptBlob) -> None:
        if isinstance(damaged.path, Path):
            with contextlib.suppress(OSError):
                damaged.path.with_name(damaged.path.name + ASIDE).unlink()


def _files(folder: Path) -> Iterable[tuple[float, int, Path]]:
    """Yield the files below a folder with the time of their last use and their size; drafts are left out."""
    for top, _, names in os.walk(folder):
        for name in names:
            if name.startswith("."):
                continue
            path = Path(top, name)
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                yield status.st_mtime, status.st_size, path
