"""Bring records to this Interlock's version, or say why they cannot be: fresh, older, newer, foreign."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from interlock.errors import UsageError
from interlock.records.database import Database
from interlock.records.faults import RecordsNotOurs, RecordsNotWritable, RecordsTooNew
from interlock.records.schema import SCHEMA_VERSION, metadata
from interlock.records.sqlite import SqliteDatabase
from interlock.records.stamps import Stamp, make_stamp, note_version, read_stamp, revision

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"

Fill = Callable[[sa.Connection], object]
"""Writes the first rows, in the transaction that makes the tables."""


def prepare(database: Database, fill: Fill = lambda _: None) -> bool:
    """Make the records ready for use and tell whether they were made just now.

    Raises:
        RecordsNotOurs: It is a folder, no database, or the database of another program.
        RecordsTooNew: A later Interlock wrote it.
        RecordsNotWritable: It cannot be created here, or not with a write-ahead log.
    """
    stamp = _checked(database)
    if isinstance(database, SqliteDatabase):
        _use_write_ahead_log(database)
    if stamp.fresh:
        return database.write(lambda connection: _create(connection, fill), durable=True)
    if stamp.version < SCHEMA_VERSION:
        _move(database, migrate)
    return False


def downgrade(database: Database, version: int) -> int:
    """Take records back to the version of an older Interlock and return the version that they had.

    What later versions have added and no manifest holds is lost.

    Raises:
        RecordsNotOurs, RecordsTooNew: They are not ours to move.
        UsageError: They never were of that version, or are older.
    """
    stamp = _checked(database)
    if not 1 <= version <= stamp.version:
        raise UsageError(
            f"The records have version {stamp.version}, and cannot be taken back to version {version}.",
            hint=f"Versions are 1 to {stamp.version}.",
        )
    _move(database, lambda connection: _revert(connection, version))
    return stamp.version


def _checked(database: Database) -> Stamp:
    if isinstance(database, SqliteDatabase) and database.path.is_dir():
        raise RecordsNotOurs(database.place, "it is a folder")
    stamp = database.read(read_stamp)
    if not stamp.ours and not stamp.fresh:
        what = "a SQLite database" if isinstance(database, SqliteDatabase) else "the database"
        raise RecordsNotOurs(database.place, f"it is {what} of another program")
    if stamp.version > SCHEMA_VERSION:
        raise RecordsTooNew(database.place, stamp.version, SCHEMA_VERSION)
    return stamp


def _use_write_ahead_log(database: SqliteDatabase) -> None:
    mode = database.pragma("journal_mode=WAL")[0][0]
    if mode != "wal":
        raise RecordsNotWritable(
            database.place, f"its file system does not allow a write-ahead log (got {mode!r})"
        )


def _create(connection: sa.Connection, fill: Fill) -> bool:
    if not read_stamp(connection).fresh:
        return False  # another process was quicker
    create_empty(connection)
    fill(connection)
    return True


def create_empty(connection: sa.Connection) -> None:
    """Make the tables of this version in a fresh database."""
    metadata.create_all(connection, checkfirst=False)
    make_stamp(connection, SCHEMA_VERSION)


def _move(database: Database, work: Callable[[sa.Connection], None]) -> None:
    if not isinstance(database, SqliteDatabase):
        database.write(work, durable=True)
        return
    # Alembic rebuilds a table by copying it, which SQLite allows only without foreign keys; inside the
    # transaction the switch would be ignored.
    database.pragma("foreign_keys=OFF")
    try:
        database.write(work, durable=True)
    finally:
        database.pragma("foreign_keys=ON")


def migrate(connection: sa.Connection, version: int = SCHEMA_VERSION) -> None:
    """Run every migration up to a version that is still lacking, in the transaction of `connection`.

    One transaction for all of them: a migration that is killed leaves everything as it was.
    """
    from alembic import command  # costs 0.2 s to import, and records of this version never need it

    if read_stamp(connection).version >= version:
        return  # another process was quicker
    command.upgrade(_config(connection), revision(version))
    note_version(connection, version)


def _revert(connection: sa.Connection, version: int) -> None:
    from alembic import command  # as above

    # Also for Alembic, which would commit by itself where SQLAlchemy has not yet asked anything.
    if read_stamp(connection).version <= version:
        return
    command.downgrade(_config(connection), revision(version))
    note_version(connection, version)


def _config(connection: sa.Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
