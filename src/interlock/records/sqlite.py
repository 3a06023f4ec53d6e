"""Records in a SQLite file.

Every write is one `BEGIN IMMEDIATE` transaction: the lock is taken before anything is read, so that
what a transaction read is still true when it writes, and nobody fails on a lock half-way.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from interlock.records import database
from interlock.records.database import Database, Link, Work
from interlock.records.faults import DriverError, RecordsBusy, is_busy, raise_told

T = TypeVar("T")

_POLL = 2.0
"""Seconds that SQLite waits by itself; short, because nothing can interrupt it meanwhile."""
_CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log before it is folded into the file (the default, 1000, is a pause every 120 steps)."""
_SETTINGS = ("foreign_keys=ON", "synchronous=NORMAL", f"wal_autocheckpoint={_CHECKPOINT_PAGES}")


class SqliteDatabase(Database):
    """The records file; the last process to close it leaves one file without a log beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)
        super().__init__(sa.URL.create("sqlite", database=str(path)), check_same_thread=False, timeout=_POLL)

    def read(self, work: Work[T]) -> T:
        """Run `work` between BEGIN and COMMIT, or inside the read that this thread is in."""
        link = self._patiently(self._reader)
        if link.driver.in_transaction:
            return work(link.connection)
        return self._patiently(lambda: _transact(link, "BEGIN", work))

    def write(self, work: Work[T], *, durable: bool = False, alone: bool = True) -> T:  # noqa: ARG002 - always alone
        """Run `work` under the lock of the file, which only one writer has."""
        return self._patiently(lambda: self._attempt(work, durable))

    def _attempt(self, work: Work[T], durable: bool) -> T:
        with self._here():
            link = self._writer()
            if link.driver.in_transaction:
                raise RuntimeError("A write was begun inside a write; pass the connection on instead.")
            if not durable:
                return _transact(link, "BEGIN IMMEDIATE", work, self._hit)
            link.driver.execute("PRAGMA synchronous=FULL")
            try:
                return _transact(link, "BEGIN IMMEDIATE", work, self._hit)
            finally:
                link.driver.execute("PRAGMA synchronous=NORMAL")

    def _patiently(self, attempt: Callable[[], T]) -> T:
        deadline = time.monotonic() + database.PATIENCE
        pause = 0.001
        while True:
            try:
                return attempt()
            except DriverError as error:
                if not is_busy(error):
                    raise_told(error, self.place)
                if time.monotonic() > deadline:
                    raise RecordsBusy(self.place, database.PATIENCE) from error
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _connect(self) -> Link:
        connection = self._engine.connect()
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the reader and the type checker
        for pragma in _SETTINGS:
            driver.execute(f"PRAGMA {pragma}")
        return Link(connection, driver)

    def pragma(self, text: str) -> list[tuple[object, ...]]:
        """Run a PRAGMA on the writing connection, outside of any transaction, and return its rows."""

        def run() -> list[tuple[object, ...]]:
            with self._here():
                found: list[tuple[object, ...]] = self._writer().driver.execute(f"PRAGMA {text}").fetchall()
                return found

        return self._patiently(run)

    def faults(self) -> list[str]:
        """Return what SQLite's own checks find."""
        integrity = [str(row[0]) for row in self.pragma("integrity_check") if row[0] != "ok"]
        dangling = [
            f"{row[0]}: a row refers to nothing in {row[2]}" for row in self.pragma("foreign_key_check")
        ]
        return integrity + dangling


def _pass_by(_failpoint: str) -> None:
    """Do nothing: reading has no failpoints."""


def _transact(link: Link, begin: str, work: Work[T], passing: Callable[[str], None] = _pass_by) -> T:
    driver = link.driver
    try:
        driver.execute(begin)
        passing("records.begin")
        result = work(link.connection)
        passing("records.commit.before")
        driver.execute("COMMIT")
        passing("records.commit.after")
    except BaseException:
        # After some errors (disk full) SQLite has rolled back by itself.
        if driver.in_transaction:
            driver.execute("ROLLBACK")
        raise
    return result
