"""What a store holds: checked, told, and freed of what nobody needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from bucket_sample import bucket_store
from history_world import a_run, a_version, blob_artifact, project
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from interlock.engine.context import RunContext
from interlock.engine.rebuild import rebuild_records
from interlock.errors import UsageError
from interlock.history.checked_store import check_store
from interlock.history.garbage import Collected, GcWish, RunsUnderWay, collect
from interlock.history.reach import Reach, UnreadableManifests, contents_of
from interlock.history.usage import usage_of
from interlock.identity.digest import digest_bytes
from interlock.records.model import StepRecord
from interlock.stack.home import find_project
from interlock.store.blobs import LocalStore
from interlock.store.bucket_store import BucketStore
from interlock.store.keys import blob_path
from interlock.store.removal import AlreadyCollecting, inventory, removal

pytestmark = pytest.mark.xdist_group("s3")

NOW = GcWish(grace=0.0, alone=True)


@contextmanager
def world(folder: Path, place: str = "") -> Iterator[RunContext]:
    """Open a project whose store is in its home, or at a place."""
    folder.mkdir(parents=True, exist_ok=True)
    if place:
        (folder / "interlock.toml").write_text(
            f'[data.flights]\nuri = "data/*.csv"\n[stack.default]\nstore = "{place}"\n'
        )
    with project(folder) as context:
        yield context


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("bucket") if request.param == "bucket" else ""


def has(context: RunContext, data: bytes) -> bool:
    """Tell whether a blob is there, by looking, without relying on it."""
    return blob_path(digest_bytes(data)) in {one.path for one in inventory(context.store)}


def test_a_sound_store_is_sound(tmp_path: Path, place: str) -> None:
    with world(tmp_path, place) as context:
        a_version(context, a_run(context, b"one", b"two"))
        checked = check_store(context)
    assert checked.is_sound
    assert checked.objects > 10
    assert list(checked.notes) == []


def test_what_is_damaged_and_what_is_missing_is_named_with_who_needs_it(tmp_path: Path, place: str) -> None:
    with world(tmp_path, place) as context:
        a_version(context, a_run(context, b"one", b"two"))
        for data, broken in ((b"one", b"0ne"), (b"two", None)):
            path = blob_path(digest_bytes(data))
            if isinstance(context.store, LocalStore):
                (context.store.root / path).unlink()
                if broken:
                    (context.store.root / path).write_bytes(broken)
            else:
                context.store.objects.delete([path])
                if broken:
                    context.store.objects.put(path, broken)
        checked = check_store(context)
    assert [(one.kind, one.digest) for one in checked.damaged] == [("corrupt", digest_bytes(b"one"))]
    assert [(one.path, one.needed_by) for one in checked.missing] == [
        (blob_path(digest_bytes(b"two")), ["delays/1"])
    ]


def test_a_gc_removes_what_nobody_needs_and_nothing_else(tmp_path: Path, place: str) -> None:
    with world(tmp_path, place) as context:
        run = a_run(context, b"one", b"two")
        version = a_version(context, run)
        context.records.models.move_alias("delays", "champion", version.number, "best", "me")
        context.records.runs.tag("delays/1", nice="yes")  # leaves an earlier state of the run behind
        waste = [context.store.put_bytes(bytes([n]) * 1000) for n in range(5)]
        waste.append(context.store.put_manifest("code", {"files": {"p.py": waste[0]}}))
        rows = context.records.runs.list()
        told, done = collect(context, replace(NOW, dry=True)), collect(context, NOW)
        assert replace(told, dry=False) == done
        assert done.blobs == 5
        assert done.manifests >= 2
        assert check_store(context).is_sound
        assert not any(digest in one.path for one in inventory(context.store) for digest in waste)
        assert collect(context, NOW).blobs == 0
        assert context.records.runs.list() == rows
    with world(tmp_path, place):
        rebuild_records(find_project(tmp_path))
    with world(tmp_path, place) as context:
        assert context.records.runs.get("delays/1").tags == {"nice": "yes"}
        assert context.records.models.aliases("delays") == {"champion": 1}


def test_what_a_run_made_that_is_not_over_stays(tmp_path: Path, place: str) -> None:
    with world(tmp_path, place) as context:
        run = context.records.runs.start("delays")
        outputs = {"result": blob_artifact(context, b"half-way")}
        context.records.steps.record(run.id, StepRecord("s", 0, "s", "step", "ran", "k", outputs=outputs))
        with pytest.raises(RunsUnderWay, match="delays/1 is not over yet"):
            collect(context, NOW)
        context.records.runs.finish(run.id, "cancelled")
        collect(context, NOW)
        assert context.store.get_bytes(digest_bytes(b"half-way")) == b"half-way"


def test_what_is_young_stays_and_is_told(tmp_path: Path, place: str) -> None:
    with world(tmp_path, place) as context:
        context.store.put_bytes(b"young" * 100)
        done = collect(context, GcWish())
        assert (done.blobs, done.young) == (0, 500)
        assert has(context, b"young" * 100)
        with pytest.raises(UsageError, match="the grace is at least 2 hours"):
            collect(context, GcWish(grace=60.0))


def test_runs_beyond_the_newest_lose_their_artifacts_and_keep_their_records(
    tmp_path: Path, place: str
) -> None:
    with world(tmp_path, place) as context:
        runs = [a_run(context, b"of %d" % n, b"shared", key=f"k{n}") for n in range(4)]
        version = a_version(context, runs[0])
        context.records.models.move_alias("delays", "champion", version.number, "best", "me")
        done = collect(context, replace(NOW, keep_runs=1))
        assert list(done.runs) == ["delays/2", "delays/3"]  # the first one made the champion
        kept = [has(context, b"of %d" % n) for n in range(4)]
        assert kept == [True, False, False, True]
        assert has(context, b"shared")
        assert has(context, b"code of of 1")
        assert [run.metrics for run in context.records.runs.list()] == [{"auc": 0.7}] * 4
        checked = check_store(context)
        assert checked.is_sound
        assert list(checked.freed) == ["delays/2", "delays/3"]
        assert collect(context, replace(NOW, keep_runs=1)).runs == []


def test_old_runs_lose_their_artifacts(tmp_path: Path) -> None:
    with world(tmp_path) as context:
        a_run(context, b"old")
        assert collect(context, replace(NOW, older_than=3600.0)).runs == []
        assert collect(context, replace(NOW, older_than=0.0, keep_runs=1)).runs == []
        assert collect(context, replace(NOW, older_than=0.0)).runs == ["delays/1"]
        assert not has(context, b"old")


def test_nothing_is_removed_while_a_manifest_cannot_be_read(tmp_path: Path) -> None:
    with world(tmp_path) as context:
        a_run(context, b"one")
        context.store.put_bytes(b"waste")
        (manifest,) = (context.store.root / "manifests" / "environment").iterdir()  # type: ignore[union-attr]
        manifest.chmod(0o600)
        manifest.write_bytes(b"{}")
        with pytest.raises(UnreadableManifests, match=f"manifests/environment/{manifest.name}"):
            collect(context, NOW)
        assert has(context, b"waste")


def test_one_gc_at_a_time(tmp_path: Path, place: str) -> None:
    told = "is being removed from the store already"
    with world(tmp_path, place) as context, removal(context.store):  # noqa: SIM117 - the one within the other
        with pytest.raises(AlreadyCollecting, match=told):
            collect(context, NOW)


def test_a_gc_of_a_bucket_that_died_is_followed_by_another(tmp_path: Path, bucket: str) -> None:
    with world(tmp_path, bucket) as context:
        assert isinstance(context.store, BucketStore)
        context.store.put_bytes(b"waste")
        context.store.objects.put("collecting", b'{"until": %d}' % (time.time() - 1))
        assert collect(context, NOW).blobs == 1
        assert context.store.objects.head("collecting") is None


def test_what_was_set_aside_goes_when_a_whole_one_is_back(tmp_path: Path) -> None:
    with world(tmp_path) as context:
        a_run(context, b"one")
        path = context.store.root / blob_path(digest_bytes(b"one"))  # type: ignore[union-attr]
        aside = path.with_name(path.name + ".damaged")
        path.rename(aside)
        collect(context, NOW)
        assert aside.exists()
        context.store.put_bytes(b"one")
        collect(context, NOW)
        assert not aside.exists()


def age(context: RunContext, data: bytes) -> None:
    """Make a blob of a folder two days old."""
    path = context.store.root / blob_path(digest_bytes(data))  # type: ignore[union-attr]
    os.utime(path, (time.time() - 172_800,) * 2)


@pytest.mark.parametrize("rely", ["put_bytes", "put_stream", "put_file", "has"])
def test_what_a_writer_found_in_place_is_not_removed_under_it(tmp_path: Path, rely: str) -> None:
    with world(tmp_path) as context:
        context.store.put_bytes(b"old")
        context.store.put_bytes(b"other")
        age(context, b"old")
        age(context, b"other")
        (tmp_path / "file").write_bytes(b"old")
        match rely:
            case "put_stream":
                context.store.put_stream(lambda out: out.write(b"old"))
            case "put_file":
                context.store.put_file(tmp_path / "file")
            case "put_bytes":
                context.store.put_bytes(b"old")
            case _:
                assert context.store.has(digest_bytes(b"old"))
        assert collect(context, GcWish()).blobs == 1
        assert (has(context, b"old"), has(context, b"other")) == (True, False)


def test_what_takes_the_space_is_told_by_run_model_and_dataset(tmp_path: Path, place: str) -> None:
    with world(tmp_path, place) as context:
        runs = [a_run(context, b"%d" % n, bytes([n]) * 100_000, b"s" * 50_000, key=f"k{n}") for n in range(2)]
        a_version(context, runs[0], b"m" * 30_000)
        context.store.put_bytes(b"w" * 7000)
        usage = usage_of(context)
    shares = {(one.kind, one.name): one for one in usage.shares}
    assert set(shares) == {("run", "delays/1"), ("run", "delays/2"), ("model", "delays")}
    assert 150_000 < shares["run", "delays/1"].bytes < 160_000
    assert 100_000 < shares["run", "delays/1"].alone < 110_000
    assert 60_000 < shares["model", "delays"].bytes < 70_000  # the model, and its code
    assert 50_000 <= usage.shared < 60_000
    assert usage.unreached >= 7000
    assert usage.total == sum(usage.kinds.values())


def test_a_second_writer_of_a_bucket_keeps_what_it_relies_on(tmp_path: Path, bucket: str) -> None:
    """A mark that a writer made before the list was published spares the object."""
    from interlock.store.pace import Pace

    pace = Pace(fresh=1.0, look=0.1, notice=0.3)
    name = bucket.rpartition("/")[2]
    with world(tmp_path, bucket) as opened:
        store = bucket_store(name, tmp_path / "here", pace=pace)
        context = replace(opened, store=store)
        for data in (b"relied on", b"waste"):
            store.put_bytes(data)
        time.sleep(5.0)  # the clock of an S3 has whole seconds
        assert bucket_store(name, tmp_path / "other", pace=pace).has(digest_bytes(b"relied on"))
        done: Collected = collect(context, GcWish(grace=3.0))
        assert done.blobs == 1
        assert (has(context, b"relied on"), has(context, b"waste")) == (True, False)


def test_writers_beside_a_gc_that_is_killed_lose_nothing(tmp_path: Path) -> None:
    """R17 in short; `make chaos` is the long form, in a folder and in a bucket."""
    script = Path(__file__).parents[2] / "chaos" / "gc.py"
    done = subprocess.run(
        [sys.executable, str(script), "--writers", "3", "--rounds", "4"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("sound\n")


class Keeping(RuleBasedStateMachine):
    """A project as its user sees it, against a model: which contents are needed, and by whom."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.stack = ExitStack()
        self.context = self.stack.enter_context(world(Path(self.folder.name)))
        self.runs: list[tuple[str, list[bytes]]] = []
        self.freed: set[str] = set()
        self.versions: list[bytes] = []
        self.champion: str | None = None

    def teardown(self) -> None:
        self.stack.close()
        self.folder.cleanup()

    @rule(n=st.integers(0, 9))
    def put(self, n: int) -> None:
        self.context.store.put_bytes(b"content %d" % n)

    @rule(ns=st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True))
    def run(self, ns: list[int]) -> None:
        contents = [b"content %d" % n for n in ns]
        self.runs.append((a_run(self.context, *contents, key=str(len(self.runs))).id, contents))

    @precondition(lambda self: self.runs)
    @rule(n=st.integers(0, 9), promote=st.booleans())
    def version(self, n: int, promote: bool) -> None:
        run = self.context.records.runs.get(self.runs[-1][0])
        version = a_version(self.context, run, b"content %d" % n)
        self.versions.append(b"content %d" % n)
        if promote and self.context.records.models.aliases("delays").get("champion") != version.number:
            self.context.records.models.move_alias("delays", "champion", version.number, "best", "me")
            self.champion = run.id

    @rule(keep=st.sampled_from([None, 1, 2]))
    def gc(self, keep: int | None) -> None:
        collect(self.context, replace(NOW, keep_runs=keep))
        if keep is not None:
            self.freed |= {run for run, _ in self.runs[:-keep]} - {self.champion}

    @rule()
    def killed_gc(self) -> None:
        """Remove half of what a removal would, and leave it at that."""
        store = self.context.store
        reach = Reach(store, contents_of(store, inventory(store)), self.context.records)
        garbage = [one for one in inventory(store) if not reach.is_reached(one.path)]
        with removal(store, alone=True) as removing:
            removing.remove(garbage[: len(garbage) // 2], time.time() + 1)

    @invariant()
    def what_is_needed_is_there(self) -> None:
        needed = {one for run, contents in self.runs if run not in self.freed for one in contents}
        for data in needed | set(self.versions):
            assert self.context.store.get_bytes(digest_bytes(data)) == data
        assert check_store(self.context).is_sound


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=10, stateful_step_count=10, deadline=None)
