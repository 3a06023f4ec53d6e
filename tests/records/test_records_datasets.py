"""Profiles of parts and pins of datasets in the records."""

from __future__ import annotations

from dataclasses import replace

from records_sample import build_snapshot

from interlock.identity.artifact import Part, Snapshot
from interlock.identity.profile import Column, Profile
from interlock.records.records import Records


def test_a_pin_is_what_was_said_last(records: Records) -> None:
    assert records.datasets.pinned("flights") is None
    for number in (1, 3, None, 2):
        records.datasets.pin("flights", number)
        assert records.datasets.pinned("flights") == number
    assert records.datasets.pinned("weather") is None


def test_a_snapshot_is_found_by_its_number(records: Records) -> None:
    for content in ("a", "b"):
        records.datasets.add_snapshot(build_snapshot(content))
    found = records.datasets.numbered("flights", 1)
    assert found is not None
    assert found.snapshot.digest == build_snapshot("a").digest
    assert records.datasets.numbered("flights", 3) is None
    assert records.datasets.numbered("weather", 1) is None


def test_the_profile_of_a_snapshot_is_that_of_its_parts_together(records: Records) -> None:
    profiles = [
        Profile(rows, (Column("late", "int64", rows, 0, mean=float(rows), spread=0.0),)) for rows in (1, 3)
    ]
    parts = [Part(f"{place}", f"blake3:{place}", 1, 1, profile=one) for place, one in enumerate(profiles)]
    snapshot = Snapshot.of("flights", "data", "csv", parts)
    records.datasets.add_snapshot(snapshot)
    profile = records.datasets.profile(snapshot)
    assert profile is not None
    assert (profile.rows, profile.columns[0].mean) == (4, 2.5)


def test_a_snapshot_with_a_part_that_nobody_understood_has_no_profile(records: Records) -> None:
    first = build_snapshot()
    other = replace(first.parts[0], path="b.csv", digest="blake3:unread", profile=None)
    snapshot = Snapshot.of("flights", "data", "csv", [*first.parts, other])
    records.datasets.add_snapshot(snapshot)
    assert records.datasets.profile(snapshot) is None
    assert records.datasets.profile(first) is not None


def test_what_is_recorded_of_a_part_has_no_more_than_it_needs() -> None:
    plain = Part("a.csv", "blake3:a", 1, 2)
    assert plain.to_json() == {"path": "a.csv", "digest": "blake3:a", "size": 1, "mtime_ns": 2}
    full = replace(plain, stored="blake3:b", tag="7-8")
    assert Part.from_json(full.to_json()) == full
    assert (plain.bytes, full.bytes) == ("blake3:a", "blake3:b")
