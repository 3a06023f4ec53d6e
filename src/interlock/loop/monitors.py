"""Let the monitors of a model look, in a child process, when there is something new to see."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from interlock.engine.context import RunContext
from interlock.engine.datasets import look_at
from interlock.loop.children import Child, Ended
from interlock.loop.events import Tell
from interlock.store.sources.faults import NoData

_TIMEOUT = 600.0


class Monitors:
    """The monitors of one model.

    Args:
        context: The project, its store and its records.
        model: The model.
        tell: Told of troubles.
        every: Seconds between two looks.
        clock: A clock that nobody sets, in seconds.
    """

    def __init__(
        self,
        context: RunContext,
        model: str,
        tell: Tell,
        *,
        every: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._model = model
        self._tell = tell
        self._every = every
        self._clock = clock
        self._next = clock()
        self._seen: Any = None
        self._child: Child | None = None
        self._trouble = ""

    def look(self) -> None:
        """Start a look when it is time and there is something new; note how the last one ended."""
        if self._child is not None:
            ended = self._child.poll()
            if ended is None:
                return
            self._child = None
            self._note(ended)
        if self._clock() < self._next:
            return
        self._next = self._clock() + self._every
        state = self._state()
        if state != self._seen:
            self._seen = state
            self._child = self._start()

    def look_now(self) -> None:
        """Look, and return when that has ended."""
        child = self._start()
        while (ended := child.poll()) is None:
            time.sleep(0.02)
        self._note(ended)

    def stop(self) -> None:
        """End a look under way; what it would have seen is seen by the next."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()
            self._seen = None

    def _start(self) -> Child:
        return Child("interlock.loop.look", [self._model], self._context.project.root, timeout=_TIMEOUT)

    def _note(self, ended: Ended) -> None:
        trouble = _trouble(ended)
        if trouble and trouble != self._trouble:
            self._tell("trouble", f"monitors: {trouble}")
        self._trouble = trouble

    def _state(self) -> Any:
        """Return what changes when there is something new to see: the newest log files and the outcomes."""
        folder = self._context.project.home.predictions / self._model
        logged = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
        return len(logged), logged[-1:], self._outcomes()

    def _outcomes(self) -> str:
        truth = self._context.project.config.model[self._model].truth
        if truth is None:
            return ""
        try:
            return look_at(self._context, truth.data).digest
        except NoData:
            return ""


def _trouble(ended: Ended) -> str:
    """Return what went wrong, in words; empty when nothing did."""
    if ended.code == 0:
        return ""
    try:
        said: list[str] = json.loads(ended.output)["troubles"]
    except (ValueError, KeyError, TypeError):
        lines = ended.errors.strip().splitlines()
        return lines[-1][:300] if lines else f"they ended with code {ended.code}"
    return "; ".join(said)
