from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from records_sample import (
    FolderManifests,
    add_version,
    build_snapshot,
    build_step,
    dump,
    tell_story,
)

from interlock.identity.digest import digest_json
from interlock.identity.environment import Environment
from interlock.records.rebuild import KINDS, Rebuilt, RecordsNotEmpty, rebuild
from interlock.records.records import Records

_LIVING = ("logs", "leases", "deployments", "items", "claims")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Records]:
    with Records.open(tmp_path / "rebuilt.db", FolderManifests(tmp_path / "unused")) as opened:
        yield opened


def _rebuild(records: Records, tmp_path: Path, *more: tuple[str, str, dict[str, Any]]) -> Rebuilt:
    return rebuild(records, [*more, *FolderManifests(tmp_path / "manifests").all()])


def _dump(records: Records) -> dict[str, Any]:
    tables = dump(records, *_LIVING)
    tables["metrics"] = sorted(
        row[1:] for row in tables["metrics"]
    )  # points have no identity but their place
    return tables


def test_the_rebuilt_tables_equal_the_ones_that_were_lost(
    records: Records, empty: Records, tmp_path: Path
) -> None:
    records.environments.add(Environment("blake3:e", "3.11", "linux", {"numpy": "2.3"}))
    for _ in range(3):
        tell_story(records)
    records.datasets.add_snapshot(build_snapshot(mtime_ns=99))
    records.models.set_status("delays", 1, "refused")
    records.runs.tag("delays/1", seen="yes")
    records.models.move_alias("delays", "champion", 1, "back", "me")
    records.models.move_alias("delays", "champion", None, "away", "me")
    records.signals.add("delays", "data", {}, "still open")
    records.runs.start("delays")
    assert _rebuild(empty, tmp_path).skipped == []
    assert _dump(empty) == _dump(records)
    assert all(_dump(empty)[name] for name in _dump(empty) if name != "aliases")


def test_numbers_go_on_where_they_were_after_a_rebuild(
    records: Records, empty: Records, tmp_path: Path
) -> None:
    for _ in range(2):
        tell_story(records)
    _rebuild(empty, tmp_path)
    assert empty.runs.start("delays").id == "delays/3"
    assert add_version(empty) == 3
    assert empty.cache.lookup(build_step().key or "") is not None


def test_a_manifest_that_was_never_committed_gives_way_to_its_successor(
    records: Records, empty: Records, tmp_path: Path
) -> None:
    def fail() -> None:
        raise OSError("the power went")

    ledger = records.models._ledger
    ledger._sink.sync = fail  # type: ignore[method-assign]
    for content in ("lost", "lost too"):
        with pytest.raises(OSError, match="the power went"):
            records.models.add_version("delays", "delays/1", digest_json(content), {}, "passed")
    del ledger._sink.sync
    records.models.add_version("delays", "delays/1", digest_json("kept"), {}, "passed")
    assert _rebuild(empty, tmp_path).counts == {"version": 1}
    assert empty.models.list("delays") == records.models.list("delays")


def test_what_cannot_be_read_is_named_and_the_rest_comes_back(
    records: Records, empty: Records, tmp_path: Path
) -> None:
    tell_story(records)
    foreign = [
        ("recipe", "blake3:1", {}),
        ("run", "blake3:2", {"id": "churn/1", "body_version": 9}),
        ("run", "blake3:3", {"pipeline": "churn"}),
        ("run", "blake3:4", {"id": "churn/1", "pipeline": "churn"}),
        ("version", "blake3:5", {"model": "churn", "number": "one"}),
    ]
    assert _rebuild(empty, tmp_path, *foreign).skipped == [
        ("recipe", "blake3:1", "it is of another kind"),
        ("run", "blake3:2", "a later Interlock wrote it"),
        ("run", "blake3:3", "it has no 'id'"),
        ("run", "blake3:4", "KeyError: 'number'"),
        ("version", "blake3:5", "KeyError: 'run_id'"),
    ]
    assert _dump(empty) == _dump(records)


def test_only_empty_records_can_be_rebuilt(records: Records, tmp_path: Path) -> None:
    tell_story(records)
    before = dump(records)
    with pytest.raises(RecordsNotEmpty, match="only be filled where there are none yet") as caught:
        _rebuild(records, tmp_path)
    assert caught.value.where == records.database.place
    assert dump(records) == before


def test_every_kind_of_manifest_that_is_written_can_be_rebuilt(records: Records, tmp_path: Path) -> None:
    records.environments.add(Environment("blake3:e", "3.11", "linux", {}))
    tell_story(records)
    assert {kind for kind, _, _ in FolderManifests(tmp_path / "manifests").all()} == set(KINDS)
