"""Transactions on the records: the one place where they begin and end, whichever database holds them.

`sqlite` and `postgres` say how a connection is made and what BEGIN means there; what is above them sees
this module only. Threads of a process share one writing connection and queue for it; each has a reading
connection of its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from interlock.failpoints import hit
from interlock.records.faults import RecordsForked, RecordsNotWritable

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
"""What happens inside one transaction. It may be called again after it met a lock: it must only read and write through the connection it is given."""

Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]

PATIENCE = 60.0
"""Seconds before a lock that does not go away is reported; longer than a checkpoint or a rebuild takes."""


@dataclass(eq=False)
class Link:
    """One connection; `driver` is the driver's own, to which BEGIN and COMMIT go."""

    connection: sa.Connection
    driver: Any


class Database(ABC):
    """Records as a place for transactions; safe to share between threads, and not across a fork.

    An implementer promises that a write happens as a whole or not at all, that what an `alone` write has
    read is still true when it commits, and that a read sees one state.

    Attributes:
        place: Where the records are, in words that may be shown: a file, or an address without secrets.
    """

    place: str

    def __init__(self, url: sa.URL, **arguments: Any) -> None:
        self._engine = sa.create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT are written by us, not guessed by the driver
            connect_args=arguments,
        )
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._own = threading.local()
        self._links: weakref.WeakSet[Link] = weakref.WeakSet()
        self._writing: Link | None = None

    @abstractmethod
    def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent state of the records.

        Raises:
            RecordsBusy: They stayed locked.
            RecordsDamaged: They cannot be read.
            RecordsUnreachable: Their server does not answer.
        """

    @abstractmethod
    def write(self, work: Work[T], *, durable: bool = False, alone: bool = True) -> T:
        """Run `work` in one transaction that happens as a whole or not at all.

        Args:
            work: Called again from the start after it met a lock.
            durable: Return only when the commit, and every commit before it, survives a power loss.
                Without it the transaction survives the death of the process.
            alone: Let nobody else write meanwhile. What only adds to things of its own, such as the steps
                of its run, does without.

        Raises:
            RecordsBusy: They stayed locked.
            RecordsNotWritable: Disk full, disk failing, or no permission.
            RecordsDamaged: They cannot be read.
            RecordsUnreachable: Their server does not answer.
        """

    @abstractmethod
    def faults(self) -> list[str]:
        """Return what the database finds wrong with itself and with its references; empty when all is well."""

    @abstractmethod
    def _connect(self) -> Link:
        """Make a connection that is ready for use."""

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
        return self.write(lambda connection: connection.execute(statement, values).rowcount, alone=False)

    def close(self) -> None:
        """Close every connection; they open again when they are needed.

        In a forked child this does nothing: the connections are its parent's.
        """
        if self._pid != os.getpid():
            return
        with self._here():
            for link in list(self._links):
                link.connection.close()
            self._start()

    def _here(self) -> AbstractContextManager[bool]:
        """Return the lock of the writing connection, in the process that opened the records."""
        if self._pid != os.getpid():
            raise RecordsForked(self.place)
        return self._lock

    def _writer(self) -> Link:
        if self._writing is None:
            self._writing = self._keep(self._connect())
        return self._writing

    def _reader(self) -> Link:
        self._here()
        link: Link | None = getattr(self._own, "link", None)
        if link is None:
            link = self._own.link = self._keep(self._connect())
        return link

    def _keep(self, link: Link) -> Link:
        self._links.add(link)
        return link

    def _hit(self, failpoint: str) -> None:
        try:
            hit(failpoint)
        except OSError as error:
            raise RecordsNotWritable(self.place, error.strerror or str(error)) from error


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
