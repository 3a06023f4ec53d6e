from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from store_sample import run_python, temporary_files

from interlock.store.faults import StoreFailed, StoreFull, StoreNotWritable, WriteFailed, write_error
from interlock.store.leftovers import sweep
from interlock.store.publish import Pending, drafting, publish_bytes, publish_file, write_output


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_bytes_appear_read_only_in_a_private_folder(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "file"
    publish_bytes(b"data", target)
    assert target.read_bytes() == b"data"
    assert (_mode(target), _mode(target.parent), temporary_files(tmp_path)) == (0o444, 0o700, [])


def test_a_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    publish_bytes(b"old", tmp_path / "token", mode=0o600)
    publish_bytes(b"new", tmp_path / "token", mode=0o600)
    assert (tmp_path / "token").read_bytes() == b"new"
    assert _mode(tmp_path / "token") == 0o600


def test_a_file_is_copied_whole(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(data := os.urandom(3_000_000))
    publish_file(tmp_path / "source", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


def test_any_buffer_can_be_written(tmp_path: Path) -> None:
    publish_bytes(memoryview(b"12345678").cast("I"), tmp_path / "four by two")
    publish_bytes(b"", tmp_path / "empty")
    assert (tmp_path / "four by two").read_bytes() == b"12345678"
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_draft_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    with drafting(tmp_path) as draft:
        draft.write(b"half")
    assert list(tmp_path.iterdir()) == []


def test_sync_returns_each_pending_file_once(tmp_path: Path) -> None:
    pending = Pending()
    publish_bytes(b"a", tmp_path / "a", pending)
    publish_bytes(b"b", tmp_path / "deep" / "b", pending)
    assert pending.sync() == [tmp_path / "a", tmp_path / "deep" / "b"]
    assert pending.sync() == []


def test_sync_waits_for_the_sync_of_another_thread(tmp_path: Path) -> None:
    code = """
import sys, threading, time
from pathlib import Path
from interlock.store.publish import Pending, publish_bytes
pending = Pending()
publish_bytes(b"a", Path(sys.argv[1]), pending)
first = threading.Thread(target=pending.sync)
first.start()
while pending._files:
    time.sleep(0.001)
pending.sync()  # has nothing of its own to do, and must not return before the first
print("after" if not first.is_alive() or pending._syncing.acquire(blocking=False) else "before")
"""
    assert run_python(code, tmp_path / "file", failpoint="publish.fsync=sleep").stdout.strip() == "after"


def test_a_file_that_cannot_be_synced_is_thrown_away(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from interlock.store.faults import StoreFailed
from interlock.store.publish import Pending, publish_bytes
folder, pending = Path(sys.argv[1]), Pending()
publish_bytes(b"a", folder / "a", pending)
publish_bytes(b"b", folder / "b", pending)
try:
    pending.sync()
except StoreFailed as error:
    print(error.path.name, [path.name for path in folder.iterdir()], pending.sync())
"""
    assert run_python(code, tmp_path, failpoint="publish.fsync=eio").stdout.strip() == "a ['b'] []"


def test_files_of_a_folder_that_cannot_be_synced_are_thrown_away(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from interlock.store.faults import StoreFailed
from interlock.store.publish import Pending, publish_bytes
folder, pending = Path(sys.argv[1]), Pending()
publish_bytes(b"a", folder / "a", pending)
try:
    pending.sync()
except StoreFailed as error:
    print(list(folder.iterdir()))
"""
    assert run_python(code, tmp_path, failpoint="publish.folder=eio").stdout.strip() == "[]"


def test_threads_publish_side_by_side(tmp_path: Path) -> None:
    pending = Pending()
    threads = [
        threading.Thread(target=publish_bytes, args=(b"x" * 1000, tmp_path / f"{n % 4}" / f"{n}", pending))
        for n in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pending.sync()) == 40


def test_an_output_has_the_users_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_output(tmp_path / "new" / "scores.csv", b"a\n1\n")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "scores.csv").read_bytes() == b"a\n1\n"
    assert _mode(tmp_path / "new" / "scores.csv") == 0o640


def test_an_output_keeps_the_permissions_of_the_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o604)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_output(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert ((tmp_path / "real").read_text(), _mode(tmp_path / "real")) == ("new", 0o604)


def test_an_output_may_be_a_pipe(tmp_path: Path) -> None:
    code = "from pathlib import Path; from interlock.store.publish import write_output; write_output(Path('/dev/stdout'), b'rows')"
    assert run_python(code).stdout == "rows"


def test_an_output_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from interlock.store.faults import StoreFull
from interlock.store.publish import write_output
try:
    write_output(Path(sys.argv[1]), b"new")
except StoreFull:
    print(Path(sys.argv[1]).read_text())
"""
    (tmp_path / "scores.csv").write_text("old")
    done = run_python(code, tmp_path / "scores.csv", failpoint="publish.write=enospc")
    assert (done.stdout.strip(), temporary_files(tmp_path)) == ("old", [])


def test_sweep_removes_what_dead_processes_left_after_the_grace_time(tmp_path: Path) -> None:
    dead = run_python("import os; print(os.getpid())").stdout.strip()
    for pid in (dead, os.getpid(), "other"):
        (tmp_path / f".tmp-{pid}-0-abcd").touch()
    assert sweep(tmp_path) == []
    assert sweep(tmp_path, grace_seconds=0) == [tmp_path / f".tmp-{dead}-0-abcd"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("number", "expected", "hint"),
    [
        (28, StoreFull, "Free some space"),
        (122, StoreFull, "Free some space"),
        (30, StoreNotWritable, "Make the folder writable"),
        (13, StoreNotWritable, "INTERLOCK_HOME"),
        (5, StoreFailed, "Look after the disk"),
    ],
)
def test_what_the_system_says_becomes_an_error_of_ours(
    number: int, expected: type[WriteFailed], hint: str
) -> None:
    error = write_error(Path("/store/blob"), OSError(number, os.strerror(number)))
    assert type(error) is expected
    assert str(error).startswith(f"blob could not be written: {os.strerror(number)}.\n  at /store/blob\n")
    assert hint in error.hint
