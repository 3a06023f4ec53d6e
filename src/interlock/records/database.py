"""The only module that opens the records file and the only one that begins and ends a transaction.

Every write is one `BEGIN IMMEDIATE` transaction: the lock is taken before anything is read, so that
what a transaction read is still true when it writes, and nobody fails on a lock half-way. Threads of a
process share one writing connection and queue for it; each has a reading connection of its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from interlock.failpoints import hit
from interlock.records.faults import (
    DriverError,
    RecordsBusy,
    RecordsForked,
    RecordsNotWritable,
    is_busy,
    raise_told,
)

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
"""What happens inside one transaction. It may be called again after it met a lock: it must only read and write through the connection it is given."""

Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]

PATIENCE = 60.0
"""Seconds before a lock that does not go away is reported; longer than a checkpoint or a rebuild takes."""
_POLL = 2.0
"""Seconds that SQLite waits by itself; short, because nothing can interrupt it meanwhile."""
_CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log before it is folded into the file (the default, 1000, is a pause every 120 steps)."""


@dataclass(eq=False)
class _Link:
    connection: sa.Connection
    driver: sqlite3.Connection


class Database:
    """The records file as a place for transactions; safe to share between threads, and not across a fork."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT are written below, not guessed by the driver
            connect_args={"check_same_thread": False, "timeout": _POLL},
        )
        self._inherited: list[
            object
        ] = []  # closing a connection that a fork copied could end its owner's locks
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._own = threading.local()
        self._links: weakref.WeakSet[_Link] = weakref.WeakSet()
        self._writing: _Link | None = None

    def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent state of the records.

        Raises:
            RecordsBusy: The file stayed locked.
            RecordsDamaged: A page cannot be read.
        """
        link = self._reader()
        if link.driver.in_transaction:
            return work(link.connection)
        return self._patiently(lambda: _transact(link, "BEGIN", work))

    def rows(self, query: sa.Executable, values: Values | None = None) -> list[dict[str, Any]]:
        """Return the rows of one query by column."""
        return self.read(lambda connection: rows_of(connection, query, values))

    def row(self, query: sa.Executable, values: Values | None = None) -> dict[str, Any] | None:
        """Return the first row of one query by column; None when there is none."""
        return next(iter(self.rows(query, values)), None)

    def column(self, query: sa.Executable, values: Values | None = None) -> list[Any]:
        """Return the first column of one query."""
        return self.read(lambda connection: list(connection.execute(query, values).scalars()))

    def change(self, statement: sa.Executable, values: Values | None = None) -> int:
        """Write one statement in a transaction of its own and return how many rows it met."""
        return self.write(lambda connection: connection.execute(statement, values).rowcount)

    def write(self, work: Work[T], *, durable: bool = False) -> T:
        """Run `work` in one transaction that happens as a whole or not at all.

        Args:
            work: Called again from the start after it met a lock.
            durable: Return only when the commit, and every commit before it, survives a power loss.
                Without it the transaction survives the death of the process.

        Raises:
            RecordsBusy: The file stayed locked.
            RecordsNotWritable: Disk full, disk failing, or no permission.
            RecordsDamaged: A page cannot be read.
        """
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

    def _hit(self, failpoint: str) -> None:
        try:
            hit(failpoint)
        except OSError as error:
            raise RecordsNotWritable(self.path, error.strerror or str(error)) from error

    def _patiently(self, attempt: Callable[[], T]) -> T:
        deadline = time.monotonic() + PATIENCE
        pause = 0.001
        while True:
            try:
                return attempt()
            except DriverError as error:
                if not is_busy(error):
                    raise_told(error, self.path)
                if time.monotonic() > deadline:
                    raise RecordsBusy(self.path, PATIENCE) from error
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _here(self) -> AbstractContextManager[bool]:
        """Return the lock of the writing connection, in the process that opened the file."""
        if self._pid != os.getpid():
            raise RecordsForked(self.path)
        return self._lock

    def _writer(self) -> _Link:
        if self._writing is None:
            self._writing = self._connect()
        return self._writing

    def _reader(self) -> _Link:
        self._here()
        link: _Link | None = getattr(self._own, "link", None)
        if link is None:
            link = self._own.link = self._patiently(self._connect)
        return link

    def _connect(self) -> _Link:
        connection = self._engine.connect()
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        link = _Link(connection, driver)
        for pragma in ("foreign_keys=ON", "synchronous=NORMAL", f"wal_autocheckpoint={_CHECKPOINT_PAGES}"):
            driver.execute(f"PRAGMA {pragma}")
        self._links.add(link)
        return link

    def pragma(self, text: str) -> list[tuple[object, ...]]:
        """Run a PRAGMA on the writing connection, outside of any transaction, and return its rows."""

        def run() -> list[tuple[object, ...]]:
            with self._here():
                return self._writer().driver.execute(f"PRAGMA {text}").fetchall()

        return self._patiently(run)

    def faults(self) -> list[str]:
        """Return what SQLite finds wrong with the file and with the references inside; empty when all is well."""
        integrity = [str(row[0]) for row in self.pragma("integrity_check") if row[0] != "ok"]
        dangling = [
            f"{row[0]}: a row refers to nothing in {row[2]}" for row in self.pragma("foreign_key_check")
        ]
        return integrity + dangling

    def close(self) -> None:
        """Close every connection; the last process to do so leaves one file without a log beside it.

        In a forked child this does nothing: the connections are its parent's.
        """
        if self._pid != os.getpid():
            return
        with self._here():
            for link in list(self._links):
                link.connection.close()
            self._start()


def rows_of(
    connection: sa.Connection, query: sa.Executable, values: Values | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a query by column, inside a transaction."""
    return [dict(row) for row in connection.execute(query, values).mappings()]


def first_of(
    connection: sa.Connection, query: sa.Executable, values: Values | None = None
) -> dict[str, Any] | None:
    """Return the first row of a query by column, inside a transaction; None when there is none."""
    return next(iter(rows_of(connection, query, values)), None)


@contextmanager
def savepoint(connection: sa.Connection) -> Iterator[None]:
    """Write all of a block or, when it raises, nothing of it; the transaction goes on either way."""
    connection.exec_driver_sql("SAVEPOINT part")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO part")
        raise
    finally:
        connection.exec_driver_sql("RELEASE part")


def _pass_by(_failpoint: str) -> None:
    """Do nothing: reading has no failpoints."""


def _transact(link: _Link, begin: str, work: Work[T], passing: Callable[[str], None] = _pass_by) -> T:
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
