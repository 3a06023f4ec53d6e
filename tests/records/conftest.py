from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # records_sample is shared with child processes, so it is a file

from records_sample import ADDRESS, open_records

from interlock.records.records import Records
from postgres_server import PostgresServer

ON_POSTGRES = pytest.param("postgresql", marks=pytest.mark.xdist_group("postgres"))


@pytest.fixture
def databases(postgres: PostgresServer) -> Iterator[Callable[[], str]]:
    """Give empty databases, by their URLs, for the time of a test."""
    taken: list[str] = []

    def give() -> str:
        taken.append(postgres.take())
        return postgres.url(taken[-1])

    yield give
    for name in taken:
        postgres.give_back(name)


@pytest.fixture(params=["sqlite", ON_POSTGRES])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder whose records, see `open_records`, are in a file, and then in a database of a server."""
    if request.param == "postgresql":
        (tmp_path / ADDRESS).write_text(request.getfixturevalue("databases")())
    return tmp_path


@pytest.fixture
def records(folder: Path) -> Iterator[Records]:
    with open_records(folder) as opened:
        yield opened


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Records]:
    with open_records(tmp_path) as opened:
        yield opened
