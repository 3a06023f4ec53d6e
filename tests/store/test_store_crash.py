"""Kill -9 at every failpoint, failing and full disks, and many processes at once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_sample import run_python, temporary_files

from interlock.failpoints import names
from interlock.identity.digest import digest_bytes
from interlock.store.blobs import LocalStore
from interlock.store.faults import StoreNotWritable

_POINTS = sorted(name for name in names() if name.startswith("publish."))

# One process imports Interlock and forks once for each fault; a failpoint is read when it is first passed.
_FORKING = """
import os, sys
from pathlib import Path
from interlock.store.faults import WriteFailed
from store_sample import tell_story

folder, point, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def child(place):
    os.environ["INTERLOCK_FAILPOINT"] = f"{point}:{n}={kind}"
    log = os.open(place / "log", os.O_WRONLY | os.O_CREAT)
    for attempt in (1, 2):
        try:
            for digest in tell_story(place):
                os.write(log, digest.encode() + b"\\n")
            os._exit(attempt - 1)
        except WriteFailed as error:
            assert not list(place.rglob(".tmp-*")), error
    os._exit(9)

for n in range(1, 60):
    place = folder / str(n)
    place.mkdir()
    pid = os.fork()
    if pid == 0:
        child(place)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(n, code)
    if code == 0:
        break
"""


def _faults(folder: Path, point: str, kind: str) -> list[int]:
    done = run_python(_FORKING, folder, point, kind)
    assert done.returncode == 0, done.stderr
    return [int(line.split()[1]) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("point", "kind"), [*((point, "kill") for point in _POINTS), ("publish.write", "torn")]
)
def test_a_kill_leaves_nothing_half_written(tmp_path: Path, point: str, kind: str) -> None:
    codes = _faults(tmp_path, point, kind)
    assert codes == [-9] * (len(codes) - 1) + [0]
    assert len(codes) > 1
    for n in range(1, len(codes) + 1):
        store = LocalStore(tmp_path / f"{n}" / "store")
        assert {damage.kind for damage in store.verify()} <= {"leftover"}
        for digest in (tmp_path / f"{n}" / "log").read_text().split():
            store.get_bytes(digest)


@pytest.mark.parametrize("kind", ["eio", "enospc"])
@pytest.mark.parametrize("point", _POINTS)
def test_a_failing_disk_is_an_error_without_damage_and_the_next_attempt_succeeds(
    tmp_path: Path, point: str, kind: str
) -> None:
    codes = _faults(tmp_path, point, kind)
    assert codes == [1] * (len(codes) - 1) + [0]
    assert len(codes) > 1
    for n in range(1, len(codes) + 1):
        store = LocalStore(tmp_path / f"{n}" / "store")
        assert list(store.verify()) == []
        assert len(set((tmp_path / f"{n}" / "log").read_text().split())) == 3


def test_a_full_disk_is_an_error_without_damage(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        code = """
import sys
from pathlib import Path
from interlock.store.blobs import LocalStore
from interlock.store.faults import StoreFull
store = LocalStore(Path(sys.argv[1]))
kept = store.put_bytes(b"kept")
for n in range(100):
    try:
        store.put_bytes(bytes([n]) * 50_000)
    except StoreFull as error:
        what = error.what
        break
print(n > 3, what, list(store.verify()), store.get_bytes(kept))
"""
        done = run_python(code, disk / "store")
        assert done.stdout.startswith("True "), done.stderr
        assert done.stdout.rstrip().endswith("could not be written: No space left on device. [] b'kept'")
        assert temporary_files(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_limit_on_the_size_of_files_is_a_full_store(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from interlock.store.blobs import LocalStore
from interlock.store.faults import StoreFull
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = LocalStore(Path(sys.argv[1]))
try:
    store.put_stream(lambda out: out.write(b"x" * 200_000))
except StoreFull as error:
    print(error.what)
"""
    assert "File too large" in run_python(code, tmp_path / "store").stdout
    assert temporary_files(tmp_path) == []


def test_a_store_in_the_place_of_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = LocalStore(tmp_path / "file" / "store")
    for put in (
        lambda: store.put_bytes(b"data"),
        lambda: store.put_stream(lambda out: out.write(b"data")),
        lambda: store.put_manifest("run", {}),
    ):
        with pytest.raises(StoreNotWritable, match="could not be written: Not a directory"):
            put()
    assert not store.has(digest_bytes(b"data"))


def test_a_read_only_store_is_still_read(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    digest = store.put_bytes(b"data")
    store.sync()
    if subprocess.run(["mount", "--bind", store.root, store.root], check=False).returncode:
        pytest.skip("only root can mount a folder read-only")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", store.root], check=True)
        assert store.get_bytes(digest) == b"data"
        assert store.get_file(store.put_bytes(b"data")).read_bytes() == b"data"
        with pytest.raises(StoreNotWritable, match="Read-only file system"):
            store.put_bytes(b"other")
    finally:
        subprocess.run(["umount", store.root], check=True)


_WRITER = """
import os, sys
from pathlib import Path
from interlock.store.blobs import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("begun", flush=True)
for n in range(10**6):
    store.put_bytes(os.urandom(200_000))
    store.put_stream(lambda out: [out.write(bytes([n % 256]) * 50_000) for n in range(8)])
    store.put_manifest("run", {"n": n})
"""


def test_readers_never_see_half_a_blob_of_writers_that_are_killed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    chance = random.Random(7)
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, store.root], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        end = time.monotonic() + chance.uniform(0.0, 0.1)
        while time.monotonic() < end:
            assert {damage.kind for damage in store.verify()} <= {"leftover"}
        writer.kill()
        writer.communicate()
    assert {damage.kind for damage in store.verify()} <= {"leftover"}
    assert len(list(store.manifests("run"))) > 0


_PUTTING = """
import sys
from pathlib import Path
from interlock.store.blobs import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("begun", flush=True)
sys.stdin.readline()
for n in range(60):
    store.get_bytes(store.put_bytes(b"%d" % n * 1000))
    store.get_manifest("run", store.put_manifest("run", {"n": n}))
store.sync()
"""


def test_processes_that_put_the_same_bytes_at_once_all_succeed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    command = [sys.executable, "-c", _PUTTING, str(store.root)]
    putting = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    for process in putting:
        assert process.stdout is not None
        process.stdout.readline()
    for process in putting:
        process.communicate("go\n")
    assert [process.returncode for process in putting] == [0] * 6
    assert list(store.verify()) == []
    assert len(list(store.manifests("run"))) == 60
