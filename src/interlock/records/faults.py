"""What can go wrong with the records, and how SQLite's errors are told in those words; `postgres_faults` tells the others."""

from __future__ import annotations

import sqlite3
from typing import ClassVar, NoReturn

from sqlalchemy.exc import DBAPIError

from interlock.errors import InterlockError

DriverError = (DBAPIError, sqlite3.Error)
"""SQLAlchemy wraps what its own statements raise; BEGIN and COMMIT go to the driver directly."""

_REBUILD = "Make them again from the store's manifests: interlock records rebuild"
_NEW_DATABASE = (
    "Make a database for the records alone, and name that one: it begins with what the store holds."
)


def _way_out(place: str, of_file: str, of_server: str) -> str:
    return of_server if place.startswith("postgresql://") else of_file


class RecordsNotOurs(InterlockError):
    """The file is no records file of Interlock."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"The records cannot be used: {why}.",
            where=place,
            hint=_way_out(
                place, f"Move it away, or point INTERLOCK_HOME elsewhere. {_REBUILD}", _NEW_DATABASE
            ),
        )
        self.place = place


class RecordsDamaged(InterlockError):
    """The file is a records file, and parts of it cannot be read."""

    def __init__(self, place: str, why: str) -> None:
        hint = _way_out(place, _REBUILD, _NEW_DATABASE)
        super().__init__(f"The records are damaged: {why}.", where=place, hint=hint)
        self.place = place


class RecordsTooNew(InterlockError):
    """A later Interlock wrote the file; this one would not understand it."""

    def __init__(self, place: str, found: int, known: int) -> None:
        super().__init__(
            f"The records have version {found}, this Interlock knows versions up to {known}.",
            where=place,
            hint="Update Interlock: pip install --upgrade interlock",
        )
        self.place = place
        self.found = found
        self.known = known


class RecordsNotWritable(InterlockError):
    """The disk is full or failing, or the folder cannot be written; the transaction left no trace."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"The records cannot be written: {why}.",
            where=place,
            hint="Look at the free space, and at the permissions of the folder or of the user; what was recorded before is safe.",
        )
        self.place = place


class RecordsBusy(InterlockError):
    """Another process kept the records locked for longer than we wait."""

    def __init__(self, place: str, seconds: float) -> None:
        super().__init__(
            f"The records were locked by another process for more than {seconds:g} s.",
            where=place,
            hint=_way_out(
                place,
                "Find the process that holds them, for example with: fuser -v records.db",
                "Find the session that holds them, in the view pg_stat_activity of the server.",
            ),
        )
        self.place = place


class RecordsUnreachable(InterlockError):
    """The server of the records does not answer, or went away and did not come back."""

    def __init__(self, place: str, why: str, *, unsure: bool = False) -> None:
        lost = " Whether the last write was kept is not known." if unsure else ""
        super().__init__(
            f"The server of the records does not answer: {why}.{lost}",
            where=place,
            hint="Start it, or correct the address: records = … in [stack.NAME] of interlock.toml.",
        )
        self.place = place
        self.unsure = unsure


class RecordsRefused(InterlockError):
    """The server of the records answers, and lets us not in: the user, the password, the database."""

    def __init__(self, place: str, why: str, hint: str) -> None:
        super().__init__(f"The server of the records refuses: {why}.", where=place, hint=hint)
        self.place = place


class BadRecordsAddress(InterlockError):
    """What is to be the address of the records is none."""

    exit_code: ClassVar[int] = 2

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The address of the records cannot be used: {why}.",
            hint="It is written like postgresql://user:${PASSWORD}@host:5432/database",
        )


class RecordsForked(InterlockError):
    """A child process uses what its parent opened.

    Two processes on one connection would mix their words. SQLite, besides, remembers locks in the
    memory of the process, and a fork copies that memory but not the locks: the child would write without any.
    """

    def __init__(self, place: str) -> None:
        super().__init__(
            "The records were opened by the parent of this process, and cannot be used after a fork.",
            where=place,
            hint="Start the child with multiprocessing.get_context('spawn'), or record from the parent.",
        )
        self.place = place


_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NOT_WRITABLE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOLFS,
}


def is_busy(error: Exception) -> bool:
    """Tell whether waiting may help."""
    return _code(error) in _BUSY


def raise_told(error: Exception, place: str) -> NoReturn:
    """Raise the error in our words, or as it is when it is none of the file's faults."""
    code = _code(error)
    if code in _NOT_WRITABLE:
        raise RecordsNotWritable(place, _words(error)) from error
    if code == sqlite3.SQLITE_NOTADB:
        raise RecordsNotOurs(place, "it is not a SQLite database") from error
    if code == sqlite3.SQLITE_CORRUPT:
        raise RecordsDamaged(place, _words(error)) from error
    raise error


def _code(error: Exception) -> int:
    # The low byte is the kind of the error, the others say where it happened.
    return getattr(_origin(error), "sqlite_errorcode", 0) & 0xFF


def _words(error: Exception) -> str:
    return str(_origin(error)).rstrip(".")


def _origin(error: Exception) -> BaseException:
    return (error.orig if isinstance(error, DBAPIError) else None) or error
