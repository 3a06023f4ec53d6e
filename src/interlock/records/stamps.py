"""What a database says about itself: whose it is, and which version its tables have."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from interlock.records.schema import APPLICATION_ID

_VERSION_TABLES = {"sqlite": "alembic_version", "postgresql": "interlock_version"}
"""Alembic's own table. A server's database has no other mark of ours, so that its name is one."""


@dataclass(frozen=True)
class Stamp:
    """What is there.

    Attributes:
        application: Ours, another program's, or 0 where nobody marked it.
        version: That of the tables; 0 before the first.
        tables: How many tables there are, whoever made them.
    """

    application: int
    version: int
    tables: int

    @property
    def fresh(self) -> bool:
        """Tell whether nobody has written to it yet."""
        return self.application == 0 and self.tables == 0

    @property
    def ours(self) -> bool:
        """Tell whether these are records of Interlock."""
        return self.application == APPLICATION_ID


def version_table(dialect: str) -> str:
    """Return the name of the table in which Alembic keeps the version."""
    return _VERSION_TABLES[dialect]


def revision(version: int) -> str:
    """Return Alembic's name of a version."""
    return f"{version:04d}" if version else "base"


def read_stamp(connection: sa.Connection) -> Stamp:
    """Read what a database says about itself."""
    return _of_sqlite(connection) if connection.dialect.name == "sqlite" else _of_postgres(connection)


def _of_sqlite(connection: sa.Connection) -> Stamp:
    tables = "SELECT count(*) FROM sqlite_master"
    queries = ("PRAGMA application_id", "PRAGMA user_version", tables)
    application, version, count = (connection.exec_driver_sql(query).scalar_one() for query in queries)
    return Stamp(application, version, count)


def _of_postgres(connection: sa.Connection) -> Stamp:
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    names = connection.exec_driver_sql(tables).scalars().all()
    if version_table("postgresql") not in names:
        return Stamp(0, 0, len(names))
    found = connection.execute(sa.select(_alembic(connection).c.version_num)).scalar()
    return Stamp(APPLICATION_ID, int(found or 0), len(names))


def make_stamp(connection: sa.Connection, version: int) -> None:
    """Mark a database whose tables were just made as ours, of a version."""
    table = _alembic(connection)
    table.create(connection, checkfirst=False)
    connection.execute(sa.insert(table), {"version_num": revision(version)})
    note_version(connection, version)


def note_version(connection: sa.Connection, version: int) -> None:
    """Mark a database after Alembic has moved it to a version."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def _alembic(connection: sa.Connection) -> sa.Table:
    name = version_table(connection.dialect.name)
    return sa.Table(  # as Alembic makes it: what it finds in a file that it did not make itself
        name,
        sa.MetaData(),
        sa.Column("version_num", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
    )
