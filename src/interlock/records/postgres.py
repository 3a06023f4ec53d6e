"""Records in a database of a PostgreSQL server, through psycopg 3.

A write that must be alone takes one advisory lock of the database before it reads anything, so that what
it read is still true when it commits and numbers are given without gaps, as in the SQLite file. Writes that
only add to things of their own go side by side.

Every write knows its transaction id. When the connection is lost at the commit, the server is asked what
became of that transaction: it is done, or it never was and is tried again. So nothing is written twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from interlock.records import database
from interlock.records.database import Database, Link, Work
from interlock.records.faults import RecordsBusy, RecordsUnreachable
from interlock.records.place import Server
from interlock.records.postgres_faults import (
    DriverError,
    is_lost,
    raise_refused,
    raise_told,
    wants_another_try,
    words_of,
)

T = TypeVar("T")

_ALONE = 0x494C4B31
"""The advisory lock of writers ("ILK1", as in the SQLite file)."""

_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)
_IDLE = 300.0
"""Seconds after which the server ends a transaction whose process does nothing: it may be stopped, or gone."""
_DEFAULTS = {"connect_timeout": 10, "application_name": "interlock", "keepalives_idle": 30}


class _Lost(Exception):
    """The connection is gone, and with it the transaction: nothing of it was kept."""


class _Unsure(Exception):
    """The connection is gone, and nobody said whether the transaction was committed."""

    def __init__(self, number: int, result: Any) -> None:
        super().__init__()
        self.number = number
        self.result = result


class PostgresDatabase(Database):
    """The records as tables of one database, found by the search path of the connection."""

    def __init__(self, server: Server) -> None:
        self.place = str(server)
        self._outage = server.outage
        self._met = False
        address = server.address
        super().__init__(address, **{n: v for n, v in _DEFAULTS.items() if n not in address.query})

    def read(self, work: Work[T]) -> T:
        """Run `work` in a read-only transaction of one snapshot, or inside the read that this thread is in."""

        def attempt() -> T:
            link = self._reader()
            if _is_open(link):
                return work(link.connection)
            try:
                return self._reading(link, work)
            except _Lost:
                self._own.link = None
                raise

        return self._patiently(attempt)

    def _reading(self, link: Link, work: Work[T]) -> T:
        def whole() -> T:
            link.driver.execute(_READING)
            result = work(link.connection)
            link.driver.execute("COMMIT")
            return result

        return _rolled_back(link, whole)

    def write(self, work: Work[T], *, durable: bool = False, alone: bool = True) -> T:
        """Run `work` in a transaction, under the lock of writers where it must be alone."""
        begin = _begin(durable=durable, alone=alone)
        return self._patiently(lambda: self._attempt(begin, work))

    def _attempt(self, begin: str, work: Work[T]) -> T:
        with self._here():
            link = self._writer()
            if _is_open(link):
                raise RuntimeError("A write was begun inside a write; pass the connection on instead.")
            try:
                return self._transact(link, begin, work)
            except _Unsure as unsure:
                self._writing = None
                if not self._was_committed(unsure.number):
                    raise _Lost from unsure
                result: T = unsure.result
                return result
            except _Lost:
                self._writing = None
                raise

    def _transact(self, link: Link, begin: str, work: Work[T]) -> T:
        number, result = _rolled_back(link, lambda: self._worked(link, begin, work))
        try:
            link.driver.execute("COMMIT")
        except psycopg.Error as error:
            if is_lost(error, link.driver):
                _drop(link)
                raise _Unsure(number, result) from error
            raise  # a constraint that is checked last, say: the server has rolled back
        self._hit("records.commit.after")
        return result

    def _worked(self, link: Link, begin: str, work: Work[T]) -> tuple[int, T]:
        number = int(_last_value(link.driver.execute(begin)))
        self._hit("records.begin")
        result = work(link.connection)
        if link.driver.info.transaction_status is TransactionStatus.INERROR:
            # COMMIT would roll back without a word.
            raise RuntimeError("A statement failed, and the transaction went on as if it had not.")
        self._hit("records.commit.before")
        return number, result

    def _was_committed(self, number: int) -> bool:
        """Ask, on a new connection, what became of a transaction.

        Raises:
            RecordsUnreachable: The server does not come back, or does not know any more.
        """
        deadline = time.monotonic() + self._outage
        while True:
            try:
                asked = self._writer().driver.execute("SELECT txid_status(%s)", (number,)).fetchone()[0]
            except (_Lost, *DriverError) as error:
                self._writing, asked = None, "in progress"
                why = words_of(error.__cause__ or error)
            else:
                why = "its transaction is still going on"
            if asked in ("committed", "aborted"):
                return bool(asked == "committed")
            if asked is None or time.monotonic() > deadline:
                raise RecordsUnreachable(self.place, why, unsure=True)
            time.sleep(0.1)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        began, pause = time.monotonic(), 0.001
        lost_at: float | None = None
        while True:
            try:
                return attempt()
            except _Lost as lost:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > self._outage:
                    raise RecordsUnreachable(self.place, words_of(lost.__cause__ or lost)) from lost
            except DriverError as error:
                if not wants_another_try(error):
                    raise_told(error, self.place)
                if time.monotonic() - began > database.PATIENCE:
                    raise RecordsBusy(self.place, database.PATIENCE) from error
            time.sleep(pause)
            pause = min(2 * pause, 0.25)

    def _connect(self) -> Link:
        try:
            connection = self._engine.connect()
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)  # noqa: S101 - for the reader and the type checker
            driver.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE:g}s'")
        except DriverError as error:
            if not self._met:
                raise_refused(error, self.place)
            raise _Lost from error
        self._met = True
        return Link(connection, driver)

    def faults(self) -> list[str]:
        """Return the constraints that the server holds for not valid; it checks the others itself."""
        query = "SELECT conrelid::regclass || ': ' || conname || ' is not checked' FROM pg_constraint WHERE NOT convalidated"
        return self.read(lambda connection: list(connection.exec_driver_sql(query).scalars()))


def _begin(*, durable: bool, alone: bool) -> str:
    """Return all statements that a write begins with, as one message; the last tells the transaction's number."""
    words = ["BEGIN", f"SET LOCAL lock_timeout = '{database.PATIENCE:g}s'"]
    if durable:
        words.append(_DURABLE)
    if alone:
        words.append(f"SELECT pg_advisory_xact_lock({_ALONE})")
    return "; ".join([*words, "SELECT txid_current()"])


def _last_value(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Any:
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    return row[0] if row else None


def _is_open(link: Link) -> bool:
    return link.driver.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)


def _rolled_back(link: Link, part: Callable[[], T]) -> T:
    """Do a part of a transaction; when it raises, end the transaction, or the connection if that is gone."""
    try:
        return part()
    except BaseException as error:
        if isinstance(error, DriverError) and is_lost(error, link.driver):
            _drop(link)
            raise _Lost from error
        try:
            if _is_open(link):
                link.driver.execute("ROLLBACK")
        except psycopg.Error:
            _drop(link)
        raise


def _drop(link: Link) -> None:
    link.connection.invalidate()
    link.connection.close()
