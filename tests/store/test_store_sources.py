from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pytest

from interlock.identity.artifact import Part, Snapshot
from interlock.identity.digest import digest_file
from interlock.stack.config import DataOptions
from interlock.store.sources import opening, reading, unpack
from interlock.store.sources.content import read_content
from interlock.store.sources.faults import (
    ChangedPart,
    NoData,
    UnknownDataFormat,
    UnknownDataType,
    UnreadableData,
)
from interlock.store.sources.reading import Reader
from interlock.store.sources.snapshots import take_snapshot
from interlock.store.sources.tables import read_table


@dataclass(frozen=True)
class Source:
    uri: str
    format: str | None = None
    query: str | None = None
    part_by: str | None = None
    check: Literal["stat", "content"] = "stat"
    keep: Literal["reference", "copy"] = "reference"
    options: DataOptions = field(default_factory=DataOptions)


def read_snapshot(snapshot: Snapshot, root: Path, as_type: Any) -> Any:
    return Reader(root).read(snapshot, as_type)


@pytest.fixture
def months(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "flights"
    folder.mkdir(parents=True)
    for month in ("2013-02", "2013-01", "2013-10"):
        (folder / f"{month}.csv").write_text(f"month,late\n{month},1\n")
    return tmp_path


def _paths(snapshot: Snapshot) -> list[str]:
    return [Path(part.path).name for part in snapshot.parts]


@pytest.mark.parametrize("uri", ["data/flights", "data/flights/*.csv", "data/**/2013-*.csv", "data/fl*"])
def test_a_uri_is_a_folder_or_a_pattern(months: Path, uri: str) -> None:
    if uri == "data/fl*":
        uri = "data/fl*/*"
    snapshot = take_snapshot("flights", Source(uri), months)
    assert _paths(snapshot) == ["2013-01.csv", "2013-02.csv", "2013-10.csv"]
    assert (snapshot.dataset, snapshot.uri, snapshot.format) == ("flights", uri, "csv")


def test_a_uri_is_a_file_inside_or_outside_of_the_project(
    months: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inside = take_snapshot("flights", Source("data/flights/2013-01.csv"), months)
    elsewhere = take_snapshot(
        "flights", Source(str(months / "data" / "flights")), tmp_path_factory.mktemp("x")
    )
    assert [part.path for part in inside.parts] == ["data/flights/2013-01.csv"]
    assert elsewhere.parts[0].path == f"{months}/data/flights/2013-01.csv"


def test_a_part_has_the_digest_of_its_file(months: Path) -> None:
    path = months / "data" / "flights" / "2013-01.csv"
    (part,) = take_snapshot("flights", Source("data/flights/2013-01.csv"), months).parts
    stat = path.stat()
    assert part == Part(
        "data/flights/2013-01.csv", digest_file(path), stat.st_size, stat.st_mtime_ns, tag=part.tag
    )
    assert str(stat.st_ino) in part.tag


def test_only_new_and_changed_files_are_read(months: Path) -> None:
    source = Source("data/flights")
    first = take_snapshot("flights", source, months)
    known = [Part(part.path, f"known {part.path}", part.size, part.mtime_ns) for part in first.parts]
    (months / "data" / "flights" / "2013-11.csv").write_text("month,late\n")
    os.utime(months / "data" / "flights" / "2013-10.csv")
    second = take_snapshot("flights", source, months, known)
    assert [part.digest.partition(" ")[0] for part in second.parts] == [
        "known",
        "known",
        first.parts[2].digest,
        digest_file(months / "data" / "flights" / "2013-11.csv"),
    ]


def test_hidden_files_and_markers_are_passed_over(months: Path) -> None:
    for name in (".hidden.csv", "_SUCCESS.csv", ".checkpoints/a.csv"):
        (months / "data" / "flights" / name).parent.mkdir(exist_ok=True)
        (months / "data" / "flights" / name).touch()
    (months / "data" / "flights" / "folder.csv").mkdir()
    assert len(take_snapshot("flights", Source("data/flights"), months).parts) == 3


@pytest.mark.parametrize("uri", ["data/none/*.csv", "data/none.csv", "nothing"])
def test_no_data_says_which_pattern_and_where(months: Path, uri: str) -> None:
    with pytest.raises(NoData) as caught:
        take_snapshot("flights", Source(uri), months)
    assert str(caught.value) == (
        f"The dataset 'flights' has no data: no file matches {uri!r}.\n  at {months}\n"
        "  Put the files there, or correct the uri."
    )


def test_a_pattern_that_matches_folders_only_says_so(months: Path) -> None:
    with pytest.raises(NoData, match="Only folders match: end the pattern with"):
        take_snapshot("flights", Source("data/*"), months)


def test_a_link_out_of_the_folder_is_refused(months: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.csv"
    secret.write_text("password\n")
    (months / "data" / "flights" / "linked.csv").symlink_to(secret)
    with pytest.raises(
        UnreadableData, match="is a link that leads out of the folder of the dataset 'flights'"
    ):
        take_snapshot("flights", Source("data/flights"), months)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("a.TSV", "csv"),
        ("a.csv.gz", "csv"),
        ("a.csv.zip", "csv"),
        ("a.parquet", "parquet"),
        ("a.pq", "parquet"),
        ("a.arrow", "arrow"),
        ("a.feather", "arrow"),
        ("a.jsonl", "json"),
        ("a.ndjson.gz", "json"),
    ],
)
def test_the_name_tells_the_format(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).touch()
    assert take_snapshot("x", Source(name), tmp_path).format == expected


@pytest.mark.parametrize(
    ("names", "said", "reason"),
    [
        (["train.pkl"], None, "the name of 'train.pkl' does not tell it"),
        (["a.csv", "b.parquet"], None, "it has files of several: csv, parquet"),
        (["a.csv"], "pickle", "there is no format 'pickle'"),
    ],
)
def test_a_format_that_is_not_known_is_told(
    tmp_path: Path, names: list[str], said: str | None, reason: str
) -> None:
    (tmp_path / "data").mkdir()
    for name in names:
        (tmp_path / "data" / name).touch()
    with pytest.raises(UnknownDataFormat) as caught:
        take_snapshot("train", Source("data", said), tmp_path)
    assert str(caught.value) == (
        f"The format of the dataset 'train' is unknown: {reason}.\n"
        '  Say it in interlock.toml: format = "csv", "parquet", "arrow" or "json".'
    )


def test_what_has_no_known_name_is_no_part_unless_a_format_is_said(months: Path) -> None:
    (months / "data" / "flights" / "README.md").write_text("about")
    (months / "plain").write_text("a\n1\n")
    assert len(take_snapshot("flights", Source("data/flights"), months).parts) == 3
    assert take_snapshot("flights", Source("plain", "csv"), months).format == "csv"


def test_the_rows_of_all_parts_come_in_the_order_of_their_paths(months: Path) -> None:
    snapshot = take_snapshot("flights", Source("data/flights"), months)
    frame = read_snapshot(snapshot, months, pd.DataFrame)
    assert frame["month"].tolist() == ["2013-01", "2013-02", "2013-10"]
    assert frame.index.tolist() == [0, 1, 2]


def test_a_touched_file_of_the_same_content_is_no_change(months: Path) -> None:
    snapshot = take_snapshot("flights", Source("data/flights"), months)
    os.utime(months / "data" / "flights" / "2013-01.csv", (1, 1))
    assert len(read_snapshot(snapshot, months, pd.DataFrame)) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [("month,late\n2013-01,2\n", "changed since"), ("x", "changed since"), (None, "is gone")],
)
def test_a_changed_file_is_named(months: Path, text: str | None, problem: str) -> None:
    path = months / "data" / "flights" / "2013-01.csv"
    snapshot = take_snapshot("flights", Source("data/flights"), months)
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(ChangedPart) as caught:
        read_snapshot(snapshot, months, pd.DataFrame)
    assert str(caught.value).startswith(f"2013-01.csv {problem}")
    assert f"  at {path}\n" in str(caught.value)


def _writing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, during whose work somebody writes to the files that it reads."""

    def wrapped(*arguments: Any) -> Any:
        result = function(*arguments)
        named = next(one for one in reversed(arguments) if isinstance(one, list | Path))
        paths = named if isinstance(named, list) else [named]
        for path in paths:
            path.write_text(path.read_text() + "2013-12,1\n")
        return result

    return wrapped


def test_a_file_that_is_written_to_all_the_while_is_told(
    months: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "read_content", _writing(read_content))
    with pytest.raises(ChangedPart, match=r"2013-..\.csv is being written to"):
        take_snapshot("flights", Source("data/flights"), months)


def test_a_file_that_changes_while_it_is_read_is_told(months: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = take_snapshot("flights", Source("data/flights"), months)
    monkeypatch.setattr(reading, "read_table", _writing(read_table))
    with pytest.raises(ChangedPart, match=r"2013-01\.csv changed while it was read"):
        read_snapshot(snapshot, months, pd.DataFrame)


def test_as_a_path_it_is_the_file_or_the_folder(months: Path) -> None:
    one = take_snapshot("flights", Source("data/flights/2013-01.csv"), months)
    all_months = take_snapshot("flights", Source("data/flights"), months)
    assert read_snapshot(one, months, Path) == months / "data" / "flights" / "2013-01.csv"
    assert read_snapshot(all_months, months, Path) == months / "data" / "flights"


def test_an_annotation_may_still_be_text(months: Path) -> None:
    snapshot = take_snapshot("flights", Source("data/flights"), months)
    assert len(read_snapshot(snapshot, months, "pd.DataFrame")) == 3


@pytest.mark.parametrize("as_type", [int, pd.Series, "np.ndarray"])
def test_a_type_that_no_reader_makes_is_told(months: Path, as_type: object) -> None:
    snapshot = take_snapshot("flights", Source("data/flights"), months)
    with pytest.raises(
        UnknownDataType, match=r"cannot be loaded as .*\n.*pandas.DataFrame, polars.DataFrame"
    ):
        read_snapshot(snapshot, months, as_type)


def test_the_limits_for_decompression_are_those_documented() -> None:
    assert (unpack.BOMB_RATIO, unpack.BOMB_BYTES) == (200, 2**30)


def test_a_uri_that_is_no_name_of_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="cannot be looked for"):
        take_snapshot("d", Source("a" * 5000), tmp_path)


def test_zstandard_is_taken_off(tmp_path: Path) -> None:
    with pa.output_stream(tmp_path / "a.csv.zst", compression="zstd") as file:
        file.write(b"x\n1\n")
    assert read_snapshot(take_snapshot("d", Source("a.csv.zst"), tmp_path), tmp_path, pd.DataFrame)[
        "x"
    ].tolist() == [1]
