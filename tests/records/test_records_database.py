from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from records_sample import FolderManifests, count, open_records, tell_story

from interlock.records import database as database_module
from interlock.records import sqlite as sqlite_module
from interlock.records.faults import (
    RecordsBusy,
    RecordsDamaged,
    RecordsForked,
    RecordsNotOurs,
    RecordsNotWritable,
    RecordsTooNew,
)
from interlock.records.records import Records
from interlock.records.schema import SCHEMA_VERSION, leases
from interlock.records.sqlite import SqliteDatabase

_NEW_LEASE = sa.insert(leases)


def _lease(name: str) -> dict[str, object]:
    return {"name": name, "holder": None, "epoch": 1, "expires_at": 0.0, "seconds": 1.0}


def _sqlite(records: Records) -> SqliteDatabase:
    assert isinstance(records.database, SqliteDatabase)
    return records.database


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()


def test_a_fresh_file_says_that_it_is_fresh_and_a_second_opening_finds_it(tmp_path: Path) -> None:
    with open_records(tmp_path) as first:
        assert first.created
    with open_records(tmp_path) as second:
        assert not second.created


def test_the_file_has_a_write_ahead_log_and_checks_references(on_sqlite: Records) -> None:
    assert _sqlite(on_sqlite).pragma("journal_mode") == [("wal",)]
    assert _sqlite(on_sqlite).pragma("foreign_keys") == [(1,)]
    assert on_sqlite.database.faults() == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("run,status\n" * 100), "it is not a SQLite database"),
        (lambda path: path.mkdir(), "it is a folder"),
        (_foreign, "it is a SQLite database of another program"),
    ],
)
def test_what_is_not_ours_is_refused_and_left_as_it_was(tmp_path: Path, make, words: str) -> None:
    path = tmp_path / "records.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(RecordsNotOurs, match=words) as caught:
        Records.open(path, FolderManifests(tmp_path))
    assert "interlock records rebuild" in caught.value.hint
    assert before is None or path.read_bytes() == before


def test_a_file_of_a_later_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    with open_records(tmp_path) as records:
        _sqlite(records).pragma("user_version = 7")
    with pytest.raises(RecordsTooNew) as caught:
        open_records(tmp_path)
    assert str(caught.value).splitlines() == [
        f"The records have version 7, this Interlock knows versions up to {SCHEMA_VERSION}.",
        f"  at {tmp_path / 'records.db'}",
        "  Update Interlock: pip install --upgrade interlock",
    ]


def test_a_folder_where_no_file_can_be_made_is_told(tmp_path: Path) -> None:
    nowhere = Path("/proc/self/fdinfo/records.db")
    with pytest.raises(RecordsNotWritable, match="unable to open database file") as caught:
        Records.open(nowhere, FolderManifests(tmp_path))
    assert caught.value.where == str(nowhere)


def test_a_place_without_a_write_ahead_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsNotWritable, match=r"does not allow a write-ahead log \(got 'memory'\)"):
        Records.open(Path(":memory:"), FolderManifests(tmp_path))


def test_a_damaged_page_is_told_with_the_way_out(tmp_path: Path) -> None:
    with open_records(tmp_path) as records:
        for _ in range(20):
            tell_story(records)
    path = tmp_path / "records.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(RecordsDamaged, match="malformed") as caught, open_records(tmp_path) as records:
        records.runs.list()
    assert "interlock records rebuild" in caught.value.hint


def test_what_raises_leaves_nothing_and_the_next_write_works(records: Records) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(_NEW_LEASE, _lease("half"))
        raise KeyError("half")

    with pytest.raises(KeyError):
        records.database.write(work)
    records.database.change(_NEW_LEASE, _lease("whole"))
    assert records.database.column(sa.select(leases.c.name)) == ["whole"]


def test_a_write_inside_a_write_is_a_mistake_that_is_told(records: Records) -> None:
    with pytest.raises(RuntimeError, match="inside a write"):
        records.database.write(lambda _: records.database.change(_NEW_LEASE, _lease("inner")))
    assert count(records)["leases"] == 0


def test_a_read_inside_a_read_sees_the_same_state(records: Records, tmp_path: Path) -> None:
    def work(_connection: sa.Connection) -> tuple[int, int]:
        before = count(records)["leases"]
        with open_records(tmp_path) as other:
            other.database.change(_NEW_LEASE, _lease("meanwhile"))
        return before, count(records)["leases"]

    assert records.database.read(work) == (0, 0)
    assert count(records)["leases"] == 1


def test_a_lock_that_does_not_go_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "PATIENCE", 0.05)
    monkeypatch.setattr(sqlite_module, "_POLL", 0.02)
    with open_records(tmp_path) as records:
        holder = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordsBusy, match=r"locked by another process for more than 0\.05 s"):
            records.database.change(_NEW_LEASE, _lease("late"))
        holder.execute("ROLLBACK")
        holder.close()
        records.database.change(_NEW_LEASE, _lease("later"))


def test_many_threads_share_one_database(records: Records) -> None:
    def work(number: int) -> None:
        for i in range(25):
            records.leases.acquire(f"{number}/{i}", "me", 1.0)
            assert records.leases.get(f"{number}/{i}") is not None

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(records)["leases"] == 200


def _uses_that_are_refused(records: Records) -> int:
    refused = 0
    for use in (records.runs.list, lambda: records.runs.start("delays")):
        try:
            use()
        except RecordsForked as error:
            refused += "get_context('spawn')" in error.hint
    return refused


def test_a_forked_child_is_refused_and_its_parent_goes_on(records: Records) -> None:
    records.database.change(_NEW_LEASE, _lease("parent"))
    child = os.fork()
    if child == 0:
        refused = -1
        try:
            refused = _uses_that_are_refused(records)
            records.close()
        finally:
            os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    records.database.change(_NEW_LEASE, _lease("parent again"))
    assert (count(records)["leases"], records.database.faults()) == (2, [])


def test_the_lock_is_taken_before_anything_is_read(on_sqlite: Records, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None, timeout=0)

    def work(_connection: sa.Connection) -> str:
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
        return str(caught.value)

    assert on_sqlite.database.write(work) == "database is locked"
    other.close()


_FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.append(sys.argv[2])
from records_sample import open_records, tell_story, count
from interlock.records.faults import RecordsNotWritable
records = open_records(Path(sys.argv[1]))
tell_story(records)
before = count(records)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
try:
    records.logs.add("delays/1", "fit", "stdout", "x" * 1_000_000)
except RecordsNotWritable as error:
    print(error.what)
assert count(records) == before
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
records.logs.add("delays/1", "fit", "stdout", "x" * 1_000_000)
print(count(records)["logs"] - before["logs"], records.database.faults())
"""


def test_a_full_disk_is_an_error_without_damage(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", _FULL_DISK, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, after = done.stdout.splitlines()
    assert said.startswith("The records cannot be written: ")
    assert after == "1 []"


def test_a_database_that_was_closed_opens_again_by_itself(tmp_path: Path) -> None:
    records = open_records(tmp_path)
    records.close()
    records.database.change(_NEW_LEASE, _lease("again"))
    records.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["records.db"]


def test_connections_of_threads_that_ended_are_closed(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "records.db")
    thread = threading.Thread(target=lambda: database.rows(sa.text("SELECT 1")))
    thread.start()
    thread.join()
    assert len(database._links) == 0
    database.close()
