"""Push and pull between folders: only what is missing, verified, and going on where it was killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from history_world import a_run, a_version, damage, files_below, project

from interlock.engine.rebuild import rebuild_records
from interlock.errors import UsageError
from interlock.history.remotes import CorruptObject, NoSuchRemote, open_remote
from interlock.history.selection import UnknownName
from interlock.history.transfer import Progress, Transferred, Wish, pull, push
from interlock.history.turns import RemoteBusy, turn
from interlock.stack.home import find_project
from interlock.store.blobs import LocalStore
from interlock.store.keys import blob_path

MANY = [bytes([number]) * 1000 for number in range(30)]


def push_from(folder: Path, target: Path, *names: str, **how: bool) -> Transferred:
    with project(folder) as context:
        return push(context, str(target), Wish(names, **how))


def pull_into(folder: Path, source: Path, *names: str, **how: bool) -> Transferred:
    with project(folder) as context:
        return pull(context, str(source), Wish(names, **how))


def test_only_what_is_missing_is_pushed(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_version(context, a_run(context, b"one", b"two"))
    first = push_from(tmp_path / "a", tmp_path / "far")
    assert first.objects == len(files_below(tmp_path / "far"))
    again = push_from(tmp_path / "a", tmp_path / "far")
    assert (again.objects, again.bytes, again.new) == (0, 0, {})
    with project(tmp_path / "a") as context:
        a_run(context, b"one", b"three")
    third = push_from(tmp_path / "a", tmp_path / "far")
    assert (third.new, third.objects, third.present) == ({"run": 1}, 2, 5)


def test_a_folder_that_was_pushed_to_is_a_store_to_rebuild_records_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project(tmp_path / "a") as context:
        a_version(context, a_run(context, b"one"))
    push_from(tmp_path / "a", tmp_path / "home" / "store")
    monkeypatch.setenv("INTERLOCK_HOME", str(tmp_path / "home"))
    made = rebuild_records(find_project(tmp_path))
    assert made == {"kinds": {"environment": 1, "run": 1, "version": 1}, "unreadable": []}


def test_what_is_pulled_is_recorded_and_its_cache_entries_are_hits(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        run = a_run(context, b"one", key="same")
    push_from(tmp_path / "a", tmp_path / "far")
    pull_into(tmp_path / "b", tmp_path / "far")
    with project(tmp_path / "b") as context:
        assert context.records.runs.get(run.id) == run
        found = context.records.cache.lookup("same-0")
        assert found is not None
        assert context.store.get_bytes(found["result"].blob or "") == b"one"


def test_a_project_is_pulled_from_and_pushed_to_as_it_is(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, b"one")
    with project(tmp_path / "b") as context:
        a_run(context, b"two")
    pull_into(tmp_path / "b", tmp_path / "a")
    push_from(tmp_path / "b", tmp_path / "a" / ".interlock")
    for folder in ("a", "b"):
        with project(tmp_path / folder) as context:
            assert [run.id for run in context.records.runs.list()] == ["delays/2", "delays/1"]


def test_two_stores_that_share_through_a_third_come_to_hold_the_same(tmp_path: Path) -> None:
    for folder, data in (("a", b"one"), ("b", b"two")):
        with project(tmp_path / folder) as context:
            a_version(context, a_run(context, data), data)
        push_from(tmp_path / folder, tmp_path / "far")
    for folder in ("a", "b"):
        pull_into(tmp_path / folder, tmp_path / "far")
        assert pull_into(tmp_path / folder, tmp_path / "far").new == {}
        assert push_from(tmp_path / folder, tmp_path / "far").new == {}
        with project(tmp_path / folder) as context:
            made = {
                context.records.runs.get(one.run_id).version_id
                for one in context.records.models.list("delays")
            }
            assert len(made) == 2


def test_names_choose_and_bring_what_they_need(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, b"one")
        version = a_version(context, a_run(context, b"two"))
        a_run(context, b"three", pipeline="prices")
        context.records.models.move_alias("delays", "champion", version.number, "best", "me")
    one = push_from(tmp_path / "a", tmp_path / "one", "delays/1")
    assert one.new == {"environment": 1, "run": 1}
    champion = push_from(tmp_path / "a", tmp_path / "two", "delays@champion")
    assert champion.new == {"environment": 1, "run": 1, "version": 1, "alias": 1}
    model = push_from(tmp_path / "a", tmp_path / "three", "delays")
    assert model.new == {"environment": 1, "run": 2, "version": 1, "alias": 1}
    pulled = pull_into(tmp_path / "b", tmp_path / "three", "delays@1")
    assert pulled.new == {"environment": 1, "run": 1, "version": 1, "alias": 1}


def test_a_run_brings_the_runs_that_made_what_it_took_from_the_cache(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, b"one", key="same")
        later = context.records.runs.start("delays")
        (step,) = context.records.steps.of("delays/1")
        context.records.steps.record(later.id, replace(step, state="cached"))
        context.records.runs.finish(later.id, "succeeded")
    assert push_from(tmp_path / "a", tmp_path / "far", "delays/2").new["run"] == 2


def test_an_unknown_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, b"one")
    with pytest.raises(UnknownName, match=r"There is no 'delay/1'") as raised:
        push_from(tmp_path / "a", tmp_path / "far", "delay/1")
    assert "delays/1" in raised.value.hint
    assert not (tmp_path / "far").exists()


def test_a_run_that_is_not_over_is_left_out_and_said(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        context.records.runs.start("delays")
        pushed = push(context, str(tmp_path / "far"), Wish())
    assert (pushed.left_out, pushed.new) == (["delays/1"], {})


def test_a_dry_push_writes_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_version(context, a_run(context, b"one"))
    dry = push_from(tmp_path / "a", tmp_path / "far", dry=True)
    assert not (tmp_path / "far").exists()
    real = push_from(tmp_path / "a", tmp_path / "far")
    assert (dry.objects, dry.new) == (real.objects, real.new)
    before = files_below(tmp_path / "b" / ".interlock" / "store")
    assert pull_into(tmp_path / "b", tmp_path / "far", dry=True).new == real.new
    assert files_below(tmp_path / "b" / ".interlock" / "store") == before


@pytest.mark.parametrize("what", ["blobs", "manifests/code", "manifests/run"])
def test_a_damaged_object_is_named_and_nothing_of_it_is_taken(tmp_path: Path, what: str) -> None:
    with project(tmp_path / "a") as context:
        a_version(context, a_run(context, b"one"))
    push_from(tmp_path / "a", tmp_path / "far")
    path = next(one for one in sorted((tmp_path / "far" / what).rglob("*")) if one.is_file())
    damage(path)
    with pytest.raises(CorruptObject, match=path.stem) as raised:
        pull_into(tmp_path / "b", tmp_path / "far")
    assert raised.value.where == str(tmp_path / "far")
    store = tmp_path / "b" / ".interlock" / "store"
    assert not any(path.stem in name for name in files_below(store))
    assert not list((store / "manifests").rglob("*.json"))
    with project(tmp_path / "b") as context:
        assert context.records.runs.list() == []


def test_what_neither_side_has_is_told_and_all_else_is_copied(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        run = a_run(context, b"one", b"two")
        gone = context.records.steps.of(run.id)[0].outputs["result"].blob or ""
    (tmp_path / "a" / ".interlock" / "store" / blob_path(gone)).unlink()
    pushed = push_from(tmp_path / "a", tmp_path / "far")
    assert pushed.missing == [f"blob {gone}"]
    assert pushed.new["run"] == 1
    assert (tmp_path / "far").is_dir()


def test_a_blob_that_was_lost_here_is_pulled_again(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        run = a_run(context, b"one")
        lost = context.records.steps.of(run.id)[0].outputs["result"].blob or ""
    push_from(tmp_path / "a", tmp_path / "far")
    (tmp_path / "a" / ".interlock" / "store" / blob_path(lost)).unlink()
    assert pull_into(tmp_path / "a", tmp_path / "far").objects == 1
    with project(tmp_path / "a") as context:
        assert context.store.get_bytes(lost) == b"one"


def killed(folder: Path, command: str, other: Path, failpoint: str) -> None:
    """Push or pull in a process that dies at a failpoint."""
    done = subprocess.run(
        [sys.executable, "-m", "interlock", command, str(other)],
        cwd=folder,
        env={**os.environ, "INTERLOCK_FAILPOINT": failpoint},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("place", ["publish.rename:9", "publish.renamed:31", "publish.renamed:33"])
def test_a_killed_push_goes_on_where_it_was(tmp_path: Path, place: str) -> None:
    with project(tmp_path / "a") as context:
        a_version(context, a_run(context, *MANY))
    killed(tmp_path / "a", "push", tmp_path / "far", f"{place}=kill")
    arrived = {name for name in files_below(tmp_path / "far") if ".tmp-" not in name}
    assert arrived
    rest = push_from(tmp_path / "a", tmp_path / "far")
    whole = {name for name in files_below(tmp_path / "far") if ".tmp-" not in name}
    assert rest.objects == len(whole - arrived) < len(whole)
    assert pull_into(tmp_path / "b", tmp_path / "far").missing == []


@pytest.mark.parametrize(
    "place", ["publish.rename:9=kill", "publish.write:5=torn", "records.commit.before=kill"]
)
def test_a_killed_pull_goes_on_where_it_was(tmp_path: Path, place: str) -> None:
    with project(tmp_path / "a") as context:
        run = a_run(context, *MANY)
    push_from(tmp_path / "a", tmp_path / "far")
    with project(tmp_path / "b"):
        pass
    killed(tmp_path / "b", "pull", tmp_path / "far", place)
    with project(tmp_path / "b") as context:
        assert context.records.runs.list() == []
    pull_into(tmp_path / "b", tmp_path / "far")
    with project(tmp_path / "b") as context:
        assert context.records.runs.get(run.id) == run
        assert isinstance(context.store, LocalStore)
        # A draft of the dead process is swept in an hour; nobody takes it for a blob.
        assert {one.kind for one in context.store.verify()} <= {"leftover"}


def test_pushes_at_one_moment_give_no_number_twice(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abcd"]
    for folder in folders:
        with project(folder) as context:
            a_version(context, a_run(context, folder.name.encode()), folder.name.encode())
    threads = [threading.Thread(target=push_from, args=(one, tmp_path / "far")) for one in folders]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    pull_into(tmp_path / "e", tmp_path / "far")
    with project(tmp_path / "e") as context:
        versions = context.records.models.list("delays")
        assert sorted(one.number for one in versions) == [1, 2, 3, 4]
        assert len({context.records.runs.get(one.run_id).version_id for one in versions}) == 4


def test_a_push_waits_for_another_and_says_so_when_it_waited_in_vain(tmp_path: Path) -> None:
    remote = open_remote(str(tmp_path / "far"), exists=False, cache=tmp_path)
    with turn(remote):
        with pytest.raises(RemoteBusy, match=f"process {os.getpid()}"), turn(remote, patience=0.0):
            pass
        assert (tmp_path / "far" / "pushing").exists()
    with turn(remote, patience=0.0):
        pass


def test_a_turn_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    remote = open_remote(str(tmp_path / "far"), exists=False, cache=tmp_path)
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    claim = {"host": socket.gethostname(), "pid": done.pid, "process": "gone", "at": time.time()}
    assert remote.claim(json.dumps(claim).encode()) is None
    with turn(remote, patience=0.0):
        pass


def test_a_champion_stays_and_is_taken_over_on_request(tmp_path: Path) -> None:
    for folder, data in (("a", b"one"), ("b", b"two")):
        with project(tmp_path / folder) as context:
            version = a_version(context, a_run(context, data), data)
            context.records.models.move_alias(
                "delays", "champion", version.number, f"{folder} likes it", "me"
            )
    push_from(tmp_path / "a", tmp_path / "far")
    (kept,) = pull_into(tmp_path / "b", tmp_path / "far").kept
    assert (kept.here, kept.there) == (1, 2)
    taken = pull_into(tmp_path / "b", tmp_path / "far", aliases=True)
    assert ([one.there for one in taken.moved], taken.kept) == ([2], [])
    with project(tmp_path / "b") as context:
        move = context.records.models.moves("delays")[0]
        assert (move.version, move.reason) == (2, f"taken over from {tmp_path / 'far'}: a likes it")


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[Progress] = []
    with project(tmp_path / "a") as context:
        a_run(context, *MANY)
        push(context, str(tmp_path / "far"), Wish(watch=seen.append))
    assert [one.done for one in seen] == list(range(1, 32))
    assert seen[-1].bytes == seen[-1].total_bytes > 30_000


def test_a_project_in_which_nothing_ran_yet_is_pushed_to(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, b"one")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "interlock.toml").write_text("")
    push_from(tmp_path / "a", tmp_path / "b")
    with project(tmp_path / "b") as context:
        assert [run.id for run in context.records.runs.list()] == ["delays/1"]


def test_a_folder_of_other_things_is_not_pushed_to(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "list.txt").write_text("milk")
    with pytest.raises(NoSuchRemote, match="holds other things than a store"):
        push_from(tmp_path / "a", tmp_path / "notes")


def test_a_manifest_that_says_too_little_is_left_out_with_the_reason(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        a_run(context, b"one")
        push(context, str(tmp_path / "far"), Wish())
    store = LocalStore(tmp_path / "far")
    store.put_manifest("run", {"id": "delays/9", "recorded_at": 1.0})
    store.put_manifest("run", {"nothing": "at all"})
    pulled = pull_into(tmp_path / "b", tmp_path / "far")
    assert [why.partition(": ")[2] for why in pulled.skipped] == ["it has no 'id'", "it has no 'pipeline'"]
    assert pulled.new == {"environment": 1, "run": 1}


def test_a_place_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSuchRemote, match="There is no store in"):
        pull_into(tmp_path / "a", tmp_path / "nothing")
    with project(tmp_path / "a") as context, pytest.raises(UsageError, match="is no store"):
        push(context, "ftp://somewhere", Wish())
