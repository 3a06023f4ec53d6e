"""The threads that run models, and the bound on how much work may wait for them."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from interlock.serving.refusal import Refusal

_log = logging.getLogger("interlock.serving")

T = TypeVar("T")


@dataclass(frozen=True)
class _Job:
    work: Callable[[], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Pool:
    """Run work beside the event loop; refuse more than fits the queue.

    The threads are daemons: a model that never returns cannot keep the server from stopping. Whatever the
    work raises reaches the caller as an exception, `SystemExit` too, which would otherwise end the server.

    Args:
        threads: How many predictions run at once.
        waiting: How many more may wait for a thread.
        seconds: After how long a caller gets a time-out; the thread stays busy until the work returns.
    """

    def __init__(self, threads: int, *, waiting: int = 128, seconds: float = 30.0) -> None:
        self._capacity = threads + waiting
        self._seconds = seconds
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.busy = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"predict-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns, or raise what it raises.

        Raises:
            Refusal: 429 when the queue is full, 504 when the work takes too long.
        """
        if self.busy >= self._capacity:
            raise Refusal(429, "Too many requests are waiting.", headers={"Retry-After": "1"})
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self.busy += 1
        self._jobs.put(_Job(work, future, loop))
        timer = loop.call_later(self._seconds, _expire, future, self._seconds)
        try:
            return await future
        finally:
            timer.cancel()

    def close(self) -> None:
        """Let the threads end after the work that they have."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result, error = job.work(), None
            except BaseException as raised:  # noqa: BLE001 - the boundary to user code
                result, error = None, _harmless(raised)
            try:
                job.loop.call_soon_threadsafe(self._finish, job.future, result, error)
            except RuntimeError:
                _log.warning("an answer came after the server had stopped")

    def _finish(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        self.busy -= 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _expire(future: asyncio.Future[Any], seconds: float) -> None:
    if not future.done():
        future.set_exception(Refusal(504, f"The model did not answer within {seconds:g} s."))


def _harmless(raised: BaseException) -> Exception:
    """Return an error that an event loop can carry: it would let `SystemExit` through to its own end."""
    if isinstance(raised, Exception) and not isinstance(raised, StopIteration):
        return raised
    error = RuntimeError(f"the model raised {type(raised).__name__}")
    error.__cause__ = raised
    return error
