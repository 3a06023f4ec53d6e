"""Records copied between a file and a server, both ways."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from records_sample import FolderManifests, count, dump, open_records, tell_story

from interlock.records import copying
from interlock.records.copying import CopyDiffers, copy_records
from interlock.records.faults import RecordsNotOurs
from interlock.records.model import MetricPoint
from interlock.records.place import Server
from interlock.records.rebuild import RecordsNotEmpty
from interlock.records.records import Records
from interlock.records.schema import metadata

pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture
def filled(on_sqlite: Records) -> Records:
    for _ in range(2):
        tell_story(on_sqlite)
    on_sqlite.leases.acquire("held", "me", 60.0)
    return on_sqlite


def test_a_copy_and_a_copy_of_the_copy_hold_the_same_rows(
    filled: Records, databases: Callable[[], str], tmp_path: Path
) -> None:
    server = Server(databases())
    copied = copy_records(filled.database, server)
    assert copied == count(filled)
    assert set(copied) == {table.name for table in metadata.sorted_tables}
    with Records.open(server, FolderManifests(tmp_path / "there")) as remote:
        assert not remote.created
        copy_records(remote.database, tmp_path / "back.db")
    with Records.open(tmp_path / "back.db", FolderManifests(tmp_path / "back")) as back:
        assert dump(back) == dump(filled)
        assert back.database.faults() == []


def test_numbers_go_on_after_a_copy(filled: Records, databases: Callable[[], str], tmp_path: Path) -> None:
    server = Server(databases())
    copy_records(filled.database, server)
    with Records.open(server, FolderManifests(tmp_path / "there")) as remote:
        assert remote.runs.start("delays").id == "delays/3"
        remote.metrics.add([MetricPoint("delays/3", "fit", "loss", 0, 0.5, 1.0)])
        remote.logs.add("delays/3", "fit", "stdout", "hello")
        assert count(remote)["metrics"] == count(filled)["metrics"] + 1


def test_a_target_that_holds_something_is_refused(
    filled: Records, databases: Callable[[], str], tmp_path: Path
) -> None:
    server = Server(databases())
    copy_records(filled.database, server)
    with pytest.raises(RecordsNotEmpty) as caught:
        copy_records(filled.database, server)
    assert caught.value.where == str(server)
    with pytest.raises(RecordsNotEmpty):
        copy_records(filled.database, tmp_path / "records.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    with pytest.raises(RecordsNotOurs):
        copy_records(filled.database, tmp_path / "other.db")


@pytest.mark.parametrize("to_server", [True, False])
def test_a_copy_that_fails_leaves_nothing(
    filled: Records,
    databases: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    to_server: bool,
) -> None:
    target = Server(databases()) if to_server else tmp_path / "copy.db"
    whole = copying._pieces

    def without_last(source: sa.Connection, table: sa.Table):
        for rows in whole(source, table):
            yield rows[:-1] if table.name == "windows" else rows

    monkeypatch.setattr(copying, "_pieces", without_last)
    with pytest.raises(CopyDiffers, match="'windows' has 2 rows, and 1 of them arrived"):
        copy_records(filled.database, target)
    monkeypatch.undo()
    assert isinstance(target, Server) or not target.exists()
    assert copy_records(filled.database, target) == count(filled)


def test_records_of_an_empty_file_can_be_copied(tmp_path: Path, databases: Callable[[], str]) -> None:
    (tmp_path / "empty").mkdir()
    with open_records(tmp_path / "empty") as empty:
        assert set(copy_records(empty.database, Server(databases())).values()) == {0}
