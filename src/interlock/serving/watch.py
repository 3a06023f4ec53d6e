"""Follow an alias: when it moves, load the new version beside the old one, warm it, swap."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from interlock.errors import InterlockError
from interlock.serving.live import Live, Servable, Status

_log = logging.getLogger("interlock.serving")


@dataclass(frozen=True)
class Pointer:
    """What a target names at the moment: a version, the bundle that holds it, and the run that made it."""

    version: int
    bundle: str
    run: str = ""


Resolve = Callable[[], Pointer]
"""Asks the records where the target points; raises when they cannot be asked."""

Load = Callable[[Pointer], Servable]
"""Loads a bundle and warms it; raises when it cannot be served."""


Probe = Callable[[Pointer], object]
"""Asks the store for the version that is live; raises when it could not be loaded again."""


class Watcher:
    """Poll where the target points, in a thread of its own, for as long as the endpoint lives.

    A version that fails to load or to warm leaves the old one in place and is tried again later, at once
    when the alias moves on. Records or a store that cannot be reached change nothing but the status.

    Args:
        resolve: Asks where the target points.
        load: Loads what it points at.
        live: Gets the loaded version.
        status: Gets what went wrong.
        probe: Asks the store whether the live version is still there.
        loaded: Told the version after each swap.
        every: Seconds between two looks.
        retry: Seconds before a failed load is tried again.
    """

    def __init__(
        self,
        resolve: Resolve,
        load: Load,
        live: Live,
        status: Status,
        *,
        probe: Probe = lambda _pointer: None,
        loaded: Callable[[int], None] = lambda _version: None,
        every: float = 0.2,
        retry: float = 2.0,
    ) -> None:
        self._resolve = resolve
        self._load = load
        self._live = live
        self._status = status
        self._probe = probe
        self._loaded = loaded
        self._every = every
        self._retry = retry
        self._failed: tuple[Pointer, float] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. A load under way is not waited for."""
        self._stop.set()

    def look(self) -> None:
        """Look once: swap if the target has moved and what it points at can be served."""
        try:
            pointer = self._resolve()
        except Exception as error:  # noqa: BLE001 - whatever the records have, predictions go on
            self._report("records", f"The records do not tell what to serve: {_says(error)}", error)
            return
        self._report("records", "", None)
        if pointer.version == self._live.current.bundle.version:
            self._failed = None
            self._report("pending", "", None)
            self._look_at_store(pointer)
        elif self._due(pointer):
            self._swap(pointer)

    def _look_at_store(self, pointer: Pointer) -> None:
        try:
            self._probe(pointer)
        except Exception as error:  # noqa: BLE001 - whatever the store has, predictions go on
            self._report("store", f"The store does not hold the live version: {_says(error)}", error)
        else:
            self._report("store", "", None)

    def _due(self, pointer: Pointer) -> bool:
        if self._failed is None or self._failed[0] != pointer:
            return True
        return time.monotonic() - self._failed[1] >= self._retry

    def _swap(self, pointer: Pointer) -> None:
        try:
            bundle = self._load(pointer)
        except Exception as error:  # noqa: BLE001 - the boundary to the store and to the project's code
            self._failed = (pointer, time.monotonic())
            text = f"Version {pointer.version} cannot be served: {_says(error)}"
            self._report("pending", text, error)
            return
        self._failed = None
        self._report("pending", "", None)
        self._live.swap(bundle)
        _log.info("version swapped", extra={"model": self._live.model, "version": pointer.version})
        self._loaded(pointer.version)

    def _report(self, part: str, trouble: str, error: Exception | None) -> None:
        if not self._status.report(part, trouble):
            return
        if trouble:
            _log.error(trouble, exc_info=error, extra={"part": part})
        else:
            _log.info("trouble is over", extra={"part": part})

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.look()


def _says(error: Exception) -> str:
    """Return what may be shown to clients: our own sentences hold no paths, those of others may."""
    return error.what if isinstance(error, InterlockError) else f"{type(error).__name__} (the log has more)"
