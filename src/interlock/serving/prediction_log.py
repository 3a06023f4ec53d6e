"""Write answered requests to the prediction log, beside the serving and never in its way."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass

from interlock.errors import InterlockError
from interlock.models.predictions import Answered, write_predictions
from interlock.stack.layout import Home
from interlock.store.faults import WriteFailed

_log = logging.getLogger("interlock.serving")


class HomeGone(InterlockError):
    """The folder of the project's state has vanished; one made in its place would be in the way of its return."""

    def __init__(self) -> None:
        super().__init__("The folder for the prediction log is not there.")


@dataclass(frozen=True)
class LogCounts:
    """Rows by what became of them."""

    written: int
    dropped: int
    waiting: int


class PredictionLog:
    """Take answered requests, write them in batches from a thread.

    Whoever is served never waits for the disk: what does not fit the queue, or cannot be written, is dropped
    and counted.

    Args:
        home: Where the log lies.
        model: Whose log it is.
        flush_rows: Write when so many rows wait.
        flush_seconds: Write when the oldest row has waited so long.
        max_rows: Rows that may wait.
    """

    def __init__(
        self,
        home: Home,
        model: str,
        *,
        flush_rows: int = 5000,
        flush_seconds: float = 1.0,
        max_rows: int = 100_000,
    ) -> None:
        # Loaded now, before there are requests: under load the first write would hold them up for long.
        import pyarrow.parquet  # noqa: F401

        self._home = home
        self._model = model
        self._flush_rows = flush_rows
        self._flush_seconds = flush_seconds
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._waiting: deque[Answered] = deque()
        self._rows = self._written = self._dropped = 0
        self._wake = threading.Event()
        self._closing = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> LogCounts:
        """The rows written, dropped and waiting so far."""
        with self._lock:
            return LogCounts(self._written, self._dropped, self._rows)

    def put(self, answered: Answered) -> None:
        """Take a request, or drop it when too many wait. Never blocks for longer than a list takes to grow."""
        rows = len(answered.row_ids)
        with self._lock:
            if self._closing or self._rows + rows > self._max_rows:
                self._dropped += rows
                return
            self._waiting.append(answered)
            self._rows += rows
            full = self._rows >= self._flush_rows
        if full:
            self._wake.set()

    def close(self, timeout: float = 10.0) -> None:
        """Write what waits and end; closing twice is harmless."""
        with self._lock:
            self._closing = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            batch = list(self._waiting)
            self._waiting.clear()
        if not batch:
            return
        self._write(batch)

    def _write(self, batch: list[Answered]) -> None:
        """Write requests; one that cannot be written does not take the others with it."""
        rows = sum(len(answered.row_ids) for answered in batch)
        try:
            self._save(batch)
        except Exception as error:  # noqa: BLE001 - a full disk or a mistake of ours may cost log rows, never an answer
            middle = len(batch) // 2
            if middle and not isinstance(error, WriteFailed | HomeGone):
                self._write(batch[:middle])
                self._write(batch[middle:])
            else:
                self._count(rows, written=False)
                self._complain(rows, error)
        else:
            self._count(rows, written=True)
            self._failing = False

    def _save(self, batch: list[Answered]) -> None:
        if not self._home.path.is_dir():
            raise HomeGone
        write_predictions(self._home, self._model, batch)

    def _count(self, rows: int, *, written: bool) -> None:
        with self._lock:
            self._rows -= rows
            if written:
                self._written += rows
            else:
                self._dropped += rows

    def _complain(self, rows: int, error: Exception) -> None:
        if not self._failing:
            _log.error(
                "predictions were not logged", exc_info=error, extra={"rows": rows, "model": self._model}
            )
        self._failing = True
