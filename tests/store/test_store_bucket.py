"""A store in a bucket: all promises of the socket, against a real S3, in good weather and in bad."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bucket_sample import BUCKET, Fault, Weather, aws_variables, bucket_store, proxy, s3_server
from store_sample import flip_a_byte, temporary_files

from interlock.errors import UsageError
from interlock.identity.digest import BadDigest, digest_bytes
from interlock.stack.sockets import BlobStore
from interlock.store.arrange import arrange
from interlock.store.artifacts import ArtifactStore
from interlock.store.blobs import CorruptBlob, MissingBlob
from interlock.store.bucket_faults import (
    BucketDenied,
    BucketFailed,
    BucketUnreachable,
    NoCredentials,
    NoSuchBucket,
    told,
)
from interlock.store.bucket_store import BucketStore
from interlock.store.faults import ReadFailed
from interlock.store.found import Found
from interlock.store.keys import blob_path, manifest_path
from interlock.store.near import IN_USE
from interlock.store.objects import CHUNK, Objects
from interlock.store.pace import Pace
from interlock.store.removal import removal

pytestmark = pytest.mark.xdist_group("bucket")

LARGE = random.Random(1).randbytes(3 * CHUNK + 12345)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def name(url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Set the variables by which the S3 is found, and return a prefix of the test's own."""
    for variable in [variable for variable in os.environ if variable.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for variable, value in aws_variables(url).items():
        monkeypatch.setenv(variable, value)
    return request.node.name.replace("[", "-").replace("]", "")


@pytest.fixture
def store(name: str, tmp_path: Path) -> BucketStore:
    return bucket_store(name, tmp_path / "here")


@pytest.fixture
def other(name: str, tmp_path: Path) -> BucketStore:
    """The same store from a machine that has no copies."""
    return bucket_store(name, tmp_path / "there")


def overwrite(store: BucketStore, path: str, data: bytes) -> None:
    store.objects.put(path, data)


def test_it_fills_the_socket(store: BucketStore) -> None:
    assert isinstance(store, BlobStore)


@pytest.mark.parametrize("data", [b"", b"x", LARGE], ids=["empty", "small", "large"])
def test_every_way_in_leads_to_the_same_blob_that_is_had_elsewhere(
    store: BucketStore, other: BucketStore, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "file").write_bytes(data)
    digests = {
        store.put_bytes(data),
        store.put_bytes(memoryview(data)),
        store.put_file(tmp_path / "file"),
        store.put_stream(lambda out: [out.write(data[:100]), out.write(data[100:])])[0],
    }
    assert digests == {digest_bytes(data)}
    (digest,) = digests
    assert [one.path for one in store.objects.below("blobs")] == [blob_path(digest)]
    assert other.has(digest)
    assert other.get_bytes(digest) == data
    assert other.get_file(digest).read_bytes() == data
    assert temporary_files(tmp_path) == []


def test_a_file_is_read_only_and_a_read_copy_needs_no_bucket(
    store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = store.put_bytes(b"data")
    assert store.get_file(digest).stat().st_mode & 0o222 == 0
    monkeypatch.setattr(store.objects, "pieces", lambda path: pytest.fail(path))
    assert store.get_bytes(digest) == b"data"


def test_manifests_are_found_by_their_kind(store: BucketStore, other: BucketStore) -> None:
    body = {"name": "delays/1", "steps": [1, 2.5, None], "é": True}
    digest = store.put_manifest("run", body)
    store.put_manifest("bundle", {})
    assert store.put_manifest("run", body) == digest
    store.objects.put("manifests/run/.DS_Store", b"")
    assert other.get_manifest("run", digest) == body
    assert list(other.manifests("run")) == [digest]
    assert list(other.manifests("nothing")) == []
    with pytest.raises(ValueError, match="is no kind of manifest"):
        store.put_manifest("../run", {})


def test_what_is_not_there_is_missing(store: BucketStore, name: str) -> None:
    digest = digest_bytes(b"never put")
    assert not store.has(digest)
    for read in (store.get_bytes, store.get_file, lambda one: store.get_manifest("run", one)):
        with pytest.raises(MissingBlob) as caught:
            read(digest)
        assert caught.value.where == f"s3://{BUCKET}/{name}"


@pytest.mark.parametrize("text", ["", "abc", "../abc", "blake3:" + "a" * 63])
def test_what_is_no_digest_never_becomes_a_path(store: BucketStore, text: str) -> None:
    for read in (store.get_bytes, store.get_file, store.has):
        with pytest.raises(BadDigest):
            read(text)


def test_a_file_that_cannot_be_read_for_the_store_is_named(store: BucketStore, tmp_path: Path) -> None:
    with pytest.raises(ReadFailed, match="nothing could not be read: No such file or directory"):
        store.put_file(tmp_path / "nothing")


def test_what_breaks_off_never_appears(store: BucketStore, tmp_path: Path) -> None:
    def breaking(out: object) -> None:
        out.write(LARGE)  # type: ignore[attr-defined]  # a file
        raise RuntimeError("the step failed")

    with pytest.raises(RuntimeError):
        store.put_stream(breaking)
    assert list(store.objects.below("blobs")) == []
    assert temporary_files(tmp_path) == []


def test_values_and_folders_are_loaded_from_the_copies(store: BucketStore, other: BucketStore) -> None:
    import numpy as np

    artifact = ArtifactStore(store).save(np.arange(100_000))
    assert ArtifactStore(other).load(artifact).sum() == 4_999_950_000
    folder = arrange(other, other.cache, {"a/b.txt": store.put_bytes(b"text")})
    assert (folder / "a" / "b.txt").read_bytes() == b"text"


# --- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: b"", lambda d: d + b"\n", lambda d: b"X" + d[1:]]
)
@pytest.mark.parametrize("read", ["get_bytes", "get_file"])
def test_a_damaged_object_is_refused_set_aside_and_made_anew(
    store: BucketStore, other: BucketStore, damage: Callable[[bytes], bytes], read: str
) -> None:
    data = b"data" * 100
    digest = store.put_bytes(data)
    overwrite(store, blob_path(digest), damage(data))
    with pytest.raises(CorruptBlob) as caught:
        getattr(other, read)(digest)
    assert str(caught.value.path) == f"{store.objects.name}/{blob_path(digest)}"
    assert not other.has(digest)
    assert [one.path for one in store.objects.below("blobs")] == [blob_path(digest) + ".damaged"]
    assert other.get_bytes(other.put_bytes(data)) == data


def test_each_flipped_bit_is_noticed_on_every_way_of_reading(store: BucketStore, tmp_path: Path) -> None:
    """R4: in the bucket and in the copies here; 200 flips."""
    chance = random.Random(3)
    data = chance.randbytes(300)
    digest = store.put_bytes(data)
    noticed = 0
    for flip in range(50):
        broken = bytearray(data)
        broken[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        for read in ("get_bytes", "get_file"):
            overwrite(store, blob_path(digest), bytes(broken))
            fresh = bucket_store(store.objects.name.rpartition("/")[2], tmp_path / f"{flip}{read}")
            with pytest.raises(CorruptBlob):
                getattr(fresh, read)(digest)
            noticed += 1
            fresh.put_bytes(data)
            # A damaged copy is had again, and never given out.
            path = fresh.get_file(digest)
            flip_a_byte(path, chance.randrange(len(data)))
            got = getattr(fresh, read)(digest)
            assert (got if isinstance(got, bytes) else got.read_bytes()) == data
            noticed += 1
    assert noticed == 200


def test_a_damaged_manifest_is_refused(store: BucketStore, other: BucketStore) -> None:
    digest = store.put_manifest("run", {"name": "delays/1"})
    overwrite(store, manifest_path("run", digest), b"{}")
    with pytest.raises(CorruptBlob):
        other.get_manifest("run", digest)
    assert list(other.manifests("run")) == []


def test_verify_reads_the_bucket_and_no_copy(store: BucketStore) -> None:
    digests = [store.put_bytes(b"%d" % n) for n in range(3)]
    store.put_manifest("run", {})
    assert list(store.verify()) == []
    overwrite(store, blob_path(digests[0]), b"other")
    store.objects.move(blob_path(digests[1]), blob_path(digests[1]) + ".damaged")
    store.objects.put("blobs/notes.txt", b"")
    found = {(one.kind, one.path) for one in store.verify()}
    assert found == {
        ("corrupt", blob_path(digests[0])),
        ("aside", blob_path(digests[1]) + ".damaged"),
        ("foreign", "blobs/notes.txt"),
    }


# --- copies -----------------------------------------------------------------------------------------------------


def sizes(folder: Path) -> list[int]:
    return sorted(path.stat().st_size for path in (folder / "near" / "blobs").rglob("*") if path.is_file())


def unused(store: BucketStore, digest: str, seconds: float) -> None:
    """Make a copy look as if it was last used a while ago."""
    path = store.get_file(digest)
    os.utime(path, (time.time() - IN_USE - seconds,) * 2)


def test_copies_that_were_not_used_for_the_longest_time_go_first(name: str, tmp_path: Path) -> None:
    store = bucket_store(name, tmp_path, limit=5000)
    digests = [store.put_bytes(bytes([n]) * (1000 + n)) for n in range(5)]
    for n, digest in enumerate(digests):
        unused(store, digest, 100.0 - n)
    store.get_file(digests[0])  # used just now
    digests.append(store.put_bytes(b"x" * 1500))
    assert 1000 in sizes(tmp_path)
    assert not {1001, 1002} & set(sizes(tmp_path))
    assert sum(sizes(tmp_path)) <= 5000
    for digest in digests:
        assert digest_bytes(store.get_bytes(digest)) == digest  # what went comes back


def test_a_copy_that_is_in_use_stays_whatever_the_limit_says(name: str, tmp_path: Path) -> None:
    store = bucket_store(name, tmp_path, limit=10)
    path = store.get_file(store.put_bytes(b"x" * 1000))
    store.put_bytes(b"y" * 1000)
    assert path.read_bytes() == b"x" * 1000


def test_processes_share_the_copies_while_some_of_them_go(name: str, tmp_path: Path) -> None:
    stores = [bucket_store(name, tmp_path, limit=20_000) for _ in range(4)]
    digests = [stores[0].put_bytes(bytes([n]) * 1000) for n in range(60)]
    faults: list[BaseException] = []

    def read(store: BucketStore, seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(60):
                digest = chance.choice(digests)
                assert digest_bytes(store.get_file(digest).read_bytes()) == digest
                unused(store, digest, chance.random())
                store.near.trim()
        except BaseException as fault:  # noqa: BLE001 - told by the test
            faults.append(fault)

    threads = [threading.Thread(target=read, args=(store, n)) for n, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A copy that a test makes look old may go before it is opened; nothing else may happen.
    assert [fault for fault in faults if not isinstance(fault, FileNotFoundError)] == []


# --- faults in words --------------------------------------------------------------------------------------------


def test_a_bucket_that_is_not_there_is_told(store: BucketStore, tmp_path: Path) -> None:
    lost = bucket_store("x", tmp_path, objects=Objects.open("s3://nobody-made-this/x"))
    for ask in (
        lambda: lost.put_bytes(b"data"),
        lambda: list(lost.manifests("run")),
        lambda: lost.put_manifest("run", {}),
    ):
        with pytest.raises(NoSuchBucket) as caught:
            ask()
        assert str(caught.value) == (
            "There is no such bucket.\n  at s3://nobody-made-this/x\n  Make the bucket, or correct its name."
        )


def test_nobody_at_the_address_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(BucketUnreachable, match=r"cannot be reached: .*127\.0\.0\.1:9"):
        bucket_store(name, tmp_path).has(digest_bytes(b"data"))


@pytest.mark.parametrize(
    ("said", "kind", "what"),
    [
        (
            "Server returned non-2xx status code: 403 Forbidden: <Code>AccessDenied</Code>",
            BucketDenied,
            "refuses",
        ),
        ("Error performing PUT http://169.254.169.254/latest/api/token", NoCredentials, "no credentials"),
        ("<Code>ContainerNotFound</Code>", NoSuchBucket, "no such bucket"),
        ("Account must be specified", NoCredentials, "no credentials"),
        ("something else", BucketFailed, "did not answer as it should: something else"),
    ],
)
def test_what_object_stores_say_is_told_in_our_words(said: str, kind: type[BucketFailed], what: str) -> None:
    error = told("s3://bucket/x", RuntimeError(said))
    assert type(error) is kind
    assert what in error.what
    assert error.where == "s3://bucket/x"


def test_a_refusal_is_told(name: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.request

    def limit(requests: int | str) -> None:
        kind = {"Content-Type": "text/plain"}
        ask = urllib.request.Request(
            f"{url}/moto-api/reset-auth", str(requests).encode(), kind, method="POST"
        )
        urllib.request.urlopen(ask).close()

    store = bucket_store(name, tmp_path)
    limit(0)  # from now on the server looks whether who asks may do so
    try:
        with pytest.raises(BucketDenied, match="The object store refuses"):
            store.put_bytes(b"data")
    finally:
        limit("inf")


@pytest.mark.parametrize("address", ["s3://No_Bucket", "s3://", "ftp://host/x", "folder"])
def test_what_is_no_address_of_a_bucket_is_told(address: str) -> None:
    with pytest.raises(UsageError, match="is no place in a bucket"):
        Objects.open(address)


@pytest.mark.parametrize("address", ["gs://bucket/prefix", "az://bucket/prefix"])
def test_other_clouds_are_opened_by_the_same_code(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    assert Objects.open(f"{address}/").name == address


# --- bad weather ------------------------------------------------------------------------------------------------

REFUSING: tuple[Fault, ...] = ("500", "503", "reset", "lost", "slow")
SPOILING: tuple[Fault, ...] = ("cut", "short", "flip")


def test_faults_on_the_way_are_absorbed(
    name: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10: one request in ten is met by a fault; what is read is what was put."""
    refusing, spoiling = Weather(0.1, REFUSING), Weather(0.1, SPOILING)
    contents = [random.Random(n).randbytes(20_000 + n) for n in range(60)]
    with proxy(url, refusing) as stormy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", stormy)
        store = bucket_store(name, tmp_path / "a")
        digests = [store.put_bytes(data) for data in contents]
        large = store.put_stream(lambda out: out.write(LARGE))[0]
        manifests = [store.put_manifest("run", {"n": n}) for n in range(30)]
    with proxy(url, spoiling) as stormy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", stormy)
        other = bucket_store(name, tmp_path / "b")
        assert [other.get_bytes(digest) for digest in digests] == contents
        assert other.get_file(large).read_bytes() == LARGE
        assert [other.get_manifest("run", one)["n"] for one in manifests] == list(range(30))
        assert sorted(other.manifests("run")) == sorted(manifests)
    assert refusing.met.total() > 3
    assert spoiling.met.total() > 1


@pytest.mark.parametrize("fault", ["short", "flip"])
def test_a_body_that_is_never_right_is_never_given_out(
    name: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """R10: refused in every case, on every way of reading."""
    store = bucket_store(name, tmp_path / "a")
    digests = [store.put_bytes(random.Random(n).randbytes(5000)) for n in range(10)]
    manifest = store.put_manifest("run", {"n": 1})
    with proxy(url, Weather(1.0, [fault])) as stormy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", stormy)
        other = bucket_store(name, tmp_path / "b")
        for digest in digests:
            for read in (other.get_bytes, other.get_file):
                with pytest.raises((CorruptBlob, MissingBlob)):
                    read(digest)
        with pytest.raises(CorruptBlob):
            other.get_manifest("run", manifest)


# --- beside a removal -------------------------------------------------------------------------------------------


def test_a_writer_waits_for_a_removal_that_has_its_object_on_the_list(name: str, tmp_path: Path) -> None:
    pace = Pace(fresh=1.0, look=0.1, notice=2.0)
    store = bucket_store(name, tmp_path / "a", pace=pace)
    digest = store.put_bytes(b"old")
    time.sleep(2.5)  # the clock of an S3 has whole seconds
    writer = bucket_store(name, tmp_path / "b", pace=pace)
    found: list[bool] = []
    with removal(store) as removing:
        doomed = [Found(blob_path(digest), 3, 0.0)]
        # The writer looks when the list is out and the removal has read the marks.
        original = removing._uses.marks  # type: ignore[attr-defined]

        def marks() -> Iterator[tuple[str, float]]:
            read = list(original())
            thread.start()
            time.sleep(1.0)
            return iter(read)

        removing._uses.marks = marks  # type: ignore[attr-defined]
        thread = threading.Thread(target=lambda: found.append(writer.has(digest)))
        assert len(removing.remove(doomed, time.time())) == 1
        assert found == []  # it is waiting
    thread.join()
    assert found == [False]
    assert writer.get_bytes(writer.put_bytes(b"old")) == b"old"
    assert store.objects.head(blob_path(digest)) is not None
