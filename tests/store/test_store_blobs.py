from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from store_sample import flip_a_byte, temporary_files

from interlock.identity.digest import BadDigest, digest_bytes
from interlock.stack.sockets import BlobStore
from interlock.store.blobs import CorruptBlob, LocalStore, MissingBlob
from interlock.store.faults import ReadFailed


def test_it_fills_the_socket(store: LocalStore) -> None:
    assert isinstance(store, BlobStore)


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(5_000_000)])
def test_every_way_in_leads_to_the_same_blob(store: LocalStore, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    digests = {
        store.put_bytes(data),
        store.put_bytes(memoryview(data)),
        store.put_file(tmp_path / "file"),
        store.put_stream(lambda out: out.write(data))[0],
    }
    assert digests == {digest_bytes(data)}
    assert store.get_bytes(digest_bytes(data)) == data
    assert store.get_file(digest_bytes(data)).read_bytes() == data
    assert len(list((tmp_path / "store" / "blobs").glob("*/*"))) == 1
    assert temporary_files(tmp_path) == []


def test_a_stream_says_how_much_was_written(store: LocalStore) -> None:
    assert store.put_stream(lambda out: [out.write(b"ab"), out.write(b"cd")]) == (digest_bytes(b"abcd"), 4)


def test_a_blob_that_is_there_is_not_written_again(store: LocalStore) -> None:
    path = store.get_file(store.put_bytes(b"data"))
    before = path.stat().st_ino
    store.put_bytes(b"data")
    store.put_stream(lambda out: out.write(b"data"))
    assert path.stat().st_ino == before


def test_folders_are_private_and_blobs_read_only(store: LocalStore) -> None:
    path = store.get_file(store.put_bytes(b"data"))
    store.sync()
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent, store.root)]
    assert modes == [0o444, 0o700, 0o700]


def test_has_tells_what_is_there(store: LocalStore) -> None:
    assert store.has(store.put_bytes(b"data"))
    assert not store.has(digest_bytes(b"other"))


def test_manifests_are_found_by_their_kind(store: LocalStore) -> None:
    body = {"name": "delays/1", "steps": [1, 2.5, None], "é": True}
    digest = store.put_manifest("run", body)
    store.put_manifest("bundle", {})
    (store.root / "manifests" / "run" / ".DS_Store").touch()
    assert store.get_manifest("run", digest) == body
    assert list(store.manifests("run")) == [digest]
    assert list(store.manifests("nothing")) == []


def test_a_kind_is_no_path(store: LocalStore) -> None:
    with pytest.raises(ValueError, match="is no kind of manifest"):
        store.put_manifest("../run", {})


def test_what_is_not_there_is_missing(store: LocalStore) -> None:
    digest = digest_bytes(b"data")
    for read in (store.get_bytes, store.get_file, lambda one: store.get_manifest("run", one)):
        with pytest.raises(MissingBlob) as caught:
            read(digest)
        assert str(caught.value) == (
            f"The store does not hold {digest[:19]}….\n  at {store.root}\n"
            "  Run the pipeline again: the step that made it will run anew."
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "../abc",
        "sha1:da39a3",
        "BLAKE3:" + "a" * 64,
        "blake3:" + "\u0661" * 64,
        "blake3:" + "a" * 63,
    ],
)
def test_what_is_no_digest_never_becomes_a_path(store: LocalStore, text: str) -> None:
    for read in (store.get_bytes, store.get_file, store.has):
        with pytest.raises(BadDigest):
            read(text)


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def _fold(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("damage", [flip_a_byte, _truncate, _empty, _append, _fold, _link])
@pytest.mark.parametrize("read", ["get_bytes", "get_file"])
def test_a_damaged_blob_is_found_set_aside_and_made_anew(
    store: LocalStore, damage: Callable[[Path], None], read: str
) -> None:
    digest = store.put_bytes(b"data" * 100)
    damage(store.get_file(digest))
    with pytest.raises(CorruptBlob) as caught:
        getattr(store, read)(digest)
    assert f"The stored bytes of {digest[:19]}… are damaged" in caught.value.what
    assert not store.has(digest)
    assert store.get_bytes(store.put_bytes(b"data" * 100)) == b"data" * 100


def test_each_flipped_bit_is_noticed(store: LocalStore) -> None:
    data = os.urandom(200)
    digest = store.put_bytes(data)
    for place in range(200):
        flip_a_byte(store.get_file(digest), place)
        with pytest.raises(CorruptBlob):
            store.get_bytes(digest)
        store.put_bytes(data)


def test_a_damaged_manifest_is_found(store: LocalStore) -> None:
    digest = store.put_manifest("run", {"name": "delays/1"})
    flip_a_byte(next((store.root / "manifests" / "run").iterdir()), 2)
    with pytest.raises(CorruptBlob):
        store.get_manifest("run", digest)
    assert list(store.manifests("run")) == []


def test_a_verified_file_is_read_again_only_when_it_was_touched(store: LocalStore) -> None:
    digest = store.put_bytes(b"data")
    path = store.get_file(digest)
    times = path.stat()
    flip_a_byte(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # same size and time, another change time
    with pytest.raises(CorruptBlob):
        store.get_file(digest)


def test_a_file_that_cannot_be_read_for_the_store_is_named(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(ReadFailed) as caught:
        store.put_file(tmp_path / "nothing")
    assert str(caught.value).startswith(
        f"nothing could not be read: No such file or directory.\n  at {tmp_path}"
    )


def test_what_a_killed_process_left_unsynced_is_synced_by_whoever_relies_on_it(store: LocalStore) -> None:
    digests = [store.put_bytes(bytes([n])) for n in range(3)]
    later = LocalStore(store.root)
    later.has(digests[0])
    later.get_bytes(digests[1])
    later.sync()
    modes = [stat.S_IMODE(store.get_file(digest).stat().st_mode) for digest in digests]
    assert modes == [0o444, 0o444, 0o400]


def test_sync_does_not_make_a_verified_file_unverified(store: LocalStore) -> None:
    path = store.get_file(store.put_bytes(b"data"))
    known = store._verified[path]
    store.sync()
    store.get_file(digest_bytes(b"data"))
    assert store._verified[path][0] == known[0]
    assert store._verified[path] != known
