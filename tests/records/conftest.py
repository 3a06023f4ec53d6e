from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # records_sample is shared with child processes, so it is a file

from records_sample import ADDRESS, FolderManifests, open_records

from interlock.records.place import Server
from interlock.records.records import Records
from postgres_server import PostgresServer

ON_POSTGRES = pytest.param("postgresql", marks=pytest.mark.xdist_group("postgres"))


@pytest.fixture(scope="session")
def filled_template(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with empty tables: a copy of it is made faster than the tables are."""
    name = postgres.create()
    Records.open(Server(postgres.url(name)), FolderManifests(tmp_path_factory.mktemp("none"))).close()
    return name


@pytest.fixture(params=["sqlite", ON_POSTGRES])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder whose records, see `open_records`, are in a file, and then in a database of a server."""
    if request.param == "postgresql":
        postgres, template = request.getfixturevalue("postgres"), request.getfixturevalue("filled_template")
        (tmp_path / ADDRESS).write_text(postgres.url(postgres.create(template)))
    return tmp_path


@pytest.fixture
def records(folder: Path) -> Iterator[Records]:
    with open_records(folder) as opened:
        yield opened


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Records]:
    with open_records(tmp_path) as opened:
        yield opened
