from __future__ import annotations

import pytest

from interlock.identity.artifact import Artifact, Part, Snapshot
from interlock.identity.fields import MalformedRecord

PARTS = (Part("a.csv", "blake3:" + "0" * 64, 3, 17), Part("b.csv", "blake3:" + "1" * 64, 4, 18))


def test_an_artifact_survives_json() -> None:
    artifact = Artifact("blake3:" + "a" * 64, "json", "builtins.int", 1, inline="7", meta={"x": [1]})
    assert Artifact.from_json(artifact.to_json()) == artifact


def test_a_snapshot_survives_json() -> None:
    snapshot = Snapshot.of("flights", "data/*.csv", "csv", PARTS)
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def test_a_snapshot_is_its_paths_and_contents_in_any_order() -> None:
    touched = tuple(Part(part.path, part.digest, part.size, part.mtime_ns + 1) for part in reversed(PARTS))
    one, two = Snapshot.of("a", "x", "csv", PARTS), Snapshot.of("b", "y", "json", touched)
    assert one.digest == two.digest
    assert [part.path for part in two.parts] == ["a.csv", "b.csv"]


def test_another_content_is_another_snapshot() -> None:
    changed = (PARTS[0], Part("b.csv", PARTS[0].digest, 4, 18))
    assert Snapshot.of("a", "x", "csv", changed).digest != Snapshot.of("a", "x", "csv", PARTS).digest


def test_all_faults_of_a_record_are_named_at_once() -> None:
    with pytest.raises(MalformedRecord) as caught:
        Artifact.from_json(
            {"digest": 1, "format": "json", "type": "int", "size": True, "meta": {}, "blob": None}
        )
    faults = "'digest' has the type 'int'; 'size' has the type 'bool'; 'inline' is missing"
    assert caught.value.what == f"This is no recorded artifact: {faults}."


def test_an_unknown_source_format_is_refused() -> None:
    record = Snapshot.of("a", "x", "csv", PARTS).to_json() | {"format": "xls"}
    with pytest.raises(MalformedRecord, match="'format' is 'xls'"):
        Snapshot.from_json(record)


def test_a_record_that_is_no_object_is_refused() -> None:
    with pytest.raises(MalformedRecord, match="it is of type 'list', not an object"):
        Part.from_json([])  # type: ignore[arg-type]
