"""Snapshots of local files, databases and copies: what is read again, what is found again, what is lost."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_sample import World

from interlock.identity.artifact import Snapshot
from interlock.stack.config import DataConfig
from interlock.store.sources.address import UnsetVariable, recorded, resolved, without_secrets
from interlock.store.sources.faults import ChangedPart, NoData, SourceFailed, UnknownSource
from interlock.store.sources.reading import copy_parts
from interlock.store.sources.restore import InTheWay, restore_snapshot
from interlock.store.sources.snapshots import take_snapshot

PARQUET = DataConfig(uri="data/*.parquet")
FLIGHTS = "SELECT * FROM flights ORDER BY id"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for month in (1, 2):
        made.write(f"data/{month}.parquet", {"month": [month] * 3, "late": [True, False, None]})
    return made


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "flights.db") as file:
        file.execute("CREATE TABLE flights (id INTEGER, origin TEXT, delay REAL, at TEXT)")
        rows = [(1, "JFK", 1.5, "12:30"), (2, "LGA", None, "50%"), (3, "JFK", 2, ":x"), (4, None, 0, "y")]
        file.executemany("INSERT INTO flights VALUES (?, ?, ?, ?)", rows)
    file.close()
    return tmp_path / "flights.db"


def paths(snapshot: Snapshot) -> list[str]:
    return [part.path for part in snapshot.parts]


def test_a_part_that_was_rewritten_with_the_same_rows_is_the_same(world: World) -> None:
    first = world.take(PARQUET)
    path = world.root / "data/1.parquet"
    pq.write_table(pq.read_table(path), path, row_group_size=1, compression="zstd")
    second = world.take(PARQUET, first.parts)
    assert second.parts[0].bytes != first.parts[0].bytes
    assert second.digest == first.digest
    assert second.content != first.content  # for those who are given files
    assert len(world.rows(PARQUET, first)) == 6  # the earlier snapshot is still what is there


def test_a_change_that_hides_behind_size_and_time_is_noticed(world: World) -> None:
    (world.root / "a.csv").write_text("x\n1\n")
    config = DataConfig(uri="a.csv")
    first = world.take(config)
    before = (world.root / "a.csv").stat()
    (world.root / "a.csv").write_text("x\n2\n")
    os.utime(world.root / "a.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert world.take(config, first.parts).digest != first.digest


@pytest.mark.parametrize(
    ("said", "asked", "trusted"), [("stat", False, True), ("stat", True, False), ("content", False, False)]
)
def test_the_short_cut_can_be_switched_off(world: World, said: str, asked: bool, trusted: bool) -> None:
    config = DataConfig.model_validate({"uri": "data/*.parquet", "check": said})
    honest = world.take(config)
    false = [
        type(part)(part.path, "blake3:false", part.size, part.mtime_ns, "blake3:no", part.tag)
        for part in honest.parts
    ]
    found = world.take(config, tuple(false), check=asked)
    assert [part.digest == "blake3:false" for part in found.parts] == [trusted, trusted]


def test_copies_outlive_their_originals(world: World) -> None:
    first = world.take(PARQUET)
    copy_parts(first, world.reader(PARQUET), world.shelf)
    expected = world.rows(PARQUET, first)
    world.write("data/1.parquet", {"month": [9], "late": [True]})
    (world.root / "data/2.parquet").unlink()
    assert world.rows(PARQUET, first) == expected
    folder = world.reader(PARQUET).read(first, Path)
    assert sorted(path.name for path in folder.iterdir()) == ["1.parquet", "2.parquet"]


def test_without_copies_a_changed_part_is_an_error(world: World) -> None:
    first = world.take(PARQUET)
    world.write("data/1.parquet", {"month": [9], "late": [True]})
    with pytest.raises(ChangedPart, match=r"1\.parquet changed since its snapshot was taken"):
        world.rows(PARQUET, first)


def test_a_snapshot_is_restored_byte_by_byte(world: World, tmp_path: Path) -> None:
    world.write("data/more/3.parquet", {"month": [3], "late": [True]})
    config = DataConfig(uri="data")
    snapshot, reader = world.take(config), world.reader(config)
    target = tmp_path / "out"
    assert restore_snapshot(snapshot, reader, target) == {
        "1.parquet": True,
        "2.parquet": True,
        "more/3.parquet": True,
    }
    for name in ("1.parquet", "more/3.parquet"):
        assert (target / name).read_bytes() == (world.root / "data" / name).read_bytes()
    (target / "1.parquet").unlink()
    assert list(restore_snapshot(snapshot, reader, target).values()) == [True, False, False]


def test_a_restore_writes_over_nothing_unless_it_is_forced(world: World, tmp_path: Path) -> None:
    snapshot, reader = world.take(PARQUET), world.reader(PARQUET)
    target = tmp_path / "out"
    target.mkdir()
    (target / "2.parquet").write_text("mine")
    with pytest.raises(
        InTheWay, match=r"Other content is in the way: 2\.parquet\. Nothing was written\."
    ) as caught:
        restore_snapshot(snapshot, reader, target)
    assert "--force" in caught.value.hint
    assert [path.name for path in target.iterdir()] == ["2.parquet"]
    restore_snapshot(snapshot, reader, target, force=True)
    assert (target / "2.parquet").read_bytes() == (world.root / "data/2.parquet").read_bytes()


def test_what_cannot_be_restored_exactly_is_not_restored(world: World, tmp_path: Path) -> None:
    snapshot = world.take(PARQUET)
    path = world.root / "data/1.parquet"
    pq.write_table(pq.read_table(path), path, row_group_size=1)  # the same rows, other bytes
    with pytest.raises(ChangedPart, match="changed since"):
        restore_snapshot(snapshot, world.reader(PARQUET), tmp_path / "out")


def test_a_query_is_a_dataset(world: World, database: Path) -> None:
    config = DataConfig(uri="sqlite:///flights.db", query=FLIGHTS)
    snapshot = world.take(config)
    assert (paths(snapshot), snapshot.format, snapshot.uri) == (
        ["query:all"],
        "arrow",
        "sqlite:///flights.db",
    )
    rows = world.rows(config, snapshot)
    assert rows[0] == {"id": 1, "origin": "JFK", "delay": 1.5, "at": "12:30"}
    assert [row["at"] for row in rows] == ["12:30", "50%", ":x", "y"]
    database.unlink()
    assert (
        world.rows(config, snapshot) == rows
    )  # what was read is read again, whatever became of the database


def test_a_query_has_parts_by_the_values_of_a_column(world: World, database: Path) -> None:
    config = DataConfig(uri="sqlite:///flights.db", query=FLIGHTS, part_by="origin")
    first = world.take(config)
    assert paths(first) == ["query:origin=JFK", "query:origin=LGA", "query:origin=null"]
    with sqlite3.connect(database) as file:
        file.execute("INSERT INTO flights VALUES (5, 'a/b', 1, 'z')")
    file.close()
    second = world.take(config, first.parts)
    assert paths(second)[-2:] == ["query:origin=a%2Fb", "query:origin=null"]
    assert {part.path: part.digest for part in first.parts}.items() <= {
        part.path: part.digest for part in second.parts
    }.items()
    assert len(world.rows(config, second)) == 5


def test_a_database_file_that_nobody_touched_is_not_asked_again(world: World, database: Path) -> None:
    config = DataConfig(uri="sqlite:///flights.db", query=FLIGHTS)
    first = world.take(config)
    false = tuple(
        type(part)(part.path, "blake3:false", part.size, 0, part.bytes, part.tag) for part in first.parts
    )
    assert world.take(config, false).parts == false
    assert world.take(config, false, check=True).digest == first.digest
    other = DataConfig(uri="sqlite:///flights.db", query="SELECT 1 AS one")
    assert world.rows(other, world.take(other, false)) == [{"one": 1}]


def test_a_query_cannot_change_its_database(world: World, database: Path) -> None:
    with pytest.raises(SourceFailed, match="attempt to write a readonly database"):
        world.take(DataConfig(uri="sqlite:///flights.db", query="DELETE FROM flights RETURNING id"))
    assert (
        len(
            world.rows(
                DataConfig(uri="sqlite:///flights.db", query=FLIGHTS),
                world.take(DataConfig(uri="sqlite:///flights.db", query=FLIGHTS)),
            )
        )
        == 4
    )


@pytest.mark.parametrize(
    ("config", "error", "said"),
    [
        ({"uri": "sqlite:///none.db", "query": FLIGHTS}, NoData, "no file matches 'sqlite:///none.db'"),
        ({"uri": "sqlite:///flights.db", "query": "SELECT speed FROM flights"}, SourceFailed, "The query of the dataset 'flights' failed: no such column: speed"),
        ({"uri": "sqlite:///flights.db", "query": FLIGHTS, "part_by": "orign"}, UnknownSource, "no column 'orign' to part by.\n  Did you mean 'origin'"),
        ({"uri": "duckdb:", "query": "SELECT nothing"}, SourceFailed, "failed: Binder Error"),
        ({"uri": "nosuchdatabase://host/db", "query": FLIGHTS}, SourceFailed, "nosuchdatabase"),
    ],
)  # fmt: skip
def test_a_query_that_fails_says_why(
    world: World, database: Path, config: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        world.take(DataConfig.model_validate(config))
    assert said in str(caught.value)


def test_an_empty_answer_keeps_its_columns(world: World, database: Path) -> None:
    config = DataConfig(uri="sqlite:///flights.db", query="SELECT id, origin FROM flights WHERE id > 99")
    assert world.reader(config).read(world.take(config), pa.Table).column_names == ["id", "origin"]


def test_an_empty_answer_is_one_part_whatever_it_is_divided_by(world: World, database: Path) -> None:
    query = "SELECT id, origin FROM flights WHERE id > 99"
    config = DataConfig(uri="sqlite:///flights.db", query=query, part_by="origin")
    snapshot = world.take(config)
    assert paths(snapshot) == ["query:all"]
    assert world.rows(config, snapshot) == []


def test_duckdb_answers_from_a_file_and_over_files(world: World) -> None:
    with duckdb.connect(str(world.root / "flights.duckdb")) as connection:
        connection.execute("CREATE TABLE flights AS SELECT range AS id, 'JFK' AS origin FROM range(3)")
    inside = DataConfig(uri="duckdb:///flights.duckdb", query=FLIGHTS)
    over = DataConfig(
        uri="duckdb:", query="SELECT month, count(*) AS n FROM 'data/*.parquet' GROUP BY 1 ORDER BY 1"
    )
    assert [row["id"] for row in world.rows(inside, world.take(inside))] == [0, 1, 2]
    assert world.rows(over, world.take(over)) == [{"month": 1, "n": 3}, {"month": 2, "n": 3}]


def test_without_a_project_a_query_is_refused(tmp_path: Path, database: Path) -> None:
    with pytest.raises(UnknownSource, match="can only be read in a project"):
        take_snapshot("flights", DataConfig(uri="sqlite:///flights.db", query=FLIGHTS), tmp_path)


def test_placeholders_are_filled_in_when_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTS_PASSWORD", "p@ss/w:rd")
    monkeypatch.setenv("FLIGHTS_FOLDER", "/mnt/a b")
    uri = "postgresql://me:${FLIGHTS_PASSWORD}@host/db"
    assert resolved("flights", uri) == "postgresql://me:p%40ss%2Fw%3Ard@host/db"
    assert resolved("flights", "${FLIGHTS_FOLDER}/*.csv") == "/mnt/a b/*.csv"
    with pytest.raises(
        UnsetVariable, match="needs the environment variable NO_SUCH_ONE, which is not set"
    ) as caught:
        resolved("flights", "${NO_SUCH_ONE}/*.csv")
    assert "Set it before the command:  NO_SUCH_ONE=" in caught.value.hint


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://me:secret@host/db?sslpassword=secret", "postgresql://host/db"),
        ("postgresql://me:se/cr@et@host/db", "postgresql://host/db"),
        ("postgresql://me:${PASSWORD}@host/db", "postgresql://host/db"),
        ("${DATABASE_URL}", "${DATABASE_URL}"),
        ("s3://bucket/a@b/*.csv", "s3://bucket/a@b/*.csv"),
        ("data/*.csv", "data/*.csv"),
    ],
)
def test_no_credential_is_recorded(uri: str, shown: str) -> None:
    assert recorded(uri) == shown


def test_an_error_does_not_tell_the_password(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTS_PASSWORD", "hunter2secret")
    config = DataConfig(uri="postgresql://me:${FLIGHTS_PASSWORD}@127.0.0.1:9/db", query=FLIGHTS)
    with pytest.raises(SourceFailed, match="connection") as caught:
        world.take(config)
    assert "hunter2secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.where == "postgresql://127.0.0.1:9/db"


def test_what_a_library_says_is_shown_without_secrets() -> None:
    said = "no way in with p@ss/w:rd or p%40ss%2Fw%3Ard for me"
    assert without_secrets(said, "postgresql://me:p%40ss%2Fw%3Ard@host/db") == "no way in with … or … for me"


def test_a_uri_that_nothing_reads_is_told(world: World) -> None:
    with pytest.raises(UnknownSource, match="of a kind that nothing here reads: ftp"):
        world.take(DataConfig.model_construct(uri="ftp://host/*.csv", query=None, check="stat", format=None))
