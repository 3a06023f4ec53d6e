"""Push and pull through S3, spoken to over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from history_world import a_run, a_version, project

from interlock.errors import UsageError
from interlock.history.bucket import Bucket
from interlock.history.lockfile import lock_of, write_lock
from interlock.history.remotes import CorruptObject, MissingObject
from interlock.history.restore import restore
from interlock.history.transfer import Wish, pull, push
from interlock.history.turns import RemoteBusy, turn
from interlock.identity.digest import digest_bytes
from interlock.store.bucket_faults import NoSuchBucket
from interlock.store.keys import blob_path, manifest_path

# One server for all of them: starting it costs more than any test.
pytestmark = pytest.mark.xdist_group("s3")

BUCKET = "shelf"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Return a client of S3, with the variables set by which ours finds it too."""
    import boto3

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    found = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def place(s3: Any, request: pytest.FixtureRequest) -> str:
    return f"s3://{BUCKET}/{request.node.name}"


def keys(s3: Any, place: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=place.split("/", 3)[3] + "/")
    return [one["Key"].partition("/")[2] for page in pages for one in page.get("Contents", ())]


def test_what_is_pushed_to_s3_is_pulled_elsewhere(s3: Any, place: str, tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        version = a_version(context, a_run(context, b"one", bytes(20_000_000)))
        context.records.models.move_alias("delays", "champion", version.number, "best", "me")
        first, again = push(context, place, Wish()), push(context, place, Wish())
    assert (first.objects, again.objects, again.bytes) == (len(keys(s3, place)), 0, 0)
    assert {key.split("/")[0] for key in keys(s3, place)} == {"blobs", "manifests"}
    with project(tmp_path / "b") as context:
        pull(context, place, Wish())
        assert context.records.models.get("delays", 1) == version
        assert context.records.models.aliases("delays") == {"champion": 1}
        (_, large) = context.records.steps.of("delays/1")
        assert context.store.get_bytes(large.outputs["result"].blob or "") == bytes(20_000_000)
        assert pull(context, place, Wish()).objects == 0


def test_two_runs_of_one_name_live_side_by_side_in_s3(s3: Any, place: str, tmp_path: Path) -> None:
    for name in "ab":
        with project(tmp_path / name) as context:
            a_version(context, a_run(context, name.encode()), name.encode())
            renumbered = push(context, place, Wish()).renumbered
    assert renumbered == {"delays/1": "delays/2", "delays@1": "delays@2"}
    with project(tmp_path / "c") as context:
        pull(context, place, Wish())
        assert [run.id for run in context.records.runs.list()] == ["delays/2", "delays/1"]
        assert context.records.runs.get("delays/2").tags == {"pulled": "b delays/1"}


def test_a_damaged_object_in_s3_is_named_and_nothing_of_it_is_taken(
    s3: Any, place: str, tmp_path: Path
) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, b"one")
        push(context, place, Wish())
    key = next(key for key in keys(s3, place) if key.startswith("blobs/"))
    s3.put_object(Bucket=BUCKET, Key=f"{place.split('/', 3)[3]}/{key}", Body=b"something else")
    with project(tmp_path / "b") as context:
        with pytest.raises(CorruptObject, match=key):
            pull(context, place, Wish())
        assert context.records.runs.list() == []
        assert not context.store.has("blake3:" + key[-64:])


def test_an_object_that_is_gone_from_s3_is_named(s3: Any, place: str, tmp_path: Path) -> None:
    bucket = Bucket.open(place, tmp_path)
    digest = digest_bytes(b"never pushed")
    with pytest.raises(MissingObject, match=blob_path(digest)):
        list(bucket.read(digest))
    with pytest.raises(MissingObject, match=manifest_path("run", digest)):
        bucket.read_manifest("run", digest)


def test_what_breaks_off_on_the_way_to_s3_never_appears(s3: Any, place: str, tmp_path: Path) -> None:
    def breaking() -> Iterator[bytes]:
        yield from (bytes(1 << 20) for _ in range(30))
        raise CorruptObject("it", "there")

    with pytest.raises(CorruptObject):
        Bucket.open(place, tmp_path).write(digest_bytes(b""), breaking())
    assert keys(s3, place) == []


def test_a_push_to_s3_that_was_killed_goes_on_where_it_was(s3: Any, place: str, tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, *(bytes([number]) * 300_000 for number in range(120)))
    pushing = subprocess.Popen(
        [sys.executable, "-m", "interlock", "push", place], cwd=tmp_path / "a", stderr=subprocess.DEVNULL
    )
    while len(keys(s3, place)) < 10:
        assert pushing.poll() is None
        time.sleep(0.01)
    pushing.send_signal(signal.SIGKILL)
    pushing.wait()
    arrived = len(keys(s3, place))
    with project(tmp_path / "a") as context:
        rest = push(context, place, Wish())
    # What was on its way when the process died may have arrived after the count.
    assert 0 < rest.objects <= len(keys(s3, place)) - arrived
    with project(tmp_path / "b") as context:
        assert pull(context, place, Wish()).missing == []


def test_only_one_push_has_the_turn_in_s3(s3: Any, place: str, tmp_path: Path) -> None:
    bucket = Bucket.open(place, tmp_path)
    with turn(bucket), pytest.raises(RemoteBusy, match="is pushing there too"), turn(bucket, patience=0.0):
        pass
    with turn(bucket, patience=0.0):
        pass


def test_champions_are_restored_from_s3(s3: Any, place: str, tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        version = a_version(context, a_run(context, b"one"))
        context.records.models.move_alias("delays", "champion", version.number, "best", "me")
        push(context, place, Wish())
        lock = lock_of(context)
    with project(tmp_path / "b") as context:
        write_lock(context.project.root, lock)
        restore(context, source=place)
        assert context.records.models.aliases("delays") == {"champion": 1}


def test_a_bucket_that_is_not_there_is_told(s3: Any, tmp_path: Path) -> None:
    with (
        project(tmp_path / "a") as context,
        pytest.raises(NoSuchBucket, match="There is no such bucket") as raised,
    ):
        push(context, "s3://nobody-made-this/x", Wish())
    assert raised.value.where == "s3://nobody-made-this/x"


def test_what_is_no_address_of_s3_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no place in a bucket"):
        Bucket.open("s3://No_Bucket", tmp_path)
