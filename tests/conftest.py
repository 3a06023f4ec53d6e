"""What holds for every test: nothing of the user's surroundings, and no clock."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.append(str(Path(__file__).parent))

from postgres_server import PostgresServer

# A developer's own settings must neither be changed by a test nor decide one.
for variable in [name for name in os.environ if name.startswith("INTERLOCK_")]:
    del os.environ[variable]

settings.register_profile("interlock", deadline=None)  # how fast an example runs is the machine's affair
settings.load_profile("interlock")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name the group of a test in its id, by which pytest-xdist keeps a group in one process.

    pytest-xdist 3.8 writes the name where pytest 9.2 no longer looks for it.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        group = item.get_closest_marker("xdist_group")
        if group is not None and item.nodeid.rfind("@") <= item.nodeid.rfind("]"):
            item._id = f"{item.nodeid}@{group.args[0]}"  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of a process; who uses it is in the xdist group "postgres"."""
    server = PostgresServer()
    yield server
    server.remove()
