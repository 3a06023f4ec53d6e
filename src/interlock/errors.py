"""The one root of every error that Interlock raises on purpose."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from types import CodeType, TracebackType
from typing import ClassVar


class InterlockError(Exception):
    """Say what was wrong, where, and the way out.

    The parts stay readable as attributes; the sentence is composed here so that the
    command line, the HTTP surfaces and a notebook all show the same words.

    Args:
        what: One sentence that names the offending thing and its value.
        where: File and line, key, step or column, as far as it is known.
        hint: What to do next, usually a command or the nearest valid name.
    """

    exit_code: ClassVar[int] = 1
    user_traceback: str = ""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  at {self.where}")
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)


class UsageError(InterlockError):
    """A command was called with words that it does not understand."""

    exit_code = 2


class Stopped(BaseException):
    """The system asked this process to end; no `Exception`, so that no step takes it for a failure of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.exit_code = 128 + number


class StopRun(Exception):
    """Raised by a step to end its run early and well: what has not run is skipped, and no model comes of it.

    Args:
        reason: Why there is nothing more to do, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = str(reason).strip() or "no reason given"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says; its traceback has the rest."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")


def shown(value: object, limit: int = 80) -> str:
    """Return a value as a message can hold it: on one line, and not longer than `limit`."""
    text = " ".join(repr(value)[: 10 * limit].split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest known name, or lists them when none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    if names:
        return f"Known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}."
    return ""


def format_user_traceback(error: BaseException, after: CodeType | None = None) -> str:
    """Return a traceback that starts at the user's first line; the frames of Interlock are left out.

    An error that Interlock itself raised about a step (an output that cannot be stored, say) has no
    user frames; then it is the message alone.

    Args:
        error: The error.
        after: The function of ours that calls the user's: what comes before it is a library's.
    """
    tail = first_user_frame(error, after)
    if tail is None and isinstance(error, InterlockError):
        return str(error)
    return "".join(traceback.TracebackException(type(error), error, tail).format()).rstrip()


def first_user_frame(error: BaseException, after: CodeType | None = None) -> TracebackType | None:
    """Return the first frame of the user's own that an error came through, or None."""
    found = error.__traceback__
    called = after is None
    while found is not None and not (called and not _is_ours(found)):
        called = called or found.tb_frame.f_code is after
        found = found.tb_next
    return found


def _is_ours(frame: TracebackType) -> bool:
    name = frame.tb_frame.f_globals.get("__name__", "")
    return bool(name == "interlock" or name.startswith("interlock."))
