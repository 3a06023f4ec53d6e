"""Queries to a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from source_sample import World

from interlock.stack.config import DataConfig
from interlock.store.sources.faults import SourceFailed
from postgres_server import PostgresServer

pytestmark = pytest.mark.xdist_group("postgres")

QUERY = "SELECT id, origin, at, price, '50%' AS share FROM flights ORDER BY id"


@pytest.fixture
def config(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataConfig]:
    monkeypatch.setenv("FLIGHTS_PASSWORD", "s3cr3t")
    with postgres.connect() as server:
        server.execute("CREATE TABLE flights (id int, origin text, at timestamptz, price numeric(6, 2))")
        server.execute(
            "INSERT INTO flights SELECT n, 'JFK', to_timestamp(n), n + 0.25 FROM generate_series(1, 3) n"
        )
        server.execute("INSERT INTO flights VALUES (4, NULL, NULL, NULL)")
        yield DataConfig(
            uri=f"postgresql://owner:${{FLIGHTS_PASSWORD}}@127.0.0.1:{postgres.port}/postgres",
            query=QUERY,
            part_by="origin",
        )
        server.execute("DROP TABLE flights")


def test_rows_come_out_of_the_database_with_their_types(tmp_path: Path, config: DataConfig) -> None:
    world = World(tmp_path)
    snapshot = world.take(config)
    rows = world.rows(config, snapshot)
    assert [part.path for part in snapshot.parts] == ["query:origin=JFK", "query:origin=null"]
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert (str(rows[0]["price"]), rows[0]["at"].timestamp(), rows[0]["share"]) == ("1.25", 1.0, "50%")


def test_the_password_is_nowhere(tmp_path: Path, config: DataConfig) -> None:
    snapshot = World(tmp_path).take(config)
    assert "s3cr3t" not in str(snapshot.to_json())
    assert snapshot.uri.endswith("/postgres")
    assert "owner" not in snapshot.uri


def test_only_the_part_of_a_new_row_is_another_one(
    tmp_path: Path, config: DataConfig, postgres: PostgresServer
) -> None:
    world = World(tmp_path)
    first = world.take(config)
    with postgres.connect() as server:
        server.execute("INSERT INTO flights VALUES (5, 'JFK', NULL, NULL)")
    second = world.take(config, first.parts)
    assert [one.digest == two.digest for one, two in zip(first.parts, second.parts, strict=True)] == [
        False,
        True,
    ]
    assert len(world.rows(config, first)) == 4


def test_a_query_cannot_change_the_database(tmp_path: Path, config: DataConfig) -> None:
    writing = config.model_copy(update={"query": "DELETE FROM flights RETURNING id", "part_by": None})
    with pytest.raises(SourceFailed, match="read-only transaction"):
        World(tmp_path).take(writing)
