"""Blobs and manifests in a local folder, each under its own digest."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from interlock.errors import InterlockError
from interlock.identity.canonical import canonical_json
from interlock.identity.digest import PREFIX, digest_bytes, digest_file
from interlock.stack.sockets import Write
from interlock.store.faults import ReadFailed
from interlock.store.keys import ASIDE, blob_path, manifest_folder, manifest_path
from interlock.store.leftovers import sweep
from interlock.store.locks import file_lock
from interlock.store.pace import PACE, Pace
from interlock.store.publish import Pending, drafting, publish_bytes
from interlock.store.sweeping import LOCK
from interlock.store.verify import Damage, verify_folder

_NAME = re.compile(r"([0-9a-f]{64})\.json", re.ASCII)

# A blob's permissions tell every process whether power loss can still take it. What a killed process
# left unsafe becomes safe with the next `sync` of whoever relies on it.
_UNSAFE, _SAFE = 0o400, 0o444

_T = TypeVar("_T")
_Identity = tuple[int, int, int, int]
_PIECE = 1 << 20


class MissingBlob(InterlockError):
    """The store does not hold what is asked for."""

    def __init__(self, digest: str, root: Path | str) -> None:
        super().__init__(
            f"The store does not hold {digest[:19]}….",
            where=str(root),
            hint="Run the pipeline again: the step that made it will run anew.",
        )
        self.digest = digest


class CorruptBlob(InterlockError):
    """Stored bytes are not those that their digest names. They are set aside, so that they can be made anew."""

    def __init__(self, digest: str, path: Path | str, problem: str) -> None:
        super().__init__(
            f"The stored bytes of {digest[:19]}… are damaged: {problem}.",
            where=str(path),
            hint="They were set aside and not used. Run again: what made them will run anew. Check the disk.",
        )
        self.digest = digest
        self.path = path
        self.problem = problem


class LocalStore:
    """A folder that keeps bytes under their digest: `blobs/ab/<hex>` and `manifests/<kind>/<hex>.json`.

    It fills the socket `store`. Files are read-only and never change. One that is found damaged is renamed to
    `<name>.damaged`: `has` then no longer knows it, so what made it runs anew.

    What is found in place instead of being written, and is old, is given a new time, so that a removal of
    garbage that runs at the same moment leaves it alone.

    Args:
        root: The folder.
        pace: From which age on that is done.
    """

    def __init__(self, root: Path, *, pace: Pace = PACE) -> None:
        self.root = root
        self.pace = pace
        self._blobs = root / "blobs"
        self._pending = Pending()
        self._verified: dict[Path, _Identity] = {}

    @property
    def cache(self) -> Path:
        """The folder for what can be made again from the blobs at any time."""
        return self.root / "cache"

    def put_bytes(self, data: bytes | memoryview) -> str:
        """Store bytes and return their digest.

        Raises:
            WriteFailed: They cannot be written.
        """
        digest = digest_bytes(data)
        self._publish(data, self._blob(digest))
        return digest

    def put_file(self, path: Path) -> str:
        """Copy a file in and return the digest of the bytes that were copied.

        Raises:
            ReadFailed: The file cannot be read.
            WriteFailed: It cannot be written to the store.
        """
        return self.put_stream(lambda out: copy_into(out, path))[0]

    def put_stream(self, write: Write) -> tuple[str, int]:
        """Store what `write` writes into the file that it is given; return its digest and size.

        This spares large values the way through memory.

        Raises:
            WriteFailed: It cannot be written.
        """
        with drafting(self._blobs, hashed=True) as draft:
            write(draft)
            path = self._blobs / draft.hex[:2] / draft.hex
            if not self._knows(path):
                draft.place(path, self._pending, _UNSAFE)
            return PREFIX + draft.hex, draft.size

    def take(self, pieces: Iterable[bytes], digest: str) -> tuple[str, int]:
        """Store pieces if they are those of a digest; return the digest and the size that they have.

        Raises:
            WriteFailed: They cannot be written.
        """
        with drafting(self._blobs, hashed=True) as draft:
            for piece in pieces:
                draft.write(piece)
            found, path = PREFIX + draft.hex, self._blob(digest)
            if found == digest and not self._knows(path):
                draft.place(path, self._pending, _UNSAFE)
            return found, draft.size

    def get_bytes(self, digest: str) -> bytes:
        """Return the bytes of a blob, verified.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
            ReadFailed: It cannot be read.
        """
        return self._read(digest, self._blob(digest))

    def get_file(self, digest: str) -> Path:
        """Return the path of a blob that was verified since this process began, and not touched since.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
            ReadFailed: It cannot be read.
        """
        path = self._blob(digest)
        identity = _identity(self._find(digest, path))
        if self._verified.get(path) != identity:
            found = self._reading(digest, path, digest_file)
            if found != digest:
                raise self._set_aside(digest, path, "their digest is another one")
            self._verified[path] = identity
        return path

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there, without reading it."""
        return self._knows(self._blob(digest))

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        """Store a manifest as canonical JSON and return its digest.

        Raises:
            NotCanonical: The body is no JSON object.
            WriteFailed: It cannot be written.
        """
        data = canonical_json(dict(body))
        digest = digest_bytes(data)
        self._publish(data, self._manifest(kind, digest))
        return digest

    def get_manifest(self, kind: str, digest: str) -> dict[str, Any]:
        """Return a manifest, verified.

        Raises:
            MissingBlob: It is not there.
            CorruptBlob: Its bytes are damaged.
            ReadFailed: It cannot be read.
        """
        body: dict[str, Any] = json.loads(self._read(digest, self._manifest(kind, digest)))
        return body

    def manifests(self, kind: str) -> Iterator[str]:
        """Yield the digest of every manifest of a kind; files that are none are passed over."""
        try:
            with os.scandir(self.root / manifest_folder(kind)) as entries:
                names = sorted(entry.name for entry in entries)
        except FileNotFoundError:
            return
        for name in names:
            match = _NAME.fullmatch(name)
            if match is not None:
                yield PREFIX + match[1]

    def adopt(self, digests: Iterable[str]) -> None:
        """Let the next `sync` be for blobs too that another process has just put for this one."""
        for digest in digests:
            path = self._blob(digest)
            with contextlib.suppress(FileNotFoundError):
                if _is_unsafe(path.lstat()):
                    self._pending.add(path)

    def sync(self) -> None:
        """Make everything put so far safe from power loss.

        Raises:
            WriteFailed: The disk refuses. What is not safe was removed, and can be put again.
        """
        for path in self._pending.sync():
            # Another process may have set it aside or removed it since.
            with contextlib.suppress(FileNotFoundError):
                self._mark_safe(path)

    def verify(self) -> Iterator[Damage]:
        """Read everything, trusting no earlier check, and yield what is damaged or does not belong there."""
        return verify_folder(self.root)

    def sweep(self) -> list[Path]:
        """Remove what dead processes left half written, and return what that was."""
        return sweep(self.root)

    def _publish(self, data: bytes | memoryview, path: Path) -> None:
        if not self._knows(path):
            # One folder for all drafts: many file systems keep new files of one folder together, so that
            # making one in each of 256 folders takes several times as long.
            publish_bytes(data, path, self._pending, mode=_UNSAFE, folder=self._blobs)

    def _knows(self, path: Path) -> bool:
        """Tell whether a file is in place; if power loss could take it, the next `sync` is for it too."""
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        if not stat.S_ISREG(status.st_mode):
            return False
        if status.st_mtime < time.time() - self.pace.fresh and not self._refresh(path):
            return False
        if _is_unsafe(status) and not self._pending.holds(path):
            return self._survived(path)
        return True

    def _refresh(self, path: Path) -> bool:
        """Give a file a new time, unless it was removed meanwhile; tell whether it is there."""
        try:
            with file_lock(self.root / LOCK, shared=True):
                before = _identity(path.lstat())
                os.utime(path)
                if self._verified.get(path) == before:
                    self._verified[path] = _identity(path.stat())
        except FileNotFoundError:
            return False
        except OSError:
            return True  # a store that cannot be written to: nobody removes anything from it either
        return True

    def _survived(self, path: Path) -> bool:
        """Tell whether a file is whole that another process did not come to sync: the power may have gone since.

        One that is not is set aside, so that it is made anew.
        """
        digest = PREFIX + path.name.removesuffix(".json")
        try:
            found = _reading(path, digest_file)
        except ReadFailed:
            if path.exists():
                raise
            return False  # set aside by another process just now
        if found != digest:
            self._set_aside(digest, path, "it was never synced")
            return False
        self._pending.add(path)
        return True

    def _note_unsafe(self, path: Path, status: os.stat_result) -> None:
        if _is_unsafe(status):
            self._pending.add(path)

    def _mark_safe(self, path: Path) -> None:
        before = _identity(path.stat())
        path.chmod(_SAFE)
        if self._verified.get(path) == before:
            self._verified[path] = _identity(path.stat())

    def _read(self, digest: str, path: Path) -> bytes:
        self._find(digest, path)
        data = self._reading(digest, path, Path.read_bytes)
        if digest_bytes(data) != digest:
            raise self._set_aside(digest, path, "their digest is another one")
        return data

    def _reading(self, digest: str, path: Path, read: Callable[[Path], _T]) -> _T:
        try:
            return read(path)
        except FileNotFoundError:
            raise MissingBlob(digest, self.root) from None  # it was removed just now
        except OSError as error:
            raise ReadFailed(path, error) from error

    def _find(self, digest: str, path: Path) -> os.stat_result:
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise MissingBlob(digest, self.root) from None
        except OSError as error:
            raise ReadFailed(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            # A link could lead to any file of the machine.
            raise self._set_aside(digest, path, "in their place is something that is no file")
        self._note_unsafe(path, status)
        return status

    def _set_aside(self, digest: str, path: Path, problem: str) -> CorruptBlob:
        self._verified.pop(path, None)
        self._pending.forget(path)
        # A store that cannot be written to is still read: the error says what is damaged.
        with contextlib.suppress(OSError):
            path.rename(path.with_name(path.name + ASIDE))
        return CorruptBlob(digest, path, problem)

    def _blob(self, digest: str) -> Path:
        return self.root / blob_path(digest)

    def _manifest(self, kind: str, digest: str) -> Path:
        return self.root / manifest_path(kind, digest)


def _is_unsafe(status: os.stat_result) -> bool:
    return stat.S_IMODE(status.st_mode) == _UNSAFE


def _identity(status: os.stat_result) -> _Identity:
    return status.st_ino, status.st_mtime_ns, status.st_size, status.st_ctime_ns


def _reading(path: Path, read: Callable[[Path], _T]) -> _T:
    try:
        return read(path)
    except OSError as error:
        raise ReadFailed(path, error) from error


def copy_into(out: io.RawIOBase, path: Path) -> None:
    """Write a file into another one.

    Raises:
        ReadFailed: The file cannot be read.
    """
    source = _reading(path, lambda one: one.open("rb", buffering=0))
    with source:
        while piece := _reading(path, lambda _: source.read(_PIECE)):
            out.write(piece)
