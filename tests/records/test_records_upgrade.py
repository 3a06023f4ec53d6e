from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from records_sample import FolderManifests, count, dump, open_records, place_in, tell_story

from interlock.errors import UsageError
from interlock.identity.artifact import Part
from interlock.records.place import Server
from interlock.records.records import Records, open_database
from interlock.records.schema import APPLICATION_ID, SCHEMA_VERSION
from interlock.records.sqlite import SqliteDatabase
from interlock.records.stamps import read_stamp
from interlock.records.upgrade import MIGRATIONS, downgrade, migrate


def _schema(path: Path) -> dict[str, object]:
    """Return what a file's tables are, in no order: an added column comes last, whatever comes before it."""
    with sqlite3.connect(path) as file:
        tables = file.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
        found: dict[str, object] = {
            f"{pragma} {name}": sorted(
                (
                    row[2 if pragma == "index_xinfo" else 1 :]
                    for row in file.execute(f"PRAGMA {pragma}({name})")
                ),
                key=repr,
            )
            for kind, name in tables
            for pragma in ("table_info", "foreign_key_list", "index_list", "index_xinfo")
        }
        found["stamp"] = [
            file.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        ]
        found["versions"] = file.execute("SELECT * FROM alembic_version").fetchall()
    file.close()
    return found | {"tables": tables}


def _old_file(path: Path) -> None:
    """Make the file of the version before the first: ours, and without tables."""
    with sqlite3.connect(path) as file:
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    file.close()


def test_a_fresh_file_has_the_very_schema_that_the_migrations_make(tmp_path: Path) -> None:
    open_records(tmp_path).close()
    migrated = SqliteDatabase(tmp_path / "migrated.db")
    migrated.write(migrate)
    migrated.close()
    assert _schema(tmp_path / "records.db") == _schema(tmp_path / "migrated.db")


def test_an_older_file_is_brought_to_this_version(tmp_path: Path) -> None:
    _old_file(tmp_path / "records.db")
    with open_records(tmp_path) as records:
        tell_story(records)
        assert records.database.read(read_stamp).version == SCHEMA_VERSION
        assert records.database.pragma("foreign_keys") == [(1,)]
        assert not records.created


@pytest.mark.parametrize("failpoint", ["records.begin", "records.commit.before"])
def test_a_migration_that_is_killed_leaves_the_file_as_it_was(tmp_path: Path, failpoint: str) -> None:
    _old_file(tmp_path / "records.db")
    code = (
        "import sys; sys.path.append(sys.argv[2]); from pathlib import Path;"
        "from records_sample import open_records; open_records(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    killed = subprocess.run(
        command, env={**os.environ, "INTERLOCK_FAILPOINT": f"{failpoint}=kill"}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with open_records(tmp_path) as records:
        assert records.database.faults() == []
        assert count(records)["runs"] == 0


def test_neither_a_fresh_file_nor_one_of_this_version_needs_alembic(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.append(sys.argv[2]); from pathlib import Path;"
        "from records_sample import open_records; folder = Path(sys.argv[1]);"
        "open_records(folder).close(); open_records(folder).close(); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_file_of_the_first_version_keeps_its_runs(tmp_path: Path) -> None:
    first = SqliteDatabase(tmp_path / "records.db")
    first.write(lambda connection: migrate(connection, 1))
    first.close()
    with sqlite3.connect(tmp_path / "records.db") as file:
        columns = "id, pipeline, number, sequence, ref, status, pid, host, process, started_at, heartbeat_at, recorded_at"
        row = ("delays/1", "delays", 1, 1, "", "succeeded", 1, "here", "", 1.0, 1.0, 1.0)
        file.execute(f"INSERT INTO runs ({columns}) VALUES ({', '.join('?' * len(row))})", row)
    file.close()
    with open_records(tmp_path) as records:
        found = records.runs.get("delays/1")
        assert (found.status, found.version_id, found.facets, found.code) == ("succeeded", None, {}, None)
        assert records.runs.start("delays").number == 2


def _first_version(path: Path) -> None:
    """Make a file as the first version left it, with a snapshot in it."""

    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql("PRAGMA user_version = 1")
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        parts = '[{"path": "a.csv", "digest": "blake3:a", "size": 1, "mtime_ns": 2}]'
        row = ("flights", 1, "blake3:s", "*.csv", "csv", parts, 1.0, "blake3:m")
        connection.exec_driver_sql(f"INSERT INTO snapshots VALUES ({', '.join('?' * len(row))})", row)

    database = SqliteDatabase(path)
    database.write(work)
    database.close()


def test_a_file_of_the_first_version_keeps_its_snapshots_and_can_be_pinned(tmp_path: Path) -> None:
    _first_version(tmp_path / "records.db")
    with open_records(tmp_path) as records:
        record = records.datasets.numbered("flights", 1)
        assert record is not None
        assert record.snapshot.parts == (Part("a.csv", "blake3:a", 1, 2),)
        assert records.datasets.profile(record.snapshot) is None
        records.datasets.pin("flights", 1)
        assert records.datasets.pinned("flights") == 1


def _as_it_is(records: Records) -> dict[str, object]:
    return {name: rows for name, rows in dump(records).items() if name != "run_values"}


def test_records_go_back_to_an_older_version_and_forward_again(folder: Path) -> None:
    with open_records(folder) as records:
        tell_story(records)
        before, values = _as_it_is(records), dump(records)["run_values"]
    database = open_database(place_in(folder))
    assert downgrade(database, 2) == SCHEMA_VERSION
    assert database.read(read_stamp).version == 2
    assert "run_values" not in database.read(lambda c: sa.inspect(c).get_table_names())
    database.close()
    with open_records(folder) as records:
        assert records.database.read(read_stamp).version == SCHEMA_VERSION
        assert _as_it_is(records) == before
        assert dump(records)["run_values"] == values
        assert records.runs.start("delays").number == 2


def test_every_version_can_be_gone_through_both_ways(folder: Path) -> None:
    database = open_database(place_in(folder))
    for version in range(1, SCHEMA_VERSION + 1):
        database.write(lambda connection, version=version: migrate(connection, version))
        assert database.read(read_stamp).version == version
    for version in range(SCHEMA_VERSION - 1, 0, -1):
        downgrade(database, version)
        assert database.read(read_stamp).version == version
    database.close()
    with open_records(folder) as records:
        tell_story(records)
        assert records.database.faults() == []


@pytest.mark.parametrize("version", [0, 70])
def test_a_version_that_never_was_is_refused(folder: Path, version: int) -> None:
    with open_records(folder) as records:
        with pytest.raises(
            UsageError, match=f"version {SCHEMA_VERSION}, and cannot be taken back to version {version}"
        ):
            downgrade(records.database, version)
        assert records.database.read(read_stamp).version == SCHEMA_VERSION


@pytest.mark.xdist_group("postgres")
def test_a_fresh_database_has_the_very_schema_that_the_migrations_make(
    databases: Callable[[], str], tmp_path: Path
) -> None:
    fresh, moved = Server(databases()), Server(databases())
    Records.open(fresh, FolderManifests(tmp_path)).close()
    database = open_database(moved)
    database.write(migrate)
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    for query in (columns, indexes):
        made = database.read(lambda c, query=query: c.exec_driver_sql(query).fetchall())
        other = open_database(fresh)
        assert other.read(lambda c, query=query: c.exec_driver_sql(query).fetchall()) == made
        other.close()
    database.close()
