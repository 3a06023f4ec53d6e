"""A real PostgreSQL, installed where it is missing and started for the tests of one process."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

PASSWORD = "s3cr3t"


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


def _folder() -> Path:
    """Make a folder that another user may enter, as pytest's own is not; in memory where there is enough."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4e9
    return Path(tempfile.mkdtemp(prefix="pg-", dir=memory if roomy else None))


@dataclass
class PostgresServer:
    """A cluster in a folder of its own; the user `owner` may do everything."""

    programs: Path = field(default_factory=binaries)
    folder: Path = field(default_factory=_folder)
    port: int = 0
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _free: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if self._user:
            shutil.chown(self.folder, self._user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._call("initdb", "-U", "owner", "-A", "scram-sha-256", "--pwfile", str(password), "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off -c full_page_writes=off"
        self._call("pg_ctl", "-w", "-s", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._call("pg_ctl", "-w", "-s", "-m", mode, "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres", *, user: str = "owner", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(database), autocommit=True)

    def take(self) -> str:
        """Return the name of an empty database, which is one's own until it is given back."""
        if self._free:
            return self._free.pop()
        name = f"test{next(self._numbers)}"
        with self.connect() as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def give_back(self, name: str) -> None:
        """Empty a database for the next test: that is faster than to remove it, and to make another one."""
        with self.connect(name) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self._free.append(name)

    def _call(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *words]
        subprocess.run(
            command, user=self._user, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=60
        )
