"""What makes two parts the same: rows where columns have types, bytes without compression elsewhere."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from interlock.identity.profile import Profile, joined
from interlock.store.sources import content
from interlock.store.sources.content import read_content

TABLE = pa.table(
    {
        "day": list(range(300)),
        "carrier": [None if i % 7 == 0 else f"c{i % 3}" for i in range(300)],
        "delay": [float("nan") if i % 5 == 0 else i / 3 for i in range(300)],
        "times": pa.array([i * 10**6 for i in range(300)], pa.timestamp("us")),
        "tags": [[str(i), "x"] for i in range(300)],
    }
)


def digest(path: Path) -> str:
    return read_content(path, "parquet").digest


@pytest.fixture
def first(tmp_path: Path) -> str:
    pq.write_table(TABLE, tmp_path / "first.parquet")
    return digest(tmp_path / "first.parquet")


WRITERS: dict[str, Callable[[Path], object]] = {
    "other row groups": lambda path: pq.write_table(TABLE, path, row_group_size=7),
    "other compression": lambda path: pq.write_table(TABLE, path, compression="zstd", use_dictionary=False),
    "other version": lambda path: pq.write_table(
        TABLE, path, version="1.0", coerce_timestamps="us", store_schema=False
    ),
    "large strings": lambda path: pq.write_table(
        TABLE.set_column(1, "carrier", TABLE["carrier"].cast(pa.large_string())), path
    ),
    "polars": lambda path: pl.from_arrow(TABLE).write_parquet(path),
    "duckdb": lambda path: duckdb.connect().from_arrow(TABLE).write_parquet(str(path)),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_the_same_rows_by_another_writer_are_the_same_part(tmp_path: Path, first: str, writer: str) -> None:
    WRITERS[writer](tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() != (tmp_path / "first.parquet").read_bytes()
    assert digest(tmp_path / "again.parquet") == first


CHANGES: dict[str, pa.Table] = {
    "a value": TABLE.set_column(0, "day", pa.array([*range(299), 7])),
    "a null": TABLE.set_column(0, "day", pa.array([*range(299), None])),
    "a type": TABLE.set_column(0, "day", TABLE["day"].cast(pa.int32())),
    "a name": TABLE.rename_columns(["Day", *TABLE.column_names[1:]]),
    "the order of rows": TABLE.take(list(range(299, -1, -1))),
    "the order of columns": TABLE.select(TABLE.column_names[::-1]),
    "a row less": TABLE.slice(0, 299),
    "a category": TABLE.set_column(1, "carrier", TABLE["carrier"].dictionary_encode()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_content_is_another_part(tmp_path: Path, first: str, change: str) -> None:
    pq.write_table(CHANGES[change], tmp_path / "changed.parquet")
    assert digest(tmp_path / "changed.parquet") != first


def test_how_rows_are_cut_into_batches_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "BATCH", 64)
    for name, size in (("a", 300), ("b", 50), ("c", 65)):
        pq.write_table(TABLE, tmp_path / f"{name}.parquet", row_group_size=size)
        feather.write_feather(TABLE, tmp_path / f"{name}.arrow", chunksize=size)
    assert len({digest(tmp_path / f"{name}.parquet") for name in "abc"}) == 1
    arrow = {read_content(tmp_path / f"{name}.arrow", "arrow").digest for name in "abc"}
    assert arrow == {digest(tmp_path / "a.parquet")}


@pytest.mark.parametrize(
    "other",
    [
        pd.DataFrame({"x": [1, 2]}, index=[3, 4]),
        pd.DataFrame({"x": pd.array([1, 2], dtype="Int64")}),
        pd.DataFrame({"x": [1, 2]}).rename_axis("row"),
    ],
    ids=["an index", "a dtype of its own", "a named index"],
)
def test_what_pandas_reads_back_otherwise_is_another_part(tmp_path: Path, other: pd.DataFrame) -> None:
    pd.DataFrame({"x": [1, 2]}).to_parquet(tmp_path / "plain.parquet")
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "arrow.parquet")
    other.to_parquet(tmp_path / "other.parquet")
    assert digest(tmp_path / "plain.parquet") == digest(tmp_path / "arrow.parquet")
    assert digest(tmp_path / "other.parquet") != digest(tmp_path / "plain.parquet")


def test_the_order_of_categories_is_content(tmp_path: Path) -> None:
    values = ["b", "a"]
    for name, categories in (("one", ["a", "b"]), ("two", ["b", "a"]), ("three", ["a", "b", "c"])):
        frame = pd.DataFrame({"x": pd.Categorical(values, categories)})
        frame.to_parquet(tmp_path / f"{name}.parquet")
    assert len({digest(tmp_path / f"{name}.parquet") for name in ("one", "two", "three")}) == 3


def test_text_is_its_bytes_without_compression(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n01,a\n")
    (tmp_path / "b.csv").write_text("x,y\n1,a\n")
    for level in (1, 9):
        (tmp_path / f"{level}.csv.gz").write_bytes(gzip.compress(b"x,y\n01,a\n" * 100, level))
    plain, other, fast, small = (
        read_content(tmp_path / name, "csv") for name in ("a.csv", "b.csv", "1.csv.gz", "9.csv.gz")
    )
    assert plain.digest == plain.stored
    assert plain.digest != other.digest  # 01 and 1 are the same number, and not the same text
    assert fast.digest == small.digest
    assert fast.stored != small.stored


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.csv.gz", "a.csv", "a.json"])
def test_what_nobody_can_read_is_its_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(os.urandom(64))
    kind = {"parquet": "parquet", "arrow": "arrow", "gz": "csv", "csv": "csv", "json": "json"}[
        name.rsplit(".", maxsplit=1)[-1]
    ]
    found = read_content(tmp_path / name, kind)  # type: ignore[arg-type]
    assert (found.digest, found.profile) == (found.stored, None)


def statistics(profile: Profile | None, name: str) -> dict[str, object]:
    assert profile is not None
    return next(column.statistics() for column in profile.columns if column.name == name)


def test_a_profile_says_what_pandas_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "BATCH", 64)  # numbers add up over batches
    pq.write_table(TABLE, tmp_path / "a.parquet")
    profile = read_content(tmp_path / "a.parquet", "parquet").profile
    frame = TABLE.to_pandas()
    delay, carrier = statistics(profile, "delay"), statistics(profile, "carrier")
    assert delay["mean"] == pytest.approx(frame["delay"].mean())
    assert delay["std"] == pytest.approx(frame["delay"].std())
    assert (delay["min"], delay["max"]) == (frame["delay"].min(), frame["delay"].max())
    assert delay["null_share"] == frame["delay"].isna().mean()
    assert carrier["distinct"] == 3
    counts = frame["carrier"].value_counts()
    assert carrier["top"] == [
        [name, counts[name]] for name in sorted(counts.index, key=lambda one: (-counts[one], one))
    ]
    assert statistics(profile, "times")["max"] == "1970-01-01 00:04:59.000000"


def test_profiles_of_parts_add_up_to_the_profile_of_all_rows(tmp_path: Path) -> None:
    cuts = [TABLE.slice(0, 10), TABLE.slice(10, 200), TABLE.slice(210)]
    parts = []
    for place, table in enumerate([*cuts, TABLE]):
        pq.write_table(table, tmp_path / f"{place}.parquet")
        profile = read_content(tmp_path / f"{place}.parquet", "parquet").profile
        assert profile is not None
        parts.append(Profile.from_json(json.loads(json.dumps(profile.to_json()))))
    together = joined(parts[:3])
    assert together.rows == 300
    for name in ("day", "carrier", "delay", "times"):
        expected = statistics(parts[3], name)
        found = statistics(together, name)
        assert {
            key: pytest.approx(value) if key in ("mean", "std") else value for key, value in expected.items()
        } == found


def test_a_csv_whose_later_rows_surprise_is_profiled_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "_BLOCK", 64)
    (tmp_path / "a.csv").write_text("x\n" + "1\n" * 100 + "none\n")
    found = statistics(read_content(tmp_path / "a.csv", "csv").profile, "x")
    assert (found["type"], found["rows"], found["distinct"]) == ("string", 101, 2)
