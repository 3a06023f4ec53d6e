"""The datasets of a run: which snapshot it reads, as what, and what becomes of it when originals change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engine_project import project_in, run, states

from interlock.engine.context import RunContext
from interlock.engine.datasets import (
    DataChoice,
    UnknownDataset,
    UnknownSnapshot,
    current_snapshot,
    find_snapshot,
)
from interlock.engine.snapshots import parse_choice, parse_snapshot, profile_of, restore_to
from interlock.errors import UsageError
from interlock.graph.pipeline import data
from interlock.graph.step import step
from interlock.store.sources.faults import ChangedPart, LostSnapshot, UnreadableData


@step
def total(flights: pd.DataFrame) -> int:
    return int(flights["late"].sum())


@step
def whole(flights: Path) -> int:
    return flights.stat().st_size


@step
def counted_lazily(flights: ds.Dataset) -> int:
    return flights.count_rows()


@step
def summed_lazily(flights: pl.LazyFrame) -> int:
    return flights.select(pl.col("late").sum()).collect().item()


@step
def asked_lazily(flights: duckdb.DuckDBPyRelation) -> int:
    return flights.aggregate("sum(late)").fetchall()[0][0]


def reading(*steps: Any) -> Any:
    def connect() -> list[Any]:
        return [one(data("flights")) for one in steps]

    return connect


def write(folder: Path, name: str, late: list[int], **how: Any) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"late": late}), folder / "data" / f"{name}.parquet", **how)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "1", [1, 2])
    configure(tmp_path, "")
    return tmp_path


def configure(folder: Path, more: str) -> None:
    (folder / "interlock.toml").write_text(f'[data.flights]\nuri = "data/*.parquet"\n{more}\n')


def value(context: RunContext, **options: Any) -> int:
    return int(run(reading(total), context, **options)["total"].value)


def test_a_part_rewritten_with_the_same_rows_reruns_nothing(folder: Path) -> None:
    with project_in(folder) as context:
        for one in (total, whole):
            run(reading(one), context)
        write(folder, "1", [1, 2], compression="zstd", row_group_size=1)
        assert states(run(reading(total), context)) == {"total": "cached"}
        # Who was given the file itself may have looked at its bytes.
        assert states(run(reading(whole), context)) == {"whole": "ran"}


def test_a_run_reads_the_snapshot_that_it_is_told(folder: Path) -> None:
    with project_in(folder) as context:
        assert value(context) == 3
        write(folder, "2", [10])
        assert value(context) == 13
        made = run(reading(total), context, data=DataChoice({"flights": 1}))
        assert (made["total"].value, states(made)) == (3, {"total": "cached"})
        assert made.snapshots["flights"] == find_snapshot(context, "flights", 1).snapshot.digest


def test_a_pin_holds_until_it_is_taken_off(folder: Path) -> None:
    with project_in(folder) as context:
        value(context)
        write(folder, "2", [10])
        context.records.datasets.pin("flights", 1)
        assert value(context) == 3
        current_snapshot(context, "flights")
        assert value(context, data=DataChoice({"flights": 2})) == 13  # what the run is told counts more
        context.records.datasets.pin("flights", None)
        assert value(context) == 13


@pytest.mark.parametrize(("number", "nearest"), [(7, "flights@2"), (0, "flights@1")])
def test_an_unknown_snapshot_names_the_nearest(folder: Path, number: int, nearest: str) -> None:
    with project_in(folder) as context:
        value(context)
        write(folder, "2", [10])
        value(context)
        with pytest.raises(UnknownSnapshot, match=f"There is no snapshot flights@{number}") as caught:
            value(context, data=DataChoice({"flights": number}))
    assert f"The nearest one is {nearest};" in caught.value.hint


def test_a_path_of_a_kind_that_nothing_reads_is_told(tmp_path: Path) -> None:
    with project_in(tmp_path) as context, pytest.raises(UnknownDataset) as caught:
        current_snapshot(context, "http://127.0.0.1/flights.csv")
    assert "Files are read from paths and s3://" in caught.value.hint


def test_a_choice_of_what_the_pipeline_does_not_read_is_refused(folder: Path) -> None:
    with (
        project_in(folder) as context,
        pytest.raises(UnknownDataset, match="reads no dataset 'flight'") as caught,
    ):
        value(context, data=DataChoice({"flight": 1}))
    assert caught.value.hint == "Did you mean 'flights'?"


@pytest.mark.parametrize("gone", [True, False])
def test_an_old_snapshot_by_reference_is_never_replaced_by_what_is_there_now(
    folder: Path, gone: bool
) -> None:
    with project_in(folder) as context:
        current_snapshot(context, "flights")
        if gone:
            (folder / "data/1.parquet").unlink()
        write(folder, "2" if gone else "1", [5])
        made = run(reading(total), context, data=DataChoice({"flights": 1}))
    lost = made.failure and made.failure.__cause__
    assert isinstance(lost, LostSnapshot)
    problem = "is gone" if gone else "changed since its snapshot was taken"
    assert (
        lost.what
        == f"flights@1 cannot be read any more: 1.parquet {problem}, and the store has no copy of it."
    )
    assert lost.where == str(folder / "data/1.parquet")
    assert '[data.flights]  keep = "copy"' in lost.hint


def test_with_copies_an_old_snapshot_is_read_from_the_store(folder: Path) -> None:
    configure(folder, 'keep = "copy"')
    with project_in(folder) as context:
        current_snapshot(context, "flights")
        write(folder, "1", [5])
        (folder / "data/1.parquet").unlink()
        write(folder, "2", [5])
        assert value(context) == 5
        assert value(context, data=DataChoice({"flights": 1})) == 3
        restored = restore_to(context, find_snapshot(context, "flights", 1), folder / "old", force=False)
    assert restored == {"1.parquet": True}
    assert pq.read_table(folder / "old/1.parquet")["late"].to_pylist() == [1, 2]


def test_equal_parts_are_copied_once(folder: Path) -> None:
    configure(folder, 'keep = "copy"')
    for name in "234":
        write(folder, name, [1, 2])
    with project_in(folder) as context:
        current_snapshot(context, "flights")
        assert (
            sum(
                path.stat().st_size == (folder / "data/1.parquet").stat().st_size
                for path in (folder / ".interlock/store/blobs").rglob("*")
                if path.is_file()
            )
            == 1
        )


def test_what_was_lost_cannot_be_restored(folder: Path) -> None:
    with project_in(folder) as context:
        current_snapshot(context, "flights")
        (folder / "data/1.parquet").unlink()
        with pytest.raises(LostSnapshot, match="flights@1 cannot be read any more"):
            restore_to(context, find_snapshot(context, "flights", 1), folder / "old", force=False)


def test_profiles_outlive_the_files_and_are_made_when_they_are_missing(folder: Path) -> None:
    with project_in(folder) as context:
        snapshot = current_snapshot(context, "flights")
        record = find_snapshot(context, "flights", 1)
        context.records.database.write(lambda connection: connection.exec_driver_sql("DELETE FROM profiles"))
        made = profile_of(context, record)
        (folder / "data/1.parquet").unlink()
        assert made == profile_of(context, record) == context.records.datasets.profile(snapshot)
        assert made is not None
        assert made.rows == 2
        context.records.database.write(lambda connection: connection.exec_driver_sql("DELETE FROM profiles"))
        assert profile_of(context, record) is None


@pytest.mark.parametrize(
    ("reader", "expected"), [(counted_lazily, 3), (summed_lazily, 13), (asked_lazily, 13)]
)
def test_a_handle_reads_the_rows_and_is_cached_by_their_content(
    folder: Path, reader: Any, expected: int
) -> None:
    write(folder, "2", [10])
    with project_in(folder) as context:
        made = run(reading(reader), context)
        assert made[reader.name].value == expected
        write(folder, "2", [10], compression="zstd")
        assert states(run(reading(reader), context)) == {reader.name: "cached"}


@pytest.mark.parametrize("suffix", ["csv", "arrow", "json"])
def test_handles_read_every_format(folder: Path, suffix: str) -> None:
    table = pa.table({"late": [1, 2]})
    for name in "ab":
        path = folder / f"{name}.{suffix}"
        if suffix == "csv":
            path.write_text("late\n1\n2\n")
        elif suffix == "json":
            path.write_text('{"late": 1}\n{"late": 2}\n')
        else:
            with pa.ipc.new_file(path, table.schema) as file:
                file.write_table(table)
    (folder / "interlock.toml").write_text(f'[data.flights]\nuri = "?.{suffix}"\n')
    with project_in(folder) as context:
        readers = (counted_lazily, summed_lazily, asked_lazily)
        assert [run(reading(one), context)[one.name].value for one in readers] == [4, 6, 6]


@step
def writes_meanwhile(flights: ds.Dataset) -> int:
    count = flights.count_rows()
    pq.write_table(pa.table({"late": [7, 7, 7]}), flights.files[0])
    return count


@step(pickle=True)
def gives_a_handle(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.filter(pl.col("late") > 1)


def test_a_handle_is_not_stored_even_as_a_pickle(folder: Path) -> None:
    with project_in(folder) as context:
        made = run(reading(gives_a_handle), context)
    assert "is a handle: what it reads may be another thing tomorrow" in str(made.failure)


@step
def writes_into_its_file(flights: Path) -> int:
    pq.write_table(pa.table({"late": [7, 7, 7]}), flights)
    return 1


@pytest.mark.parametrize("keep", ["reference", "copy"])
@pytest.mark.parametrize("writer", [writes_meanwhile, writes_into_its_file])
def test_a_file_that_changes_while_a_step_reads_it_fails_the_run(
    folder: Path, writer: Any, keep: str
) -> None:
    configure(folder, f'keep = "{keep}"')
    with project_in(folder) as context:
        made = run(reading(writer), context)
    assert isinstance(made.failure and made.failure.__cause__, ChangedPart)
    assert "1.parquet changed while it was read" in str(made.failure)


@pytest.mark.parametrize("reader", [counted_lazily, asked_lazily])
def test_parts_of_other_columns_are_no_one_dataset_for_handles_either(folder: Path, reader: Any) -> None:
    pq.write_table(pa.table({"early": [1]}), folder / "data/2.parquet")
    with project_in(folder) as context:
        made = run(reading(reader), context)
    assert isinstance(made.failure and made.failure.__cause__, UnreadableData)


def test_what_is_compressed_as_a_whole_cannot_be_read_bit_by_bit(folder: Path) -> None:
    pd.DataFrame({"late": [1]}).to_csv(folder / "late.csv.gz")
    (folder / "interlock.toml").write_text('[data.flights]\nuri = "late.csv.gz"\n')
    with project_in(folder) as context:
        made = run(reading(counted_lazily), context)
    assert "late.csv.gz is compressed as a whole" in str(made.failure)


@step
def rows_of_all(flights: duckdb.DuckDBPyRelation) -> list[Any]:
    return [sorted(flights.columns), sorted(flights.project("late, kind").fetchall())]


@pytest.mark.parametrize("name", ["data/year=2013/b", "data/[odd]/b"])
def test_a_relation_has_the_rows_of_all_parts_and_no_columns_of_their_paths(folder: Path, name: str) -> None:
    pq.write_table(pa.table({"kind": ["a"], "late": pa.array([1], "int32")}), folder / "data/1.parquet")
    (folder / name).parent.mkdir()
    pq.write_table(pa.table({"late": [2**40], "kind": ["b"]}), folder / f"{name}.parquet")
    (folder / "interlock.toml").write_text('[data.flights]\nuri = "data/**/*.parquet"\n')
    with project_in(folder) as context:
        made = run(reading(rows_of_all), context)
        assert made.failure is None, made.failure
        assert made["rows_of_all"].value == [["kind", "late"], [(1, "a"), (2**40, "b")]]


BIG = """
import resource, sys
from pathlib import Path
import pyarrow as pa, pyarrow.dataset as ds, polars as pl, duckdb
from interlock.engine.context import open_context
from interlock.engine.run import run_graph
from interlock.graph.pipeline import Pipeline, data
from interlock.graph.step import step
from interlock.stack.home import find_project

@step
def lazily(rows: KIND) -> float:
    return WORK

def connect():
    return lazily(data("rows"))

def resident() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

before = resident()
with open_context(find_project(Path(sys.argv[1]))) as context:
    made = run_graph(Pipeline(connect, name="p").trace({}), context)
if made.failure:
    sys.exit(made.failure.user_traceback)
print(made["lazily"].value, resident() - before)
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a dataset of 320 MB in memory: ten million rows of four numbers in ten parts."""
    import numpy as np

    folder = tmp_path_factory.mktemp("big")
    rng = np.random.default_rng(1)
    for part in range(10):
        columns = {f"x{i}": rng.random(1_000_000) for i in range(3)} | {
            "part": np.full(1_000_000, float(part))
        }
        pq.write_table(
            pa.table(columns), folder / f"{part}.parquet", compression=None, row_group_size=100_000
        )
    (folder / "interlock.toml").write_text('[data.rows]\nuri = "*.parquet"\n')
    return folder


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("kind", "work"),
    [
        ("ds.Dataset", "sum(batch.num_rows * batch['part'][0].as_py() for batch in rows.to_batches(columns=['part'], batch_readahead=2, fragment_readahead=1))"),
        ("pl.LazyFrame", "rows.select(pl.col('part').sum()).collect(engine='streaming').item()"),
        ("duckdb.DuckDBPyRelation", "rows.aggregate('sum(part)').fetchall()[0][0]"),
    ],
    ids=["pyarrow", "polars", "duckdb"],
)  # fmt: skip
def test_a_dataset_is_summed_up_in_a_fraction_of_its_size(big: Path, kind: str, work: str) -> None:
    code = BIG.replace("KIND", kind).replace("WORK", work)
    done = subprocess.run(
        [sys.executable, "-c", code, str(big)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    total, memory = map(float, done.stdout.split())
    assert total == 45_000_000
    assert memory < 160_000_000


@pytest.mark.parametrize("text", ["flights@", "flights@one", "@3", "flights@-1"])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"NAME@NUMBER, as in flights@3"):
        parse_snapshot(text)


@pytest.mark.parametrize(
    ("words", "problem"), [(["flights"], "names no snapshot"), (["flights@1", "flights@2"], "comes twice")]
)
def test_a_choice_names_a_snapshot_once_for_each_dataset(words: list[str], problem: str) -> None:
    assert parse_choice(["flights@1", "weather@2"], check_content=False).at == {"flights": 1, "weather": 2}
    with pytest.raises(UsageError, match=problem):
        parse_choice(words, check_content=False)
