"""The removal of garbage from a store, safe beside processes that write: one interface, for folders and buckets."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol

from interlock import failpoints
from interlock.errors import InterlockError
from interlock.store.blobs import LocalStore
from interlock.store.bucket_store import BucketStore
from interlock.store.faults import write_error
from interlock.store.found import PARTS, Found, found_below
from interlock.store.locks import file_lock
from interlock.store.objects import Objects
from interlock.store.opening import Store
from interlock.store.pace import Pace
from interlock.store.sweeping import remove_old
from interlock.store.uses import COLLECTING, Uses

_GC_LOCK = "gc.lock"
_BATCH = 500
_MARGIN = 60.0
"""Seconds before its time is over in which a removal from a bucket begins nothing new."""


class AlreadyCollecting(InterlockError):
    """Another process is removing garbage from the store."""

    def __init__(self, where: str, who: str) -> None:
        super().__init__(
            f"Garbage is being removed from the store already, {who}.",
            where=where,
            hint="Wait until it is done. One that died counts as under way for half an hour in a bucket.",
        )


class Removal(Protocol):
    """A removal under way; there is one at a time."""

    @property
    def now(self) -> float:
        """The time by the clock that says when things were written."""
        ...

    def remove(self, garbage: Sequence[Found], before: float) -> list[Found]:
        """Remove what is still older than a time and what nobody relies on by now; return what went.

        Args:
            garbage: In the order in which it goes.
            before: The time.
        """
        ...


def inventory(store: Store) -> Iterator[Found]:
    """Yield all that lies in a store, manifests before blobs.

    Raises:
        BucketFailed: The bucket cannot be listed.
    """
    if isinstance(store, LocalStore):
        yield from found_below(store.root)
        return
    for part in PARTS:
        yield from store.objects.below(part)


@contextlib.contextmanager
def removal(store: Store, *, alone: bool = False) -> Iterator[Removal]:
    """Begin to remove garbage from a store.

    Args:
        store: The store.
        alone: Whether it is certain that nobody writes.

    Raises:
        AlreadyCollecting: Somebody else does it.
        WriteFailed, BucketFailed: The store cannot be written to.
    """
    if isinstance(store, BucketStore):
        with _collecting(store.objects, store.pace) as collecting:
            collecting.patience = 0.0 if alone else store.pace.notice
            yield collecting
        return
    with contextlib.ExitStack() as stack:
        try:
            store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(file_lock(store.root / _GC_LOCK, wait=False))
        except BlockingIOError:
            raise AlreadyCollecting(str(store.root), "by another process") from None
        except OSError as error:
            raise write_error(store.root, error) from error
        yield _FolderRemoval(store)


class _FolderRemoval:
    def __init__(self, store: LocalStore) -> None:
        self._root = store.root
        self.now = time.time()

    def remove(self, garbage: Sequence[Found], before: float) -> list[Found]:
        by_path = {self._root / one.path: one for one in garbage}
        try:
            return [by_path[path] for path, _ in remove_old(self._root, by_path, before)]
        except OSError as error:
            raise write_error(self._root, error) from error


class _BucketRemoval:
    def __init__(self, objects: Objects, pace: Pace, claim: dict[str, Any], now: float) -> None:
        self._objects = objects
        self._uses = Uses(objects, pace)
        self._claim = claim
        self.patience = pace.notice
        self.now = now

    def remove(self, garbage: Sequence[Found], before: float) -> list[Found]:
        doomed = [one.path for one in garbage]
        self._objects.put(COLLECTING, json.dumps({**self._claim, "doomed": doomed}).encode())
        time.sleep(self.patience)  # from now on every writer has read the list before it relies on anything
        marks = dict(self._uses.marks())
        spared = {name for name, since in marks.items() if since >= before}
        going = [one for one in garbage if PurePosixPath(one.path).stem not in spared]
        removed: list[Found] = []
        for first in range(0, len(going), _BATCH):
            if time.time() > self._claim["until"] - _MARGIN:
                break  # the rest is for the next time
            failpoints.hit("sweep.remove")
            batch = going[first : first + _BATCH]
            self._objects.delete([one.path for one in batch])
            removed += batch
        self._uses.forget(name for name in marks if name not in spared)
        return removed


@contextlib.contextmanager
def _collecting(objects: Objects, pace: Pace) -> Iterator[_BucketRemoval]:
    claim = {
        "who": f"process {os.getpid()} of {socket.gethostname()}",
        "id": os.urandom(8).hex(),
        "until": time.time() + pace.limit,
    }
    body = json.dumps(claim).encode()
    while not objects.create(COLLECTING, body):
        held = _read(objects)
        if held.get("until", 0.0) > time.time():
            raise AlreadyCollecting(objects.name, f"by {held.get('who')}")
        objects.delete([COLLECTING])
    written = objects.head(COLLECTING)
    try:
        yield _BucketRemoval(objects, pace, claim, written.modified if written else time.time())
    finally:
        if _read(objects).get("id") == claim["id"]:
            objects.delete([COLLECTING])


def _read(objects: Objects) -> dict[str, Any]:
    try:
        found = json.loads(objects.get(COLLECTING) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
