"""A project whose store is in a bucket, lived through from the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parent.parent / "store")]
from bucket_sample import BUCKET, Weather, aws_variables, proxy, s3_server
from cli_project import interlock, interlock_json, starter

pytestmark = pytest.mark.xdist_group("store-in-a-bucket")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(scope="module")
def trained(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in aws_variables(url).items():
            patch.setenv(name, value)
        folder = starter(tmp_path_factory.mktemp("trained"))
        text = (folder / "interlock.toml").read_text()
        (folder / "interlock.toml").write_text(f'{text}\n[stack.default]\nstore = "s3://{BUCKET}/flights"\n')
        report = interlock_json(folder, "run", "delays")
        assert (report["status"], report["model"]) == ("succeeded", 1)
        assert interlock(folder, "promote", "delays").returncode == 0
        yield folder


def forget_here(folder: Path) -> None:
    """Remove what this machine keeps of the bucket."""
    shutil.rmtree(folder / ".interlock" / "store")


def test_nothing_of_it_lies_in_the_folder_of_a_local_store(trained: Path) -> None:
    assert not (trained / ".interlock" / "store" / "blobs").exists()
    assert (trained / ".interlock" / "store" / "near" / "blobs").is_dir()


def test_a_second_run_takes_all_from_the_bucket_also_where_nothing_is_kept(trained: Path) -> None:
    forget_here(trained)
    report = interlock_json(trained, "run", "delays")
    assert {step["state"] for step in report["steps"]} == {"cached"}


def test_a_run_is_made_again_from_what_the_bucket_holds(trained: Path) -> None:
    forget_here(trained)
    report = interlock_json(trained, "reproduce", "delays/1", "--here")
    assert report["verdict"] == "identical"


def test_the_champion_scores_a_file(trained: Path, tmp_path: Path) -> None:
    forget_here(trained)
    rows = min((trained / "data").glob("*.csv"))
    scored = interlock_json(trained, "predict", "delays@champion", str(rows), "-o", str(tmp_path / "out.csv"))
    assert scored["rows"] == len(rows.read_text().splitlines()) - 1


def test_the_champion_is_served(trained: Path) -> None:
    forget_here(trained)
    command = [sys.executable, "-m", "interlock", "serve", "delays@champion", "--port", "0"]
    serving = subprocess.Popen(command, cwd=trained, stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        address = serving.stdout.readline().split()[-1]
        rows = [{"hour": 8.0, "distance": 500.0, "precip": 0.0}]
        ask = urllib.request.Request(
            f"{address}/models/delays/predict",
            json.dumps({"rows": rows}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(ask, timeout=30) as answer:
            assert answer.status == 200
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=30)
    assert serving.returncode == 0


def test_records_come_back_from_the_bucket_on_another_machine(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "copy", ignore=shutil.ignore_patterns(".interlock"))
    assert [run["id"] for run in interlock_json(tmp_path / "copy", "runs")][-1] == "delays/1"
    assert interlock_json(tmp_path / "copy", "show", "delays@champion")["number"] == 1


def test_push_and_pull_work_with_it_as_with_a_folder(trained: Path, tmp_path: Path) -> None:
    assert interlock(trained, "push", str(tmp_path / "shelf")).returncode == 0
    other = starter(tmp_path / "other")
    with (other / "interlock.toml").open("a") as file:
        file.write(f'\n[stack.default]\nstore = "s3://{BUCKET}/other"\n')
    assert interlock(other, "pull", str(tmp_path / "shelf"), "--aliases").returncode == 0
    report = interlock_json(other, "run", "delays")
    assert {step["state"] for step in report["steps"]} == {"cached"}


def test_a_bucket_that_is_not_there_ends_a_run_in_words(trained: Path, tmp_path: Path) -> None:
    folder = starter(tmp_path / "lost")
    with (folder / "interlock.toml").open("a") as file:
        file.write('\n[stack.default]\nstore = "s3://nobody-made-this/x"\n')
    done = interlock(folder, "run", "delays")
    assert done.returncode == 1
    assert "There is no such bucket.\n  at s3://nobody-made-this/x" in done.stderr


def test_a_store_in_another_folder_is_found_from_the_project(tmp_path: Path) -> None:
    folder = starter(tmp_path / "here")
    with (folder / "interlock.toml").open("a") as file:
        file.write('\n[stack.shared]\nstore = "../shelf"\n')
    assert interlock_json(folder, "--stack", "shared", "run", "delays")["status"] == "succeeded"
    assert (tmp_path / "shelf" / "blobs").is_dir()
    assert (
        interlock_json(folder, "--stack", "shared", "reproduce", "delays/1", "--here")["verdict"]
        == "identical"
    )


def outputs(folder: Path) -> dict[str, str]:
    """Return the digest of every output of the first run."""
    with sqlite3.connect(folder / ".interlock" / "records.db") as records:
        rows = records.execute(
            "SELECT node || '.' || output, digest FROM artifacts WHERE run_id = 'delays/1'"
        )
        return dict(rows)


def test_a_run_in_bad_weather_makes_what_it_makes_in_good_weather(
    trained: Path, url: str, tmp_path: Path
) -> None:
    """R10: one request in ten fails in one of many ways."""
    weather = Weather(0.1, ["500", "503", "reset", "lost", "slow", "cut", "short", "flip"])
    folder = starter(tmp_path / "stormy")
    with (folder / "interlock.toml").open("a") as file:
        file.write(f'\n[stack.default]\nstore = "s3://{BUCKET}/stormy"\n')
    with proxy(url, weather) as stormy:
        done = interlock(folder, "run", "delays", "--json", env={"AWS_ENDPOINT_URL": stormy})
        assert done.returncode == 0, done.stderr
        forget_here(folder)
        again = interlock(folder, "run", "delays", "--json", env={"AWS_ENDPOINT_URL": stormy})
        checked = interlock(folder, "store", "verify", "--json", env={"AWS_ENDPOINT_URL": stormy})
    assert weather.met.total() > 5
    assert {step["state"] for step in json.loads(again.stdout)["steps"]} == {"cached"}
    assert outputs(folder) == outputs(trained)
    assert json.loads(checked.stdout)["sound"]


def test_a_store_is_checked_told_and_freed_from_the_command_line(trained: Path) -> None:
    assert interlock_json(trained, "store", "verify")["sound"]
    usage = interlock_json(trained, "store", "du")
    assert {one["kind"] for one in usage["shares"]} == {"run", "model", "dataset"}
    assert usage["near"] > 0
    assert "needed by nobody" in interlock(trained, "store", "du").stdout
    told = interlock(trained, "store", "gc", "--dry", "--alone", "--grace", "0s")
    assert told.stdout.startswith("would free ")
    done = interlock_json(trained, "store", "gc", "--alone", "--grace", "0s", "--keep-runs", "1")
    assert done["manifests"] > 0
    assert interlock_json(trained, "store", "verify")["sound"]
    refused = interlock(trained, "store", "gc", "--grace", "soon")
    assert refused.returncode == 2
    assert '--grace: a duration is written like "90s"' in refused.stderr
    rows = min((trained / "data").glob("*.csv"))
    assert interlock_json(trained, "predict", "delays@champion", str(rows), "-o", str(trained / "o.csv"))[
        "rows"
    ]
