from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from records_sample import FolderManifests, add_version, build_snapshot, count, dump, open_records, tell_story

from interlock.identity.environment import Environment
from interlock.records.incoming import NO_TIME, Incoming, TakenIn, take_in
from interlock.records.model import MetricPoint
from interlock.records.rebuild import KINDS, choose, rebuild
from interlock.records.records import Records


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Records]:
    (tmp_path / "theirs").mkdir()
    with open_records(tmp_path / "theirs") as opened:
        yield opened


def bring(records: Records, tmp_path: Path, **how: Any) -> TakenIn:
    """Take in everything that `theirs` has stated."""
    manifests = FolderManifests(tmp_path / "theirs" / "manifests").all()
    chosen, skipped = choose(one for one in manifests if one[0] in KINDS)
    assert skipped == []
    return take_in(records, [Incoming(*one) for one in chosen], "there", **how)


def without(tables: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: rows for name, rows in tables.items() if name not in names}


def test_empty_records_become_the_same_records(records: Records, theirs: Records, tmp_path: Path) -> None:
    theirs.environments.add(Environment.of("3.11", "linux", {"numpy": "2.3"}))
    for _ in range(2):
        tell_story(theirs)
    taken = bring(records, tmp_path)
    assert (taken.renumbered, taken.kept, taken.skipped) == ({}, [], [])
    living = ("logs", "deployments", "leases", "metrics", "snapshots", "pins")
    assert without(dump(records), *living) == without(dump(theirs), *living)
    assert count(records)["metrics"] == count(theirs)["metrics"] == 4


def test_a_run_of_the_same_name_gets_the_next_number_with_all_that_refers_to_it(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    tell_story(records)
    mine = dump(records)
    tell_story(theirs)
    taken = bring(records, tmp_path)
    assert taken.renumbered == {"delays/1": "delays/2", "delays@1": "delays@2"}
    assert records.runs.get("delays/2").tags == {"by": "loop", "pulled": "there delays/1"}
    assert records.runs.get("delays/2").model_version == 2
    assert records.models.get("delays", 2).run_id == "delays/2"
    assert records.models.get("delays", 2).signal_id == records.runs.get("delays/2").signal_id == 2
    assert str(records.models.verdicts("delays", 2)) == str(records.models.verdicts("delays", 1))
    signal, decision = records.signals.get(2), records.decisions.list("delays")[0]
    assert (signal.run_id, signal.version) == ("delays/2", 2)
    assert (decision.signal_id, decision.run_id, decision.version) == (2, "delays/2", 2)
    assert [one.run_id for one in records.certificates.of("delays/2")] == ["delays/2"]
    assert [one.version for one in records.windows.list("delays")] == [2, 1]
    for name, rows in without(mine, "cache").items():  # of one key the later entry holds
        assert set(rows) <= set(dump(records)[name])


def test_what_was_taken_in_is_known_the_next_time(records: Records, theirs: Records, tmp_path: Path) -> None:
    for one in (records, theirs, theirs):
        tell_story(one)
    bring(records, tmp_path)
    before = dump(records)
    again = bring(records, tmp_path)
    assert (again.new, again.renumbered) == ({}, {})
    assert dump(records) == before


def test_renumbered_records_come_back_from_their_manifests(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    for one in (records, theirs, theirs):
        tell_story(one)
    bring(records, tmp_path)
    with Records.open(tmp_path / "rebuilt.db", FolderManifests(tmp_path / "unused")) as rebuilt:
        assert rebuild(rebuilt, FolderManifests(tmp_path / "manifests").all()).skipped == []
        living = ("logs", "deployments", "leases", "metrics")
        assert without(dump(rebuilt), *living) == without(dump(records), *living)


def test_the_later_state_of_a_run_holds_and_tags_of_both_sides_stay(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    tell_story(theirs)
    bring(records, tmp_path)
    records.runs.tag("delays/1", ours="kept")
    theirs.runs.tag("delays/1", theirs="brought")
    assert bring(records, tmp_path).new == {"run": 1}
    assert records.runs.get("delays/1").tags == {"by": "loop", "ours": "kept", "theirs": "brought"}
    assert count(records)["metrics"] == 2
    assert bring(records, tmp_path).new == {}


def test_an_earlier_state_changes_nothing(records: Records, theirs: Records, tmp_path: Path) -> None:
    tell_story(theirs)
    bring(records, tmp_path)
    records.models.set_status("delays", 1, "refused")
    assert bring(records, tmp_path).new == {}
    assert records.models.get("delays", 1).status == "refused"


def test_a_champion_stays_unless_there_is_none(records: Records, theirs: Records, tmp_path: Path) -> None:
    for one in (records, theirs):
        one.models.move_alias("delays", "champion", add_version(one), "best here", "me")
    theirs.models.move_alias("delays", "shadow", 1, "looks good", "them")
    (kept,) = bring(records, tmp_path).kept
    assert (kept.alias, kept.here, kept.there, kept.reason) == ("champion", 1, 2, "best here")
    assert records.models.aliases("delays") == {"champion": 1, "shadow": 2}


def test_an_alias_follows_its_own_history_where_that_is_asked_for(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    theirs.models.move_alias("delays", "champion", add_version(theirs), "first", "them")
    bring(records, tmp_path)
    theirs.models.move_alias("delays", "champion", add_version(theirs, content="b"), "second", "them")
    assert [one.there for one in bring(records, tmp_path).kept] == [2]
    assert bring(records, tmp_path, follow=True).kept == []
    assert [move.reason for move in records.models.moves("delays")] == ["second", "first"]


def test_an_alias_that_went_another_way_does_not_follow(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    theirs.models.move_alias("delays", "champion", add_version(theirs), "first", "them")
    bring(records, tmp_path)
    records.models.move_alias("delays", "champion", add_version(records, content="own"), "better", "me")
    theirs.models.move_alias("delays", "champion", add_version(theirs, content="b"), "second", "them")
    assert [one.alias for one in bring(records, tmp_path, follow=True).kept] == ["champion"]
    assert records.models.aliases("delays") == {"champion": 2}


def test_the_times_of_files_of_another_machine_are_not_believed(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    theirs.datasets.add_snapshot(build_snapshot())
    bring(records, tmp_path)
    assert [part.mtime_ns for part in records.datasets.known_parts("flights")] == [NO_TIME]


def test_one_occasion_that_woke_both_loops_stays_two_signals(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    for one in (records, theirs):
        signal = one.signals.add("delays", "data", {}, "data:abc")
        assert signal is not None
        one.signals.close(signal.id, "declined")
    bring(records, tmp_path)
    assert [one.key for one in records.signals.list()] == ["data:abc (there 1)", "data:abc"]
    assert bring(records, tmp_path).new == {}


def test_a_dry_look_writes_no_row_and_no_fact(records: Records, theirs: Records, tmp_path: Path) -> None:
    tell_story(theirs)
    before = dump(records)
    assert bring(records, tmp_path, dry=True).new["run"] == 1
    assert dump(records) == before


def test_a_fact_that_makes_no_sense_is_skipped_with_the_reason(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    tell_story(theirs)
    manifests = FolderManifests(tmp_path / "theirs" / "manifests")
    body = next(body for kind, _, body in manifests.all() if kind == "version")
    manifests.put_manifest("version", {**body, "number": 9, "run_id": "delays/77", "created_at": 1.0})
    manifests.put_manifest("version", {**body, "number": 8, "verdicts": 3, "created_at": 2.0})
    skipped = bring(records, tmp_path).skipped
    assert [kind for kind, _, _ in skipped] == ["version", "version"]
    assert any("delays/77 did not come with it" in why for _, _, why in skipped)
    assert [one.number for one in records.models.list("delays")] == [1]


def test_points_of_a_run_that_is_renumbered_stay_its_own(
    records: Records, theirs: Records, tmp_path: Path
) -> None:
    for one, loss in ((records, 1.0), (theirs, 2.0)):
        run = one.runs.start("delays")
        one.metrics.add([MetricPoint(run.id, "fit", "loss", 0, loss, 1.0)])
        one.runs.finish(run.id, "succeeded")
    bring(records, tmp_path)
    series = [records.metrics.series(f"delays/{number}", "loss")[0].value for number in (1, 2)]
    assert series == [1.0, 2.0]
