"""Datasets in a bucket, against a real S3 service over HTTP that runs in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from source_sample import World

from interlock.identity.artifact import Snapshot
from interlock.stack.config import DataConfig
from interlock.store.sources.faults import ChangedPart, NoData, SourceFailed, UnknownSource
from interlock.store.sources.reading import copy_parts

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    for name, value in (
        ("ACCESS_KEY_ID", "test"),
        ("SECRET_ACCESS_KEY", "test"),
        ("DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="flights")
    store = S3Store(
        "flights",
        endpoint=endpoint,
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    yield store
    for page in obstore.list(store):
        obstore.delete(store, [one["path"] for one in page])
    client.delete_bucket(Bucket="flights")


@pytest.fixture
def world(tmp_path: Path, bucket: S3Store) -> World:
    for month in (1, 2):
        put(bucket, f"year/{month}.parquet", {"month": [month], "late": [True]})
    return World(tmp_path)


def put(bucket: S3Store, key: str, columns: dict[str, Any], **how: Any) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, **how)
    obstore.put(bucket, key, sink.getvalue().to_pybytes())


def config(endpoint: str, uri: str = "s3://flights/year/*.parquet", **more: Any) -> DataConfig:
    return DataConfig.model_validate({"uri": uri, "options": {"endpoint": endpoint}} | more)


def names(snapshot: Snapshot) -> list[str]:
    return [part.path.removeprefix("s3://flights/") for part in snapshot.parts]


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("year/*.parquet", ["year/1.parquet", "year/2.parquet"]),
        ("year", ["year/1.parquet", "year/2.parquet", "year/deep/3.parquet"]),
        ("year/", ["year/1.parquet", "year/2.parquet", "year/deep/3.parquet"]),
        ("year/**/*.parquet", ["year/1.parquet", "year/2.parquet", "year/deep/3.parquet"]),
        ("y*r/[!2].parquet", ["year/1.parquet"]),
        ("year/2.parquet", ["year/2.parquet"]),
        ("", ["year/1.parquet", "year/2.parquet", "year/deep/3.parquet"]),
    ],
)
def test_a_uri_names_an_object_a_prefix_or_a_pattern(
    world: World, bucket: S3Store, endpoint: str, uri: str, found: list[str]
) -> None:
    put(bucket, "year/deep/3.parquet", {"month": [3], "late": [True]})
    obstore.put(bucket, "year/_SUCCESS", b"")
    obstore.put(bucket, "yearly.txt", b"not of this dataset")
    assert names(world.take(config(endpoint, f"s3://flights/{uri}", format="parquet"))) == found


def test_rows_come_out_of_a_bucket(world: World, endpoint: str) -> None:
    source = config(endpoint)
    snapshot = world.take(source)
    assert [row["month"] for row in world.rows(source, snapshot)] == [1, 2]
    assert sorted(path.name for path in world.reader(source).read(snapshot, Path).iterdir()) == [
        "1.parquet",
        "2.parquet",
    ]


def test_the_endpoint_may_stand_in_the_environment(
    world: World, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert len(world.take(DataConfig(uri="s3://flights/year/*.parquet")).parts) == 2


def test_an_appended_object_costs_only_that_object(world: World, bucket: S3Store, endpoint: str) -> None:
    first = world.take(config(endpoint))
    for path in list(world.shelf.cache.rglob("*.parquet")):
        path.unlink()
    put(bucket, "year/3.parquet", {"month": [3], "late": [True]})
    assert len(world.take(config(endpoint), first.parts).parts) == 3
    assert [path.name for path in world.shelf.cache.rglob("*.parquet")] == ["3.parquet"]


def test_the_etag_is_not_trusted_when_content_is_asked_for(world: World, endpoint: str) -> None:
    first = world.take(config(endpoint))
    false = tuple(
        type(one)(one.path, "blake3:false", one.size, one.mtime_ns, "blake3:no", one.tag)
        for one in first.parts
    )
    assert world.take(config(endpoint), false).parts == false
    assert world.take(config(endpoint, check="content"), false).digest == first.digest


def test_an_object_that_was_rewritten_with_the_same_rows_is_the_same(
    world: World, bucket: S3Store, endpoint: str
) -> None:
    first = world.take(config(endpoint))
    put(bucket, "year/1.parquet", {"month": [1], "late": [True]}, compression="zstd")
    second = world.take(config(endpoint), first.parts)
    assert second.parts[0].tag != first.parts[0].tag
    assert second.digest == first.digest
    assert len(world.rows(config(endpoint), first)) == 2


def test_a_changed_object_is_an_error_unless_a_copy_is_kept(
    world: World, bucket: S3Store, endpoint: str
) -> None:
    source = config(endpoint)
    kept = world.take(source)
    put(bucket, "year/1.parquet", {"month": [7], "late": [True]})
    with pytest.raises(ChangedPart, match=r"1\.parquet changed since its snapshot was taken") as caught:
        world.rows(source, kept)
    assert caught.value.where == "s3://flights/year/1.parquet"
    now = world.take(source, kept.parts)
    copy_parts(now, world.reader(source), world.shelf)
    obstore.delete(bucket, ["year/1.parquet"])
    assert [row["month"] for row in world.rows(source, now)] == [7, 2]


def test_copies_are_read_when_the_service_is_gone(world: World, endpoint: str) -> None:
    snapshot = world.take(config(endpoint))
    copy_parts(snapshot, world.reader(config(endpoint)), world.shelf)
    assert [row["month"] for row in world.rows(config("http://127.0.0.1:9"), snapshot)] == [1, 2]


def test_a_damaged_fetched_object_is_fetched_anew(world: World, endpoint: str) -> None:
    snapshot = world.take(config(endpoint))
    for path in world.shelf.cache.rglob("1.parquet"):
        path.write_bytes(path.read_bytes()[::-1])
    assert [row["month"] for row in world.rows(config(endpoint), snapshot)] == [1, 2]


@pytest.mark.parametrize("uri", ["s3://flights/nothing/*.parquet", "s3://no-such-bucket/x.parquet"])
def test_where_nothing_is_that_is_said(world: World, endpoint: str, uri: str) -> None:
    with pytest.raises(NoData) as caught:
        world.take(config(endpoint, uri))
    assert uri in str(caught.value)


def test_credentials_in_a_uri_are_refused(world: World, endpoint: str) -> None:
    with pytest.raises(UnknownSource, match="no address of a bucket") as caught:
        world.take(config(endpoint, "s3://key:secret@flights/x.parquet"))
    assert "secret@" not in str(caught.value)


def test_a_service_that_cannot_be_reached_is_told(world: World) -> None:
    source = config("http://127.0.0.1:9", "s3://flights/x.parquet")
    with pytest.raises(
        SourceFailed, match="The bucket 'flights' of the dataset 'flights' cannot be read"
    ) as caught:
        world.take(source)
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint
