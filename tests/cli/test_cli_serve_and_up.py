"""The endpoint and the loop, as a user starts them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, starter

pytestmark = pytest.mark.xdist_group("serve-and-up")

ROW = {"hour": 17, "distance": 1400, "precip": 0.0}


@contextmanager
def started(
    folder: Path, *words: str, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a command that serves, give its process and address, and stop it by its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", *words],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                yield process, found[0]
                return
        raise AssertionError("it ended without an address")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        process.stdout.close()


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = starter(tmp_path_factory.mktemp("promoted"))
    interlock_json(folder, "run", "delays")
    interlock_json(folder, "promote", "delays")
    return folder


def test_serve_answers_validates_and_ends_in_order(promoted: Path) -> None:
    with started(promoted, "serve", "delays@champion", "--port", "0") as (process, url):
        good = httpx.post(f"{url}/models/delays/predict", json={"rows": [ROW]}).json()
        assert good["version"] == 1
        assert 0 < good["answers"][0] < 1
        bad = httpx.post(f"{url}/models/delays/predict", json={"rows": [{**ROW, "hour": "late"}]})
        assert bad.status_code == 422
        assert bad.json()["faults"][0]["column"] == "hour"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_a_bundle_serves_in_a_folder_without_the_project(promoted: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(promoted / ".interlock", home)
    empty = tmp_path / "empty"
    empty.mkdir()
    with started(empty, "serve", "delays@1", "--port", "0", env={"INTERLOCK_HOME": str(home)}) as (_, url):
        assert httpx.post(f"{url}/models/delays/predict", json={"rows": [ROW]}).json()["version"] == 1


def test_serving_to_other_machines_needs_a_token(promoted: Path) -> None:
    done = interlock(promoted, "serve", "delays@1", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "interlock token create" in done.stderr


def test_serving_an_unknown_model_says_so(promoted: Path) -> None:
    done = interlock(promoted, "serve", "delay@champion", "--port", "0")
    assert done.returncode == 1
    assert "delays" in done.stderr


def test_up_trains_promotes_serves_and_retrains_on_new_data(tmp_path: Path) -> None:
    folder = starter(tmp_path)
    toml = (folder / "interlock.toml").read_text().replace('"auc > champion.auc", ', "")
    (folder / "interlock.toml").write_text(toml)
    with started(folder, "up") as (_, url):
        assert httpx.post(f"{url}/models/delays/predict", json={"rows": [ROW]}).json()["version"] == 1
        text = (folder / "data/2013-01.csv").read_text().splitlines()
        (folder / "data/more.csv").write_text("\n".join([text[0], *text[-200:]]) + "\n")
        until = time.monotonic() + 90
        while httpx.get(f"{url}/v2/models/delays").json()["versions"] != ["2"]:
            assert time.monotonic() < until
            time.sleep(0.2)
    told = interlock_json(folder, "models", "delays")["story"]
    assert [one["kind"] for one in told].count("promoted") == 2
    assert any("new data" in one["text"] for one in told if one["kind"] == "signal")


def test_up_once_acts_and_ends(tmp_path: Path) -> None:
    folder = starter(tmp_path)
    assert interlock(folder, "up", "--once").returncode == 0
    assert interlock_json(folder, "models")[0]["aliases"] == {"challenger": 1, "champion": 1}
    assert interlock(folder, "up", "--once").returncode == 0
    assert interlock_json(folder, "models")[0]["versions"] == 1


def test_up_without_a_model_says_where_to_name_one(tmp_path: Path) -> None:
    done = interlock(tmp_path, "up")
    assert done.returncode == 1
    assert "[model.NAME]" in done.stderr
