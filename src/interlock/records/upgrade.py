"""Bring a records file to this Interlock's version, or say why it cannot be: fresh, older, newer, foreign."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from interlock.records.database import Database
from interlock.records.faults import RecordsNotOurs, RecordsNotWritable, RecordsTooNew
from interlock.records.schema import APPLICATION_ID, SCHEMA_VERSION, metadata

MIGRATIONS = Path(__file__).parent / "migrations"

# Alembic's own table, as Alembic makes it: what it finds in a file that it did not make itself.
_ALEMBIC = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


@dataclass(frozen=True)
class Stamp:
    """What the file says about itself."""

    application: int
    version: int
    tables: int

    @property
    def fresh(self) -> bool:
        """Tell whether nobody has written to the file yet."""
        return self.application == 0 and self.tables == 0


def prepare(database: Database) -> bool:
    """Make the file ready for use and tell whether it was made just now.

    Raises:
        RecordsNotOurs: It is a folder, no database, or the database of another program.
        RecordsTooNew: A later Interlock wrote it.
        RecordsNotWritable: It cannot be created here, or not with a write-ahead log.
    """
    if database.path.is_dir():
        raise RecordsNotOurs(database.path, "it is a folder")
    stamp = database.read(read_stamp)
    _refuse(database.path, stamp)
    _use_write_ahead_log(database)
    if stamp.fresh:
        return database.write(_create, durable=True)
    if stamp.version < SCHEMA_VERSION:
        _upgrade(database)
    return False


def read_stamp(connection: sa.Connection) -> Stamp:
    """Read what the file says about itself."""
    tables = "SELECT count(*) FROM sqlite_master"
    queries = ("PRAGMA application_id", "PRAGMA user_version", tables)
    application, version, count = (connection.exec_driver_sql(query).scalar_one() for query in queries)
    return Stamp(application, version, count)


def _refuse(path: Path, stamp: Stamp) -> None:
    if stamp.application != APPLICATION_ID and not stamp.fresh:
        raise RecordsNotOurs(path, "it is a SQLite database of another program")
    if stamp.version > SCHEMA_VERSION:
        raise RecordsTooNew(path, stamp.version, SCHEMA_VERSION)


def _use_write_ahead_log(database: Database) -> None:
    mode = database.pragma("journal_mode=WAL")[0][0]
    if mode != "wal":
        raise RecordsNotWritable(
            database.path, f"its file system does not allow a write-ahead log (got {mode!r})"
        )


def _create(connection: sa.Connection) -> bool:
    if not read_stamp(connection).fresh:
        return False  # another process was quicker
    metadata.create_all(connection, checkfirst=False)
    _ALEMBIC.create(connection, checkfirst=False)
    connection.execute(sa.insert(_ALEMBIC), {"version_num": revision(SCHEMA_VERSION)})
    _stamp(connection, SCHEMA_VERSION)
    return True


def _upgrade(database: Database) -> None:
    # Alembic rebuilds a table by copying it, which SQLite allows only without foreign keys; inside the
    # transaction the switch would be ignored.
    database.pragma("foreign_keys=OFF")
    try:
        database.write(migrate, durable=True)
    finally:
        database.pragma("foreign_keys=ON")


def migrate(connection: sa.Connection, version: int = SCHEMA_VERSION) -> None:
    """Run every migration up to a version that the file still lacks, in the transaction of `connection`.

    One transaction for all of them: a migration that is killed leaves the file as it was.
    """
    # Alembic costs 0.2 s to import, and a file of this version never needs it.
    from alembic import command
    from alembic.config import Config

    if read_stamp(connection).version >= version:
        return  # another process was quicker
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision(version))
    _stamp(connection, version)


def revision(version: int) -> str:
    """Return Alembic's name of a version."""
    return f"{version:04d}"


def _stamp(connection: sa.Connection, version: int) -> None:
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {version}")
