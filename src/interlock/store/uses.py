"""How writers and the removal of garbage keep out of each other's way in a bucket, where nothing can be locked.

A writer that relies on an old object writes a mark for it, and then looks whether a removal has the object on its
list. A removal publishes its list, waits until every writer has had to look again, and then reads the marks. So
either the removal sees the mark, or the writer sees the list; it then waits until the removal is over, and looks
whether the object is still there.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from interlock.store.objects import Objects
from interlock.store.pace import Pace

COLLECTING = "collecting"
"""The object of a removal that is under way: who it is, until when, and what it will remove."""

MARKS = "uses"
"""The folder of marks: an empty object for each that somebody relies on."""

_PAUSE = 0.5


class Uses:
    """Marks and lists of one bucket; safe to share between threads."""

    def __init__(self, objects: Objects, pace: Pace) -> None:
        self._objects = objects
        self._pace = pace
        self._lock = threading.Lock()
        self._doomed: frozenset[str] = frozenset()
        self._read_at = -1e9

    def mark(self, path: str) -> None:
        """Say that an object is relied on."""
        self._objects.put(f"{MARKS}/{PurePosixPath(path).stem}", b"")

    def marks(self) -> Iterator[tuple[str, float]]:
        """Yield the hexadecimal digest of what is relied on, and since when."""
        for one in self._objects.below(MARKS):
            yield PurePosixPath(one.path).name, one.modified

    def forget(self, names: Iterable[str]) -> None:
        """Remove marks: what they were for is reachable by now, or was not needed."""
        self._objects.delete([f"{MARKS}/{name}" for name in names])

    def settled(self, path: str) -> bool:
        """Wait while a removal has an object on its list; tell whether there was none that had."""
        waited = False
        while path in self._list(self._pace.look if not waited else 0.0):
            waited = True
            time.sleep(_PAUSE)
        return not waited

    def _list(self, age: float) -> frozenset[str]:
        with self._lock:
            now = time.monotonic()
            if now - self._read_at > age:
                self._doomed = doomed_in(self._objects.get(COLLECTING))
                self._read_at = now
            return self._doomed


def doomed_in(data: bytes | None) -> frozenset[str]:
    """Return what a removal that is under way will remove; nothing where it is none, or dead."""
    try:
        body = json.loads(data or b"{}")
    except ValueError:
        return frozenset()
    if body.get("until", 0.0) < time.time():
        return frozenset()
    return frozenset(body.get("doomed", ()))
