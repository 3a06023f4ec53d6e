"""The errors of PostgreSQL, by their codes, in our words."""

from __future__ import annotations

from typing import NoReturn

import psycopg
from sqlalchemy.exc import DBAPIError

from interlock.records.database import PATIENCE
from interlock.records.faults import (
    RecordsBusy,
    RecordsDamaged,
    RecordsNotWritable,
    RecordsRefused,
    RecordsUnreachable,
)

DriverError = (DBAPIError, psycopg.Error)
"""SQLAlchemy wraps what its own statements raise; BEGIN and COMMIT go to the driver directly."""

_AGAIN = {"40001", "40P01"}
"""Serialization failure and deadlock: the server has rolled back, and asks for another try."""

_GONE = {"57P01", "57P02", "57P03", "57P05", "25P03"}
"""The server shuts down, starts up, or ended a session that was idle for too long; besides class 08."""

_NOT_WRITABLE = {"25006", "42501", "58030"}
"""A standby or a read-only session, no permission, a failing disk; besides class 53, lack of resources."""

_LOCKED = "55P03"
_DAMAGED = {"42P01", "42703"}
"""A table or a column is not there; besides class XX, damaged pages."""

_REFUSALS = (
    ("password", "Correct the user or the password; ${NAME} in the address stands for a variable."),
    ("role", "Correct the user; ${NAME} in the address stands for a variable."),
    ("pg_hba", "Let the server accept this user from this machine, in its pg_hba.conf."),
    ("database", "Make the database first: createdb NAME. Interlock makes its tables by itself."),
    ("connection", "Let the server accept more connections: max_connections."),
)


def code_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error; empty where the driver has none."""
    return getattr(_origin(error), "sqlstate", None) or ""


def wants_another_try(error: BaseException) -> bool:
    """Tell whether the server rolled back because of another transaction."""
    return code_of(error) in _AGAIN


def is_lost(error: BaseException, driver: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Tell whether the connection is gone, or goes with this error."""
    code = code_of(error)
    return driver.closed or code in _GONE or code.startswith("08")


def raise_told(error: Exception, place: str) -> NoReturn:
    """Raise the error in our words, or as it is when it is none of the database's faults."""
    code = code_of(error)
    if code in _NOT_WRITABLE or code.startswith("53"):
        raise RecordsNotWritable(place, words_of(error)) from error
    if code in _DAMAGED or code.startswith("XX"):
        raise RecordsDamaged(place, words_of(error)) from error
    if code == _LOCKED:
        raise RecordsBusy(place, PATIENCE) from error
    raise error


def raise_refused(error: Exception, place: str) -> NoReturn:
    """Raise in our words what kept a connection from being made.

    The driver has no codes for it. What the server itself said comes after "FATAL:"; where that is in
    another language the words stay right, and the hint is a general one.
    """
    said = words_of(error)
    _, fatal, why = said.rpartition("FATAL:")
    if not fatal:
        raise RecordsUnreachable(place, said) from None  # the cause may show options of the address
    hints = [hint for word, hint in _REFUSALS if word in why]
    raise RecordsRefused(place, why.strip(), hints[0] if hints else "Correct the address.") from None


def words_of(error: BaseException) -> str:
    """Return what the server or the driver said, on one line."""
    lines = [line.strip() for line in str(_origin(error)).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("LINE ", "^", "Multiple connection"))]
    return (told[-1] if any("FATAL:" in line for line in told[-1:]) else (told or [""])[0]).rstrip(".")


def _origin(error: BaseException) -> BaseException:
    return (error.orig if isinstance(error, DBAPIError) else None) or error
