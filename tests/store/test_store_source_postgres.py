"""Queries to a real PostgreSQL, installed and started for these tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from source_sample import World

from interlock.stack.config import DataConfig
from interlock.store.sources.faults import SourceFailed

QUERY = "SELECT id, origin, at, price, '50%' AS share FROM flights ORDER BY id"


def binaries() -> Path:
    """Return the folder of the server's programs; on Debian, root installs them where there are none."""
    if not (found := _installed()) and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-qq", "-y", "postgresql"], check=True, timeout=300)
        found = _installed()
    if not found:
        pytest.fail("These tests need PostgreSQL's server: install the package `postgresql`.")
    return found[-1]


def _installed() -> list[Path]:
    on_path = shutil.which("initdb")
    return sorted(Path("/usr/lib/postgresql").glob("*/bin")) + ([Path(on_path).parent] if on_path else [])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    programs = binaries()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # not pytest's: another user must be able to enter it
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if user:
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]

    def call(program: str, *words: str) -> None:
        command = [str(programs / program), "-D", str(folder / "data"), *words]
        subprocess.run(command, user=user, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    (folder / "password").write_text("s3cr3t")
    (folder / "password").chmod(0o644)
    call("initdb", "-U", "owner", "-A", "scram-sha-256", "--pwfile", str(folder / "password"), "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -p {number} -k {folder} -c fsync=off"
    call("pg_ctl", "-w", "-s", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield number
    finally:
        call("pg_ctl", "-w", "-s", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def config(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataConfig]:
    monkeypatch.setenv("FLIGHTS_PASSWORD", "s3cr3t")
    with psycopg.connect(f"postgresql://owner:s3cr3t@127.0.0.1:{port}/postgres", autocommit=True) as server:
        server.execute("CREATE TABLE flights (id int, origin text, at timestamptz, price numeric(6, 2))")
        server.execute(
            "INSERT INTO flights SELECT n, 'JFK', to_timestamp(n), n + 0.25 FROM generate_series(1, 3) n"
        )
        server.execute("INSERT INTO flights VALUES (4, NULL, NULL, NULL)")
        yield DataConfig(
            uri=f"postgresql://owner:${{FLIGHTS_PASSWORD}}@127.0.0.1:{port}/postgres",
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


def test_only_the_part_of_a_new_row_is_another_one(tmp_path: Path, config: DataConfig, port: int) -> None:
    world = World(tmp_path)
    first = world.take(config)
    with psycopg.connect(f"postgresql://owner:s3cr3t@127.0.0.1:{port}/postgres", autocommit=True) as server:
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
