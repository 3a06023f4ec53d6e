"""Records on a real PostgreSQL: who is let in, and what happens when the server or the line to it goes."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from records_sample import ADDRESS, FolderManifests, count, open_records

from interlock.errors import InterlockError
from interlock.extras import MissingExtra
from interlock.records import database as database_module
from interlock.records.faults import (
    BadRecordsAddress,
    RecordsBusy,
    RecordsDamaged,
    RecordsNotOurs,
    RecordsNotWritable,
    RecordsRefused,
    RecordsTooNew,
    RecordsUnreachable,
)
from interlock.records.model import MetricPoint
from interlock.records.place import Server
from interlock.records.records import Records
from interlock.records.schema import SCHEMA_VERSION, leases
from postgres_server import PASSWORD, PostgresServer

pytestmark = pytest.mark.xdist_group("postgres")

_NEW_LEASE = sa.insert(leases)


def _lease(name: str) -> dict[str, object]:
    return {"name": name, "holder": None, "epoch": 1, "expires_at": 0.0, "seconds": 1.0}


def _open(url: str, tmp_path: Path, **more: float) -> Records:
    return Records.open(Server(url, **more), FolderManifests(tmp_path / "manifests"))


@pytest.fixture
def url(databases: Callable[[], str], tmp_path: Path) -> str:
    url = databases()
    _open(url, tmp_path).close()
    return url


@pytest.fixture
def remote(url: str, tmp_path: Path) -> Iterator[Records]:
    with _open(url, tmp_path) as opened:
        yield opened


@dataclass
class Line:
    """A line to the server that can be cut at a COMMIT, before it arrives or after it was answered."""

    port: int
    cut: str = ""
    door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    ends: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port_here = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Put nobody through any more; a thread that waits for somebody is woken, as closing would not."""
        with contextlib.suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.shut()
        for one in (self.door, *self.ends):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.door.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            self.ends += (client, server)
            threading.Thread(target=self._there, args=(client, server), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        threading.Thread(target=self._back, args=(client, server), daemon=True).start()
        while data := _piece(client):
            if b"COMMIT" in data and self.cut:
                if self.cut == "after":
                    server.sendall(data)
                    time.sleep(0.3)  # for the answer, which `_back` keeps to itself
                self.cut = ""
                for end in (client, server):
                    with contextlib.suppress(OSError):  # of one that is gone already
                        end.shutdown(socket.SHUT_RDWR)
                return
            with contextlib.suppress(OSError):
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        while data := _piece(server):
            if self.cut == "after" and b"COMMIT" in data:
                continue
            try:
                client.sendall(data)
            except OSError:
                return


def _piece(one: socket.socket) -> bytes:
    try:
        return one.recv(65536)
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"port": "1"}, RecordsUnreachable, "does not answer"),
        ({"password": "wr0ng"}, RecordsRefused, "refuses: password authentication failed"),
        ({"user": "nobody"}, RecordsRefused, "refuses: password authentication failed"),
        ({"database": "nowhere"}, RecordsRefused, 'refuses: database "nowhere" does not exist'),
    ],
)
def test_who_is_not_let_in_is_told_why_and_no_secret(
    postgres: PostgresServer, tmp_path: Path, change: dict[str, str], error: type[InterlockError], words: str
) -> None:
    port = change.pop("port", str(postgres.port))
    url = postgres.url(**change).replace(str(postgres.port), port)
    began = time.monotonic()
    with pytest.raises(error, match=words) as caught:
        _open(url, tmp_path)
    assert time.monotonic() - began < 20  # it never answered: nothing is waited for
    assert caught.value.where == f"postgresql://127.0.0.1:{port}/{change.get('database', 'postgres')}"
    assert caught.value.hint
    told = f"{caught.value}{caught.value.__cause__}{Server(url)!r}"
    assert PASSWORD not in told
    assert "wr0ng" not in told


@pytest.mark.parametrize("url", ["mysql://me:pw@host/db", "postgresql://me:p/w:x@host:db/db", "file.db"])
def test_what_is_no_address_is_refused_without_showing_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadRecordsAddress) as caught:
        _open(url, tmp_path)
    assert "pw" not in str(caught.value)
    assert "postgresql://user" in caught.value.hint


def test_the_database_of_another_program_is_refused_and_left_as_it_was(
    postgres: PostgresServer, databases: Callable[[], str], tmp_path: Path
) -> None:
    name = databases().rpartition("/")[2]
    with postgres.connect(name) as server:
        server.execute("CREATE TABLE bookmarks (url text)")
    with pytest.raises(RecordsNotOurs, match="database of another program") as caught:
        _open(postgres.url(name), tmp_path)
    assert "Make a database for the records alone" in caught.value.hint
    with postgres.connect(name) as server:
        assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)


def test_records_of_a_later_version_are_refused(url: str, postgres: PostgresServer, tmp_path: Path) -> None:
    with postgres.connect(url.rpartition("/")[2]) as server:
        server.execute("UPDATE interlock_version SET version_num = '0070'")
    with pytest.raises(
        RecordsTooNew, match=f"version 70, this Interlock knows versions up to {SCHEMA_VERSION}"
    ):
        _open(url, tmp_path)


def test_a_server_that_only_reads_is_told(url: str, tmp_path: Path) -> None:
    with (
        _open(f"{url}?options=-c%20default_transaction_read_only%3Don", tmp_path) as records,
        pytest.raises(RecordsNotWritable, match="read-only transaction"),
    ):
        records.runs.start("delays")


def test_a_table_that_is_gone_is_told(remote: Records, postgres: PostgresServer, url: str) -> None:
    with postgres.connect(url.rpartition("/")[2]) as server:
        server.execute("DROP TABLE windows")
    with pytest.raises(RecordsDamaged, match='relation "windows" does not exist'):
        remote.windows.list("delays")


def test_writers_that_must_be_alone_wait_for_each_other(
    remote: Records, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "PATIENCE", 0.2)
    with _open(url, tmp_path) as other:

        def work(_connection: sa.Connection) -> None:
            with pytest.raises(RecordsBusy) as caught:
                other.runs.start("delays")
            assert "pg_stat_activity" in caught.value.hint
            other.database.change(_NEW_LEASE, _lease("beside"))  # adds to a thing of its own

        remote.database.write(work)
        assert other.runs.start("delays").number == 1


def test_a_deadlock_is_tried_again(remote: Records, url: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        remote.database.change(_NEW_LEASE, _lease(name))
    both = threading.Barrier(2, timeout=10)
    tries: list[str] = []

    def meet(records: Records, first: str, second: str) -> None:
        def work(connection: sa.Connection) -> None:
            tries.append(first)
            for name in (first, second):
                connection.execute(
                    sa.update(leases).where(leases.c.name == name).values(epoch=leases.c.epoch + 1)
                )
                if name == first and len(tries) <= 2:
                    both.wait()

        records.database.write(work, alone=False)

    with _open(url, tmp_path) as other:
        thread = threading.Thread(target=meet, args=(other, "two", "one"))
        thread.start()
        meet(remote, "one", "two")
        thread.join()
    assert len(tries) == 3
    assert remote.database.column(sa.select(leases.c.epoch)) == [3, 3]


def test_a_transaction_that_went_on_after_an_error_is_not_taken_for_done(remote: Records) -> None:
    def work(connection: sa.Connection) -> None:
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.insert(leases), {"name": "half"})

    with pytest.raises(RuntimeError, match="went on as if it had not"):
        remote.database.write(work)
    remote.database.change(_NEW_LEASE, _lease("whole"))
    assert count(remote)["leases"] == 1


def test_a_session_that_the_server_ended_in_the_middle_is_begun_again(
    remote: Records, postgres: PostgresServer
) -> None:
    calls = []

    def work(connection: sa.Connection) -> None:
        connection.execute(_NEW_LEASE, _lease("once"))
        calls.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        if len(calls) == 1:
            with postgres.connect() as server:
                server.execute(f"SELECT pg_terminate_backend({calls[0]})")
            connection.exec_driver_sql("SELECT 1")

    remote.database.write(work)
    assert len(set(calls)) == 2
    assert remote.database.column(sa.select(leases.c.name)) == ["once"]


@pytest.mark.parametrize(("cut", "calls"), [("after", 1), ("before", 2)])
def test_a_commit_whose_answer_is_lost_happens_once(
    url: str, postgres: PostgresServer, tmp_path: Path, cut: str, calls: int
) -> None:
    line = Line(postgres.port)
    shaky = url.replace(str(postgres.port), str(line.port_here))
    called = []

    def work(connection: sa.Connection) -> str:
        connection.execute(_NEW_LEASE, _lease(f"number {len(called)}"))
        called.append(cut)
        return "done"

    with _open(shaky, tmp_path) as records:
        line.cut = cut
        assert records.database.write(work) == "done"
        assert len(called) == calls
        assert records.database.column(sa.select(leases.c.name)) == [f"number {calls - 1}"]
        assert records.runs.start("delays").number == 1
    line.close()


def test_a_run_goes_on_after_the_server_was_started_anew(remote: Records, postgres: PostgresServer) -> None:
    remote.runs.start("delays")
    postgres.stop("fast")
    later = threading.Timer(0.5, postgres.start)
    later.start()
    remote.metrics.add([MetricPoint("delays/1", "fit", "loss", 0, 0.5, 1.0)])
    later.join()
    assert remote.runs.finish("delays/1", "succeeded").status == "succeeded"
    assert [point.value for point in remote.metrics.series("delays/1", "loss")] == [0.5]


def test_a_server_that_does_not_come_back_is_told(url: str, postgres: PostgresServer, tmp_path: Path) -> None:
    with _open(url, tmp_path, outage=0.3) as records:
        records.runs.start("delays")
        postgres.stop("fast")
        try:
            with pytest.raises(RecordsUnreachable, match=r"does not answer: .*refused"):
                records.runs.start("delays")
            with pytest.raises(RecordsUnreachable):
                records.runs.list()
        finally:
            postgres.start()
        assert records.runs.start("delays").number == 2


def test_a_lost_answer_that_nobody_can_clear_up_is_told_as_that(
    url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    line = Line(postgres.port)
    shaky = url.replace(str(postgres.port), str(line.port_here))
    with _open(shaky, tmp_path, outage=0.3) as records:

        def work(_connection: sa.Connection) -> None:
            line.cut = "after"
            line.shut()  # and nobody is put through any more

        with pytest.raises(
            RecordsUnreachable, match="Whether the last write was kept is not known"
        ) as caught:
            records.database.write(work)
    assert caught.value.unsure
    line.close()


def test_what_a_server_shows_of_itself_has_no_user_and_no_password() -> None:
    server = replace(Server("postgresql://me:pw@db.example:5433/records?sslkey=secret"))
    assert (str(server), "pw" in repr(server)) == ("postgresql://db.example:5433/records", False)


def test_the_driver_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra) as caught:
        _open("postgresql://me@host/db", tmp_path)
    assert "interlock[postgres]" in caught.value.hint


def test_the_folder_of_a_test_names_its_database(url: str, tmp_path: Path) -> None:
    (tmp_path / ADDRESS).write_text(url)
    with open_records(tmp_path) as records:
        assert not records.created
        assert records.database.place == str(Server(url))
