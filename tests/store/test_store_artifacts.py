from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from store_sample import MemoryStore, flip_a_byte, round_trip, run_python

from interlock.extras import MissingExtra
from interlock.identity.artifact import Artifact
from interlock.identity.digest import digest_value
from interlock.store.artifacts import ArtifactStore, PickleRefused
from interlock.store.blobs import CorruptBlob, LocalStore, MissingBlob
from interlock.store.formats.containers import blobs_of
from interlock.store.formats.format import UnreadableArtifact, Unstorable
from interlock.store.formats.registry import Formats


class Custom:
    """A value that no safe format keeps."""

    def __init__(self, number: int) -> None:
        self.number = number


_FRAME = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", None]})

# One value of each format that writes a blob.
_VALUES: dict[str, Callable[[Path], Any]] = {
    "json": lambda _: list(range(5000)),
    "pandas": lambda _: _FRAME,
    "numpy": lambda _: np.arange(100),
    "polars": lambda _: pl.DataFrame({"a": [1, 2]}),
    "arrow": lambda _: pa.table({"a": [1, 2]}),
    "bytes": lambda _: b"x" * 5000,
    "scipy.sparse": lambda _: sp.csr_array(np.eye(3)),
    "skops": lambda _: LogisticRegression(),
    "path": lambda folder: folder / "file.txt",
    "container": lambda _: {"frame": _FRAME, "numbers": list(range(5000))},
    "pickle": lambda _: Custom(3),
}


@pytest.mark.parametrize("name", _VALUES)
def test_a_damaged_byte_is_found_before_use_whatever_the_format(
    artifacts: ArtifactStore, store: LocalStore, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file.txt").write_text("data")
    artifact = artifacts.save(_VALUES[name](tmp_path), allow_pickle=True)
    assert artifact.format == name
    artifacts.load(artifact, allow_pickle=True)
    for digest in blobs_of(artifact):
        sound = store.get_bytes(digest)
        flip_a_byte(store.get_file(digest), 3)
        with pytest.raises(CorruptBlob):
            artifacts.load(artifact, allow_pickle=True)
        store.put_bytes(sound)


@pytest.mark.parametrize("name", _VALUES)
def test_an_artifact_survives_its_record(artifacts: ArtifactStore, tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("data")
    value = _VALUES[name](tmp_path)
    artifact = artifacts.save(value, allow_pickle=True)
    assert artifact.digest == digest_value(value)
    back = artifacts.load(Artifact.from_json(artifact.to_json()), allow_pickle=True)
    assert type(back) is type(value)


@pytest.mark.parametrize("name", [name for name in _VALUES if name != "path"])
def test_a_store_elsewhere_serves_as_well(tmp_path: Path, name: str) -> None:
    artifacts = ArtifactStore(MemoryStore(tmp_path), tmp_path / "cache")
    value = _VALUES[name](tmp_path)
    back = artifacts.load(artifacts.save(value, allow_pickle=True), allow_pickle=True)
    assert type(back) is type(value)


def test_a_path_from_a_store_elsewhere_needs_no_cache_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("data")
    assert round_trip(ArtifactStore(MemoryStore(tmp_path)), tmp_path / "file.txt").read_text() == "data"


def test_an_empty_value_passes_through_a_store_elsewhere(tmp_path: Path) -> None:
    assert round_trip(ArtifactStore(MemoryStore(tmp_path)), b"") == b""


def test_equal_values_share_one_blob(artifacts: ArtifactStore, store: LocalStore) -> None:
    first, second = artifacts.save(_FRAME), artifacts.save(_FRAME.copy())
    assert first == second
    assert len(list((store.root / "blobs").glob("*/*"))) == 1


def test_containers_keep_their_shape_and_each_leaf_its_format(artifacts: ArtifactStore) -> None:
    value = {"parts": [np.arange(3), (1, {2}, b"x" * 9000)], 5: None, "frame": _FRAME}
    artifact = artifacts.save(value)
    back = artifacts.load(artifact)
    assert (list(back), back[5]) == (["parts", 5, "frame"], None)
    assert back["parts"][0].tolist() == [0, 1, 2]
    assert back["parts"][1] == (1, {2}, b"x" * 9000)
    pd.testing.assert_frame_equal(back["frame"], _FRAME)
    assert len(blobs_of(artifact)) == 3


def test_a_container_of_many_leaves_goes_to_a_blob_itself(artifacts: ArtifactStore) -> None:
    value = [np.array([n]) for n in range(20)]
    artifact = artifacts.save(value)
    assert artifact.blob is not None
    assert len(blobs_of(artifact)) == 21
    assert [int(one[0]) for one in artifacts.load(artifact)] == list(range(20))


def test_what_no_safe_format_keeps_needs_permission(artifacts: ArtifactStore) -> None:
    with pytest.raises(Unstorable) as caught:
        artifacts.save(Custom(3))
    assert str(caught.value) == (
        f"A value of type '{__name__}.Custom' cannot be kept in a safe format.\n"
        "  Return plain data, a table, an array, bytes, a path, or a model of scikit-learn, LightGBM or XGBoost. "
        "Or allow pickle for the step that returns it: @step(pickle=True)."
    )


@pytest.mark.parametrize(
    "value",
    [
        Custom(3),
        [1, Custom(3)],
        pd.DataFrame({"a": [Custom(3)]}),
        np.array([Custom(3)], dtype=object),
        {Custom(3): 1},
    ],
    ids=["alone", "in a list", "in a frame", "in an array", "as a key"],
)
def test_with_permission_anything_is_pickled_and_loaded_only_with_permission(
    artifacts: ArtifactStore, value: Any
) -> None:
    artifact = artifacts.save(value, allow_pickle=True)
    assert type(artifacts.load(artifact, allow_pickle=True)) is type(value)
    with pytest.raises(PickleRefused, match="is a pickle; loading it would run code out of the store"):
        artifacts.load(artifact)


def test_permission_changes_nothing_for_what_a_safe_format_keeps(artifacts: ArtifactStore) -> None:
    assert artifacts.save(_FRAME, allow_pickle=True) == artifacts.save(_FRAME)


def test_pickle_bytes_under_a_safe_format_are_never_unpickled(store: LocalStore, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hostile = f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode()
    digest = store.put_bytes(hostile)
    for name in ("numpy", "pandas", "polars", "arrow", "skops", "lightgbm", "json", "scipy.sparse"):
        meta = {"shape": [1], "dtype": "int64", "series": False, "state": {}, "class": "Booster"}
        with pytest.raises(UnreadableArtifact):
            ArtifactStore(store).load(Artifact("blake3:0", name, "x", 1, digest, None, meta))
    assert not canary.exists()


def test_a_list_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    from interlock.store.formats.plain import JsonFormat

    assert not JsonFormat().handles(value)


def test_an_unknown_format_is_told(artifacts: ArtifactStore) -> None:
    with pytest.raises(UnreadableArtifact) as caught:
        artifacts.load(Artifact("blake3:0", "panda", "x", 1))
    assert str(caught.value) == "The format 'panda' is not known here.\n  Did you mean 'pandas'?"


def test_a_record_without_a_blob_is_told(artifacts: ArtifactStore) -> None:
    with pytest.raises(UnreadableArtifact, match="names no blob"):
        artifacts.load(Artifact("blake3:0", "pandas", "pandas.DataFrame", 1))


def test_whole_bytes_that_cannot_be_read_are_told(artifacts: ArtifactStore, store: LocalStore) -> None:
    artifact = Artifact("blake3:0", "arrow", "pyarrow.Table", 1, store.put_bytes(b"no table"))
    with pytest.raises(UnreadableArtifact) as caught:
        artifacts.load(artifact)
    assert caught.value.what.startswith("The stored value of type 'pyarrow.Table' cannot be read here: Arrow")
    assert "Run the step again" in caught.value.hint


def test_a_blob_that_is_gone_is_told(artifacts: ArtifactStore, store: LocalStore) -> None:
    artifact = artifacts.save(_FRAME)
    store.get_file(artifact.blob or "").unlink()
    with pytest.raises(MissingBlob):
        artifacts.load(artifact)


def test_a_library_that_is_missing_is_named(
    artifacts: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = artifacts.save(pl.DataFrame({"a": [1]}))
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match="'polars' is needed here"):
        artifacts.load(artifact)


def test_nothing_heavy_is_imported_for_plain_data(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from interlock.store.artifacts import ArtifactStore
from interlock.store.blobs import LocalStore
import interlock.store.sources.reading
import interlock.store.sources.snapshots
artifacts = ArtifactStore(LocalStore(Path(sys.argv[1])))
for value in ({"auc": 0.7}, list(range(5000)), b"data"):
    assert artifacts.load(artifacts.save(value)) == value
print(sorted({"pandas", "numpy", "pyarrow", "polars", "sklearn", "lightgbm"} & set(sys.modules)))
"""
    done = run_python(code, tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


_PLUGIN = """
class Reversed:
    name = "reversed"
    def handles(self, value): return type(value).__name__ == "Custom"
    def save(self, value, vault): return vault.put_bytes(b"%d" % value.number)
    def load(self, artifact, vault):
        from test_store_artifacts import Custom
        return Custom(int(vault.bytes(artifact)))
"""


def test_a_plugin_brings_a_format(
    artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reversing.py").write_text(_PLUGIN)
    info = tmp_path / "reversing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reversing\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[interlock.format]\nreversed = reversing:Reversed\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "test_store_artifacts", sys.modules[__name__])
    artifact = artifacts.save(Custom(7))
    assert artifact.format == "reversed"
    assert artifacts.load(artifact).number == 7
    assert Formats().named("reversed").name == "reversed"
