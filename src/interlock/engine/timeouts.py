"""Timeouts of steps that run in this process."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from interlock.errors import InterlockError


class StepTimeout(InterlockError):
    """A step did not end within its timeout."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"it did not end within its timeout of {seconds:g} seconds.",
            hint="Give it longer: @step(timeout=...).",
        )


class _Interrupted(BaseException):
    """Raised in a step from outside; a BaseException, so that a step's `except Exception` lets it pass."""


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """End the block with StepTimeout after some seconds.

    In the main thread a signal interrupts even a step that waits; in another thread the interpreter can
    only interrupt Python code between two instructions.

    Raises:
        StepTimeout: The block did not end in time.
    """
    if seconds is None:
        yield
        return
    main = threading.current_thread() is threading.main_thread()
    try:
        with _alarm(seconds) if main else _timer(seconds):
            yield
    except _Interrupted:
        raise StepTimeout(seconds) from None


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise _Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _timer(seconds: float) -> Iterator[None]:
    thread = threading.get_ident()
    lock = threading.Lock()
    ended = False

    def interrupt() -> None:
        with lock:
            if not ended:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(_Interrupted)
                )

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            ended = True
