"""Which loaded version answers, and how a new one takes its place."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from interlock.models.codec import AnswerSchema, Schema


class Servable(Protocol):
    """What an endpoint needs of a loaded bundle; `models.bundle.LoadedBundle` has it."""

    @property
    def model(self) -> str:
        """The name in the registry."""
        ...

    @property
    def version(self) -> int:
        """The number of the version."""
        ...

    @property
    def run_id(self) -> str:
        """The run that made it."""
        ...

    @property
    def request_schema(self) -> Schema:
        """What a request holds."""
        ...

    @property
    def answer_schema(self) -> AnswerSchema:
        """What an answer looks like."""
        ...

    def predict(self, given: Any) -> Any:
        """Run the slice."""
        ...

    def reference_given(self) -> Any:
        """Return the recorded rows that the version was judged on."""
        ...

    def reference_answer(self) -> Any:
        """Return the recorded answer to them."""
        ...

    def close(self) -> None:
        """Let go of what the bundle holds; nothing calls it afterwards."""
        ...


class Version:
    """A loaded bundle and the number of requests that are using it."""

    def __init__(self, bundle: Servable) -> None:
        self.bundle = bundle
        self.name = str(bundle.version)
        self.in_flight = 0
        self.retired = False


class Live:
    """Hold the version that answers; hand each request one version, wholly.

    A request takes the version that is current when it arrives and keeps it to its end, so that no answer
    mixes two versions. A version that was replaced is closed when its last request has ended.
    """

    def __init__(self, first: Servable) -> None:
        self._lock = threading.Lock()
        self._current = Version(first)
        self.model = first.model

    @property
    def current(self) -> Version:
        """The version that the next request gets."""
        return self._current

    @contextmanager
    def take(self) -> Iterator[Version]:
        """Lend the current version for the length of one request."""
        with self._lock:
            version = self._current
            version.in_flight += 1
        try:
            yield version
        finally:
            self._release(version)

    def swap(self, bundle: Servable) -> None:
        """Let `bundle` answer from the next request on. Load and warm it first."""
        new = Version(bundle)
        with self._lock:
            old, self._current = self._current, new
            old.retired = True
            idle = old.in_flight == 0
        if idle:
            old.bundle.close()

    def _release(self, version: Version) -> None:
        with self._lock:
            version.in_flight -= 1
            last = version.retired and version.in_flight == 0
        if last:
            version.bundle.close()


_NEEDED = frozenset({"records", "store"})
"""Parts without which an endpoint answers as before, but cannot follow its alias or be started again."""


class Status:
    """What the endpoint has to say about itself beside its answers; written by the watcher, read by requests."""

    def __init__(self) -> None:
        self.closing = False
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}

    def report(self, part: str, trouble: str) -> bool:
        """Note what is wrong with a part; an empty text takes the note away. Return whether it is news."""
        with self._lock:
            before = self._troubles.get(part, "")
            if trouble:
                self._troubles[part] = trouble
            else:
                self._troubles.pop(part, None)
            return before != trouble

    @property
    def ready(self) -> bool:
        """Whether nothing is missing that an endpoint stands on; answers do not depend on it."""
        return not self.closing and not _NEEDED & self.troubles.keys()

    @property
    def troubles(self) -> Mapping[str, str]:
        """What is wrong now, by part."""
        with self._lock:
            return dict(self._troubles)
