"""Endpoints as processes, from the records to the socket, serving bundles whose project is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from serving_project import ROWS, Built, build_project

from interlock.models.predictions import read_predictions
from interlock.serving.process import EndpointFailed, EndpointProcess, start_endpoint
from interlock.serving.server import CannotListen, listen
from interlock.serving.target import BadTarget, RecordsGone, Target, parse_target
from interlock.serving.tokens import UnsafeBind
from interlock.stack.layout import Home

PREDICT = "/models/delays/predict"
BY_VERSION = {version: [hour + 100.0 * version for hour in range(5)] for version in (1, 2)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_project(tmp_path_factory.mktemp("built"))


@pytest.fixture
def serving(built: Built) -> Iterator[EndpointProcess]:
    """An endpoint of the champion, which is version 1 when the test begins."""
    built.promote(1)
    endpoint = start_endpoint(built.home, "delays@champion")
    try:
        endpoint.wait_ready(30)
        yield endpoint
    finally:
        endpoint.stop()


def _until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def _version(endpoint: EndpointProcess) -> int:
    body = httpx.post(endpoint.url + PREDICT, json={"rows": ROWS}).json()
    assert body["answers"] == BY_VERSION[body["version"]]
    return int(body["version"])


def test_a_new_champion_is_followed_there_and_back_and_recorded(
    built: Built, serving: EndpointProcess
) -> None:
    assert _version(serving) == 1

    built.promote(2)
    _until(lambda: _version(serving) == 2)
    with built.records() as records:
        _until(lambda: records.deployments.get("delays", "champion").version == 2)
        deployment = records.deployments.get("delays", "champion")
    assert (deployment.url, deployment.pid, deployment.state) == (serving.url, serving.pid, "running")

    built.promote(1)
    _until(lambda: _version(serving) == 1)
    assert serving.stop() == 0
    with built.records() as records:
        assert records.deployments.get("delays", "champion").state == "stopped"
    logged = read_predictions(built.home, "delays").to_pandas()
    assert set(logged["version"]) == {1, 2}
    assert (logged["answer"] == logged["given.hour"] + 100.0 * logged["version"]).all()


def test_a_version_by_number_stays_whatever_becomes_champion(built: Built) -> None:
    endpoint = start_endpoint(built.home, "delays@2")
    try:
        endpoint.wait_ready(30)
        assert _version(endpoint) == 2
        built.promote(2)
        built.promote(1)
        time.sleep(0.5)
        assert _version(endpoint) == 2
    finally:
        endpoint.stop()


def _ask(url: str, answered: list[int], failures: list[str]) -> None:
    """Keep asking over connections that are kept, until nobody listens any more."""
    with httpx.Client(base_url=url) as client:
        while True:
            try:
                reply = client.post(PREDICT, json={"rows": ROWS})
            except httpx.ConnectError:
                return
            except httpx.HTTPError as error:
                failures.append(repr(error))
                return
            answered.append(reply.status_code)


def test_sigterm_under_load_answers_all_that_was_accepted_and_exits_with_0(serving: EndpointProcess) -> None:
    answered: list[int] = []
    failures: list[str] = []
    clients = [threading.Thread(target=_ask, args=(serving.url, answered, failures)) for _ in range(8)]
    for client in clients:
        client.start()
    _until(lambda: len(answered) > 200)

    assert serving.stop() == 0
    for client in clients:
        client.join()

    assert failures == []
    assert set(answered) == {200}


def test_a_damaged_bundle_is_not_swapped_in_and_the_reason_is_told(
    built: Built, serving: EndpointProcess
) -> None:
    with built.records() as records:
        digest = records.models.get("delays", 2).bundle
    (manifest,) = built.home.store.rglob(f"*{digest.removeprefix('blake3:')}*")
    whole = manifest.read_bytes()
    _overwrite(manifest, whole.replace(b"delays", b"delayz", 1))
    built.promote(2)

    def told() -> str:
        return str(httpx.get(f"{serving.url}/v2/models/delays").json()["pending_error"])

    _until(lambda: told().startswith("Version 2 cannot be served"))
    assert str(built.home.path) not in told()
    assert _version(serving) == 1
    assert httpx.get(f"{serving.url}/v2/health/ready").status_code == 200
    _overwrite(manifest, whole)
    _until(lambda: _version(serving) == 2)


def _overwrite(file: Path, data: bytes) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(data)


def test_lost_records_do_not_stop_predictions_and_are_found_again(
    built: Built, serving: EndpointProcess
) -> None:
    away = built.home.path / "away"
    away.mkdir()
    for file in built.home.path.glob("records.db*"):
        file.rename(away / file.name)

    def troubles() -> dict[str, str]:
        return dict(httpx.get(f"{serving.url}/v2/health/ready").json()["troubles"])

    _until(lambda: "records" in troubles())
    assert _version(serving) == 1
    assert not built.home.records.exists()
    for file in away.iterdir():
        file.rename(built.home.path / file.name)
    away.rmdir()
    built.promote(2)

    _until(lambda: _version(serving) == 2)
    assert troubles() == {}


def test_a_lost_home_makes_the_endpoint_unready_and_is_found_again_as_it_was(
    built: Built, serving: EndpointProcess
) -> None:
    away = built.home.path.with_name("away")

    def ready() -> int:
        return httpx.get(f"{serving.url}/v2/health/ready").status_code

    for lost in (built.home.path, built.home.store):
        lost.rename(away)
        _until(lambda: ready() == 503)
        assert _version(serving) == 1
        time.sleep(1.5)  # the prediction log writes each second: it must not make the folder anew
        assert not lost.exists()
        away.rename(lost)
        _until(lambda: ready() == 200)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_endpoint_ends_with_the_process_that_started_it(built: Built) -> None:
    code = (
        "import sys, threading, time\n"
        "from pathlib import Path\n"
        "from interlock.serving.process import start_endpoint\n"
        "from interlock.stack.layout import Home\n"
        "def start():\n"
        "    print(start_endpoint(Home(Path(sys.argv[1])), 'delays@1').pid, flush=True)\n"
        "thread = threading.Thread(target=start)\n"
        "thread.start(); thread.join(); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(built.home.path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    time.sleep(0.5)  # the thread that started it has ended: that must not be the end of the endpoint
    assert _alive(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    _until(lambda: not _alive(child))


def test_an_endpoint_that_cannot_start_says_why(built: Built) -> None:
    endpoint = start_endpoint(built.home, "delay@champion")

    with pytest.raises(
        EndpointFailed, match="delay@champion did not start: it ended with exit code 1"
    ) as error:
        endpoint.wait_ready(30)

    assert "Unknown model 'delay'." in error.value.hint
    assert "Did you mean 'delays'?" in error.value.hint


def test_an_endpoint_that_is_not_ready_in_time_says_so(built: Built) -> None:
    endpoint = start_endpoint(built.home, "delays@champion")
    try:
        with pytest.raises(EndpointFailed, match="it was not ready within 0 s"):
            endpoint.wait_ready(0)
    finally:
        endpoint.stop()


def test_a_home_without_records_has_nothing_to_serve(tmp_path: Path) -> None:
    from interlock.serving.endpoint import serve

    with pytest.raises(RecordsGone, match="The records file is not there"):
        serve(Home(tmp_path), "delays@champion")

    assert not (tmp_path / "records.db").exists()


def test_an_open_address_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(UnsafeBind):
        start_endpoint(Home(tmp_path), "delays@champion", host="0.0.0.0")

    command = [
        sys.executable,
        "-m",
        "interlock.serving",
        "delays",
        "--home",
        str(tmp_path),
        "--host",
        "0.0.0.0",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "open to other machines" in ended.stderr
    assert "interlock token create" in ended.stderr
    assert ended.stdout == ""


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: Address already in use"):
            start_endpoint(Home(tmp_path), "delays", port=port)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("delays", Target("delays", "champion", None)),
        ("delays@challenger", Target("delays", "challenger", None)),
        ("delays@3", Target("delays", None, 3)),
    ],
)
def test_a_target_is_a_model_and_an_alias_or_a_version(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "@champion", "delays@", "../x", "a@b@c", "delays@\u0661x"])
def test_what_is_no_target_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadTarget, match="is not something to serve") as error:
        parse_target(text)

    assert "delays@champion" in error.value.hint
