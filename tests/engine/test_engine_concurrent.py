"""Twenty processes on one store and one set of records; the long form is chaos/many_processes.py by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from postgres_server import PostgresServer

SCRIPT = Path(__file__).parents[2] / "chaos/many_processes.py"


def _run(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), "--processes", "20", "--runs", "2", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "locked" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[0]


def test_twenty_processes_share_one_store_and_one_file() -> None:
    assert _run().startswith("20 processes, 40 runs in ")


@pytest.mark.xdist_group("postgres")
def test_twenty_processes_share_one_store_and_one_server(postgres: PostgresServer) -> None:
    name = postgres.take()
    assert _run("--records", postgres.url(name)).startswith("20 processes, 40 runs in ")
    postgres.give_back(name)
