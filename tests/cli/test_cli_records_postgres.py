"""The straight path with the records in a PostgreSQL database, named by one line of the configuration."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, starter

from interlock.records.schema import SCHEMA_VERSION
from postgres_server import PASSWORD, PostgresServer

pytestmark = pytest.mark.xdist_group("postgres")

VARIABLE = "RECORDS_PASSWORD"


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.take()
    yield name
    postgres.give_back(name)


@pytest.fixture(scope="module")
def trained(
    database: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = starter(tmp_path_factory.mktemp("trained"))
    url = postgres.url(database, password=f"${{{VARIABLE}}}")
    with (folder / "interlock.toml").open("a") as file:
        file.write(f'\n[stack.default]\nrecords = "{url}"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, PASSWORD)
        report = interlock_json(folder, "run", "delays")
        assert (report["run"], report["status"], report["model"]) == ("delays/1", "succeeded", 1)
        yield folder


def test_a_run_is_in_the_database_and_in_no_file(
    trained: Path, postgres: PostgresServer, database: str
) -> None:
    assert not (trained / ".interlock/records.db").exists()
    with postgres.connect(database) as server:
        assert server.execute("SELECT id, status FROM runs WHERE number = 1").fetchall() == [
            ("delays/1", "succeeded")
        ]
    again = interlock_json(trained, "run", "delays")
    assert {step["state"] for step in again["steps"]} == {"cached"}


def test_runs_and_models_are_shown_and_searched(trained: Path) -> None:
    found = interlock_json(trained, "runs", "--where", "auc > 0.5 and status = succeeded", "--sort", "-auc")
    assert found[-1]["id"] == "delays/1"
    assert interlock_json(trained, "runs", "delays", "--where", "auc > 0.999") == []
    assert "fit_model" in interlock(trained, "show", "delays/1").stdout
    assert [one["model"] for one in interlock_json(trained, "models")] == ["delays"]
    slip = interlock(trained, "runs", "--where", "ac > 0.5")
    assert slip.returncode == 2
    assert "Did you mean 'auc'?" in slip.stderr


def test_a_champion_is_promoted_and_served_from_there(trained: Path) -> None:
    assert interlock(trained, "promote", "delays").returncode == 0
    command = [sys.executable, "-m", "interlock", "serve", "delays@champion", "--port", "0"]
    server = subprocess.Popen(
        command, cwd=trained, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[1].strip()
        rows = [{"hour": 8, "distance": 500, "precip": 0.0}]
        asked = urllib.request.Request(
            f"{url}/models/delays/predict",
            json.dumps({"rows": rows}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status == 200
        deployed = interlock(trained, "models", "delays").stdout
        assert "champion" in deployed
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == 0


def test_records_are_rebuilt_and_what_was_there_is_kept(trained: Path) -> None:
    before = interlock_json(trained, "runs")
    made = interlock_json(trained, "records", "rebuild")
    assert made["kinds"]["version"] == 1
    assert made["unreadable"] == []
    assert interlock_json(trained, "runs") == before
    (kept,) = (trained / ".interlock").glob("records.db.before-*")
    assert kept.stat().st_size > 0


def test_records_are_copied_to_a_file_and_used_from_there(trained: Path) -> None:
    before = interlock_json(trained, "runs")
    copied = interlock_json(trained, "records", "copy", ".interlock/records.db")
    assert copied["rows"]["runs"] == len(before)
    refused = interlock(trained, "records", "copy", ".interlock/records.db")
    assert refused.returncode == 1
    assert "only be filled where there are none yet" in refused.stderr
    toml = (trained / "interlock.toml").read_text()
    (trained / "interlock.toml").write_text(toml.partition("[stack.default]")[0])
    try:
        assert interlock_json(trained, "runs") == before
        taken = interlock_json(trained, "records", "downgrade", "2")
        assert (taken["before"], taken["now"]) == (SCHEMA_VERSION, 2)
        assert interlock_json(trained, "runs") == before
    finally:
        (trained / "interlock.toml").write_text(toml)


def test_a_password_that_is_missing_or_wrong_is_told_and_not_shown(trained: Path) -> None:
    wrong = interlock(trained, "runs", env={VARIABLE: "wr0ng-p/w"})
    assert wrong.returncode == 1
    assert "The server of the records refuses: password authentication failed" in wrong.stderr
    assert "wr0ng" not in wrong.stderr
    missing = interlock(trained, "--stack", "default", "runs", env={VARIABLE: ""})
    assert missing.returncode == 1
    text = (trained / "interlock.toml").read_text()
    (trained / "interlock.toml").write_text(text.replace(VARIABLE, "NO_SUCH_VARIABLE"))
    try:
        unset = interlock(trained, "runs")
    finally:
        (trained / "interlock.toml").write_text(text)
    assert "The address of the records needs the environment variable NO_SUCH_VARIABLE" in unset.stderr
