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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of a process; who uses it is in the xdist group "postgres"."""
    server = PostgresServer()
    yield server
    server.remove()
