"""Copy records whole from one database into another, row by row and as they are, whatever kinds the two are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from interlock.errors import InterlockError
from interlock.records.database import Database
from interlock.records.faults import RecordsNotOurs, RecordsTooNew
from interlock.records.place import Place
from interlock.records.rebuild import RecordsNotEmpty, is_empty
from interlock.records.records import open_database
from interlock.records.schema import SCHEMA_VERSION, metadata
from interlock.records.stamps import read_stamp
from interlock.records.upgrade import create_empty, migrate

_AT_ONCE = 5000
"""Rows in memory at a time."""


class CopyDiffers(InterlockError):
    """The copy does not hold what the original held; nothing of it was kept."""

    def __init__(self, table: str, found: int, copied: int, place: str) -> None:
        super().__init__(
            f"The table {table!r} has {found} rows, and {copied} of them arrived. Nothing was copied.",
            where=place,
            hint="Look at the disk and the log of the target's server, and copy again.",
        )
        self.table = table


def copy_records(source: Database, target: Place) -> dict[str, int]:
    """Copy all rows to a place that holds none yet, in one transaction, and return how many each table has.

    The rows are those of one moment. At the end they are counted on the other side, and anything that goes
    wrong until then leaves the target as it was.

    Raises:
        RecordsNotEmpty: The target holds rows.
        RecordsNotOurs: The target is the database of another program.
        CopyDiffers: Rows did not arrive.
        InterlockError: One of the two cannot be reached, read or written.
    """
    made_here = isinstance(target, Path) and not target.exists()
    database = open_database(target)
    if database.place == source.place:
        raise RecordsNotEmpty(database.place)
    try:
        return source.read(
            lambda reading: database.write(lambda writing: _copy(reading, writing, database), durable=True)
        )
    except BaseException:
        database.close()
        if made_here and isinstance(target, Path):
            target.unlink(missing_ok=True)
        raise
    finally:
        database.close()


def _copy(source: sa.Connection, target: sa.Connection, database: Database) -> dict[str, int]:
    _make_ready(target, database)
    counts = {table.name: _copy_table(source, target, table) for table in metadata.sorted_tables}
    for table in metadata.sorted_tables:
        query = sa.select(sa.func.count()).select_from(table)
        found, copied = source.execute(query).scalar_one(), target.execute(query).scalar_one()
        if found != copied:
            raise CopyDiffers(table.name, found, copied, database.place)
    _go_on_counting(target)
    return counts


def _make_ready(target: sa.Connection, database: Database) -> None:
    stamp = read_stamp(target)
    if stamp.fresh:
        create_empty(target)
    elif not stamp.ours:
        raise RecordsNotOurs(database.place, "it is the database of another program")
    elif stamp.version > SCHEMA_VERSION:
        raise RecordsTooNew(database.place, stamp.version, SCHEMA_VERSION)
    else:
        migrate(target)
        if not is_empty(target):
            raise RecordsNotEmpty(database.place)


def _copy_table(source: sa.Connection, target: sa.Connection, table: sa.Table) -> int:
    copied = 0
    for rows in _pieces(source, table):
        target.execute(sa.insert(table), rows)
        copied += len(rows)
    return copied


def _pieces(source: sa.Connection, table: sa.Table) -> Iterator[list[Mapping[str, Any]]]:
    query = sa.select(table).execution_options(stream_results=True)
    for rows in source.execute(query).mappings().partitions(_AT_ONCE):
        yield [dict(row) for row in rows]


def _go_on_counting(target: sa.Connection) -> None:
    """Let a server give the numbers after those that came with the rows."""
    if target.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            highest = sa.select(sa.func.max(column)).scalar_subquery()
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            target.execute(
                sa.select(sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None)))
            )
