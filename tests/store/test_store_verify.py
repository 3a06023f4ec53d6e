from __future__ import annotations

import os
import shutil
from pathlib import Path

from store_sample import flip_a_byte, run_python

from interlock.store.blobs import LocalStore
from interlock.store.verify import Damage


def test_a_sound_store_has_no_damage(store: LocalStore) -> None:
    store.put_bytes(b"data")
    store.put_manifest("run", {})
    (store.root / "blobs" / f".tmp-{os.getpid()}-0-abcd").touch()
    assert list(store.verify()) == []
    assert list(LocalStore(store.root / "nothing").verify()) == []


def test_it_trusts_no_earlier_check(store: LocalStore) -> None:
    digest = store.put_bytes(b"data")
    path = store.get_file(digest)
    flip_a_byte(path)
    assert list(store.verify()) == [Damage("corrupt", path, digest)]
    assert path.exists()


def test_every_kind_of_damage_is_named(store: LocalStore) -> None:
    digests = [store.put_bytes(bytes([n])) for n in range(2)]
    manifest = store.put_manifest("run", {})
    aside, linked = (store.get_file(digest) for digest in digests)
    aside.rename(f"{aside}.damaged")
    linked.unlink()
    linked.symlink_to("/etc/passwd")
    flip_a_byte(next((store.root / "manifests" / "run").iterdir()))
    (store.root / "blobs" / "Thumbs.db").touch()
    (store.root / "blobs" / ".tmp-999999999-0-abcd").touch()
    found = {(damage.kind, damage.digest) for damage in store.verify()}
    assert found == {
        ("aside", digests[0]),
        ("corrupt", digests[1]),
        ("corrupt", manifest),
        ("foreign", None),
        ("leftover", None),
    }


def test_a_blob_in_the_wrong_folder_is_foreign(store: LocalStore) -> None:
    path = store.get_file(store.put_bytes(b"data"))
    other = path.parent.with_name("00")
    shutil.copytree(path.parent, other)
    assert list(store.verify()) == [Damage("foreign", other / path.name)]


def test_sweep_takes_leftovers_only_after_the_grace_time(store: LocalStore, tmp_path: Path) -> None:
    store.put_bytes(b"data")
    dead = run_python("import os; print(os.getpid())").stdout.strip()
    leftover = store.root / "blobs" / f".tmp-{dead}-0-abcd"
    leftover.touch()
    assert store.sweep() == []
    os.utime(leftover, (0, 0))
    assert store.sweep() == [leftover]
