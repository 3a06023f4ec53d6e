"""The lock of a project, and what it brings back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from history_world import a_run, a_version, project

from interlock.engine.context import RunContext
from interlock.history.lockfile import (
    BadLock,
    LockedEnvironment,
    NoLock,
    differences,
    environment_differences,
    lock_of,
    lock_text,
    read_lock,
    write_lock,
)
from interlock.history.restore import REASON, CannotRestore, Restored, restore
from interlock.history.transfer import Wish, push
from interlock.records.model import ModelVersion


def champion(context: RunContext, data: bytes) -> ModelVersion:
    version = a_version(context, a_run(context, data), data)
    context.records.models.move_alias("delays", "champion", version.number, "best", "me")
    return version


def locked(context: RunContext) -> None:
    write_lock(context.project.root, lock_of(context))


def test_a_lock_names_data_environment_and_champions(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        version = champion(context, b"one")
        locked(context)
        text = (tmp_path / "interlock.lock").read_text()
        body = tomllib.loads(text)
        run = context.records.runs.get("delays/1")
    assert text.startswith("# The data, the environment and the champions")
    assert body["data"]["flights"].keys() == {"digest", "snapshot", "parts"}
    assert body["model"]["delays"] == {
        "version": 1,
        "run": "delays/1",
        "id": run.version_id,
        "bundle": version.bundle,
    }
    assert body["environment"]["distributions"]["numpy"]
    assert list(body["environment"]["distributions"]) == sorted(body["environment"]["distributions"])


def test_a_lock_is_read_as_it_was_written_and_does_not_change_by_itself(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        champion(context, b"one")
        one, two = lock_of(context), lock_of(context)
        locked(context)
        assert read_lock(tmp_path) == one
        assert lock_text(one) == lock_text(two) == (tmp_path / "interlock.lock").read_text()


def test_names_that_toml_wants_quoted_are_quoted(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        (tmp_path / "interlock.toml").write_text('[data."flights.2013"]\nuri = "data/*.csv"\n')
    with project(tmp_path) as context:
        locked(context)
        assert list(read_lock(tmp_path).data) == ["flights.2013"]


def test_what_changed_since_is_told(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        champion(context, b"one")
        before = lock_of(context)
        assert differences(before, lock_of(context)) == []
        champion(context, b"two")
        (tmp_path / "data" / "a.csv").write_text("a,b\n3,4\n")
        found = differences(before, lock_of(context))
    assert [one.what for one in found] == ["data.flights", "model.delays"]
    assert [(one.locked or "")[:9] for one in found] == [
        "blake3:" + (found[0].locked or "")[7:9],
        "version 1",
    ]


def test_environments_are_compared_package_by_package() -> None:
    digest = "blake3:" + 64 * "0"
    facts = {"python": "CPython 3.11.7", "platform": "Linux x86_64"}
    one = LockedEnvironment(digest=digest, **facts, distributions={"numpy": "2.3", "old": "1"})
    two = LockedEnvironment(digest=digest[:-1] + "1", **facts, distributions={"numpy": "2.4", "new": "1"})
    found = {one.what: (one.locked, one.now) for one in environment_differences(one, two)}
    assert found == {
        "environment.numpy": ("2.3", "2.4"),
        "environment.old": ("1", None),
        "environment.new": (None, "1"),
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not toml", "Expected"),
        ("lock = 2\n", "lock: Input should be 1"),
        (
            'lock = 1\n[model.delays]\nversion = "one"\n',
            "model.delays.version: Input should be a valid integer",
        ),
        ("lock = 1\n[strange]\n", "strange: Extra inputs are not permitted"),
    ],
)
def test_a_lock_that_cannot_be_used_says_where_and_why(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "interlock.lock").write_text(text)
    with pytest.raises(BadLock, match=r"interlock\.lock cannot be used") as raised:
        read_lock(tmp_path)
    assert why in raised.value.what
    assert raised.value.where == str(tmp_path / "interlock.lock")


def test_a_project_without_a_lock_is_told_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(NoLock, match=r"has no interlock\.lock") as raised:
        read_lock(tmp_path)
    assert raised.value.hint == "Write it with: interlock lock"


def test_the_champion_of_the_lock_is_put_back(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        champion(context, b"one")
        locked(context)
        champion(context, b"two")
        done = restore(context)
        assert [(one.model, one.previous, one.version) for one in done.models] == [("delays", 2, 1)]
        assert context.records.models.moves("delays")[0].reason == REASON
        assert restore(context).models == []


def pulled_back(folder: Path, lock: Path, source: Path) -> Restored:
    (folder / "data").mkdir(parents=True)
    with project(folder) as context:
        (folder / "interlock.lock").write_bytes((lock / "interlock.lock").read_bytes())
        return restore(context, source=str(source))


def test_what_is_not_here_is_pulled_whatever_its_number_is(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        champion(context, b"one")
        locked(context)
        push(context, str(tmp_path / "far"), Wish())
    with project(tmp_path / "b") as context:
        champion(context, b"two")
    (tmp_path / "b" / "data" / "a.csv").write_text("a,b\n1,2\n")
    with project(tmp_path / "b") as context:
        (tmp_path / "b" / "interlock.lock").write_bytes((tmp_path / "a" / "interlock.lock").read_bytes())
        with pytest.raises(CannotRestore, match="version 1 of run delays/1") as raised:
            restore(context)
        assert raised.value.hint == "Name a store that has it: interlock restore --from SOURCE"
        assert context.records.models.aliases("delays") == {"champion": 1}
        done = restore(context, source=str(tmp_path / "far"))
        assert [(one.previous, one.version) for one in done.models] == [(1, 2)]
        assert context.records.runs.get("delays/2").tags["pulled"].endswith("far delays/1")


def test_lost_bytes_of_the_champion_are_pulled_again(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        version = champion(context, b"one")
        locked(context)
        push(context, str(tmp_path / "far"), Wish())
    name = version.bundle.removeprefix("blake3:")
    (tmp_path / "a" / ".interlock" / "store" / "manifests" / "bundle" / f"{name}.json").unlink()
    with project(tmp_path / "a") as context:
        with pytest.raises(CannotRestore):
            restore(context)
        done = restore(context, source=str(tmp_path / "far"))
        assert done.pulled is not None
        assert done.pulled.objects == 1


def test_nothing_is_done_when_one_thing_cannot_be_had(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        champion(context, b"one")
        locked(context)
        champion(context, b"two")
        (tmp_path / "data" / "a.csv").write_text("a,b\n3,4\n")
        (tmp_path / "data" / "b.csv").write_text("a,b\n5,6\n")
        with pytest.raises(CannotRestore, match=r"data flights: snapshot 1 .* cannot be read: a\.csv"):
            restore(context)
        assert context.records.datasets.pinned("flights") is None
        assert context.records.models.aliases("delays") == {"champion": 2}


def test_a_version_that_is_refused_by_now_is_not_put_back(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        champion(context, b"one")
        locked(context)
        champion(context, b"two")
        context.records.models.set_status("delays", 1, "refused")
        with pytest.raises(CannotRestore, match="counts as refused by now"):
            restore(context)


def test_what_is_installed_otherwise_is_reported_and_hinders_nothing(tmp_path: Path) -> None:
    with project(tmp_path) as context:
        lock = lock_of(context)
        older = {**lock.environment.distributions, "numpy": "1.0"}
        changed = lock.environment.model_copy(update={"distributions": older, "digest": "blake3:" + 64 * "0"})
        write_lock(context.project.root, lock.model_copy(update={"environment": changed}))
        (found,) = restore(context).environment
    assert (found.what, found.locked) == ("environment.numpy", "1.0")


def test_a_store_that_lacks_it_too_changes_nothing(tmp_path: Path) -> None:
    with project(tmp_path / "a") as context:
        champion(context, b"one")
        push(context, str(tmp_path / "far"), Wish())
        champion(context, b"two")
        locked(context)
    with pytest.raises(CannotRestore, match="version 2 of run delays/2"):
        pulled_back(tmp_path / "b", tmp_path / "a", tmp_path / "far")
    with project(tmp_path / "b") as context:
        assert context.records.runs.list() == []
