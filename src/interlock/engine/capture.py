"""What a step prints: kept for the record, and shown as it comes."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

StreamName = Literal["stdout", "stderr"]

LIMIT = 4 * 1024 * 1024
"""Characters kept for one stream of one step; what comes after is counted, not kept."""


@dataclass
class Printed:
    """What a step has printed so far."""

    chunks: dict[StreamName, list[str]] = field(default_factory=lambda: {"stdout": [], "stderr": []})
    size: int = 0
    lost: int = 0

    def add(self, stream: StreamName, text: str) -> None:
        """Keep a piece of text while there is room."""
        kept = text[: max(0, LIMIT - self.size)]
        self.size += len(kept)
        self.lost += len(text) - len(kept)
        if kept:
            self.chunks[stream].append(kept)

    def taken(self) -> list[tuple[StreamName, str]]:
        """Return what was kept of each stream since this was last asked, and let go of it."""
        texts: list[tuple[StreamName, str]] = [(name, "".join(kept)) for name, kept in self.chunks.items()]
        self.chunks = {"stdout": [], "stderr": []}
        lost, self.lost = self.lost, 0
        note = f"\n… {lost} characters more were not kept\n" if lost else ""
        return [(name, text + note) for name, text in texts if text]


_PRINTED: ContextVar[Printed | None] = ContextVar("interlock_printed", default=None)


class _Tee(io.TextIOBase):
    """Stands in for a standard stream: keeps what the running step prints, passes everything on."""

    def __init__(self, name: StreamName, echo: TextIO | None, original: TextIO) -> None:
        self._name: StreamName = name
        self._echo = echo
        self._original = original
        self.running: Printed | None = None  # for threads: a step's context does not reach into them

    def write(self, text: str) -> int:
        printed = _PRINTED.get() or self.running
        if printed is None:
            return self._original.write(text)
        printed.add(self._name, text)
        if self._echo is not None:
            try:
                self._echo.write(text)
            except OSError:  # whoever looked on went away; the step goes on
                self._echo = None
        return len(text)

    def flush(self) -> None:
        self._original.flush()

    def isatty(self) -> bool:
        return self._original.isatty()

    def fileno(self) -> int:
        return self._original.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # TextIOBase declares a plain attribute
        return self._original.encoding


@contextmanager
def capturing_streams(echo: TextIO | None) -> Iterator[None]:
    """Stand between steps and the standard streams while the block runs.

    Args:
        echo: Where text that a step prints is shown as well; None shows it nowhere.
    """
    before = sys.stdout, sys.stderr
    tees = _Tee("stdout", echo, before[0]), _Tee("stderr", echo, before[1])
    handlers = _handlers_of(before)
    sys.stdout, sys.stderr = tees
    for handler in handlers:
        handler.setStream(tees[handler.stream is before[1]])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for handler in handlers:
            if handler.stream in tees:
                handler.setStream(before[tees.index(handler.stream)])


def _handlers_of(streams: tuple[TextIO, TextIO]) -> list[logging.StreamHandler[Any]]:
    """Return the handlers of logging that write to these streams: one made at import has its stream from then."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    handlers = {one for logger in loggers if isinstance(logger, logging.Logger) for one in logger.handlers}
    return [one for one in handlers if isinstance(one, logging.StreamHandler) and one.stream in streams]


@contextmanager
def printing_into(printed: Printed) -> Iterator[Printed]:
    """Keep what is printed inside the block."""
    token = _PRINTED.set(printed)
    tees = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, _Tee)]
    for tee in tees:
        tee.running = printed
    try:
        yield printed
    finally:
        _PRINTED.reset(token)
        for tee in tees:
            tee.running = None
