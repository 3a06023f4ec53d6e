from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from interlock.store.sources import unpack
from interlock.store.sources.faults import UnreadableData
from interlock.store.sources.tables import read_table

_LIBRARIES = ["pandas", "polars", "pyarrow"]


def _write(folder: Path, *texts: str, suffix: str = ".csv") -> list[Path]:
    paths = [folder / f"part-{n}{suffix}" for n in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode())
    return paths


def _rows(table: Any) -> list[dict[str, Any]]:
    """Return rows as dicts, missing values as None."""
    if isinstance(table, pd.DataFrame):
        table = table.astype(object).where(table.notna(), None)
        return table.to_dict("records")
    return table.to_dicts() if isinstance(table, pl.DataFrame) else table.to_pylist()


def _message(caught: pytest.ExceptionInfo[UnreadableData]) -> str:
    return caught.value.what


@pytest.mark.parametrize("library", _LIBRARIES)
def test_csv_parts_become_one_table(tmp_path: Path, library: str) -> None:
    paths = _write(tmp_path, "a,b\n1,x\n", "\ufeffb,a\ny,2\n")
    assert _rows(read_table(library, "csv", paths)) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


@pytest.mark.parametrize("library", _LIBRARIES)
def test_where_parts_disagree_the_column_is_text_as_it_stands_in_the_file(
    tmp_path: Path, library: str
) -> None:
    paths = _write(tmp_path, "id\n007\n", "id\nA7\n", "id\n1.50\n")
    assert [row["id"] for row in _rows(read_table(library, "csv", paths))] == ["007", "A7", "1.50"]


@pytest.mark.parametrize("library", _LIBRARIES)
def test_whole_numbers_join_fractions_and_empty_columns_join_anything(tmp_path: Path, library: str) -> None:
    paths = _write(tmp_path, "n,t,e\n1,,\n", "n,t,e\n1.5,x,\n", "n,t,e\n,,\n")
    table = read_table(library, "csv", paths)
    assert [row["n"] for row in _rows(table)] == [1.0, 1.5, None]
    assert [row["t"] or None for row in _rows(table)] == [None, "x", None]
    if isinstance(table, pd.DataFrame):
        assert table.dtypes.astype(str).tolist() == ["float64", "str", "float64"]


@pytest.mark.parametrize("library", _LIBRARIES)
def test_a_type_is_settled_by_all_rows_of_a_file(tmp_path: Path, library: str) -> None:
    paths = _write(tmp_path, "id\n" + "12345\n" * 400_000 + "A7\n")
    rows = _rows(read_table(library, "csv", paths))
    assert (rows[0], rows[-1]) == ({"id": "12345"}, {"id": "A7"})


@pytest.mark.parametrize("library", _LIBRARIES)
def test_tabs_separate_the_fields_of_tsv(tmp_path: Path, library: str) -> None:
    paths = _write(tmp_path, 'a\tb\n"1,5"\t2\n', suffix=".tsv")
    assert _rows(read_table(library, "csv", paths)) == [{"a": "1,5", "b": 2}]


def _zip(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.csv", data)


@pytest.mark.parametrize("library", _LIBRARIES)
@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip", ".csv.zst"])
def test_compressed_parts_are_decompressed(tmp_path: Path, library: str, suffix: str) -> None:
    path = tmp_path / f"part{suffix}"
    packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    if suffix.endswith("zip"):
        _zip(path, b"a\n1\n")
    elif suffix.endswith("zst"):
        path.write_bytes(pa.compress(b"a\n1\n", codec="zstd", asbytes=True))
    else:
        path.write_bytes(packers[suffix.rpartition(".")[2]](b"a\n1\n"))
    assert _rows(read_table(library, "csv", [path])) == [{"a": 1}]


def test_a_decompression_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "BOMB_BYTES", 1 << 20)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"1" * (64 << 20)))
    with pytest.raises(UnreadableData, match=r"bomb.csv.gz grows to more than 200 times its size"):
        read_table("pandas", "csv", [path])


def test_a_zip_holds_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.csv.zip", "w") as archive:
        archive.writestr("a.csv", "a\n")
        archive.writestr("b.csv", "a\n")
    with pytest.raises(UnreadableData, match=r"two.csv.zip holds 2 files; a compressed part holds one"):
        read_table("pandas", "csv", [tmp_path / "two.csv.zip"])


@pytest.mark.parametrize("library", _LIBRARIES)
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty: not even the names of columns are there."),
        ("a,b,a,b\n", "several columns are called 'a', 'b'."),
        ("a,b\n1,2,3\n", None),
        ("a,b\n1,2\n1,2,3\n", None),
    ],
)
def test_a_malformed_csv_is_told(tmp_path: Path, library: str, text: str, problem: str | None) -> None:
    with pytest.raises(UnreadableData) as caught:
        read_table(library, "csv", _write(tmp_path, text))
    assert _message(caught).startswith("part-0.csv cannot be read: ")
    assert problem is None or _message(caught).endswith(problem)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("Zürich\n".encode("latin-1"))
    with pytest.raises(UnreadableData, match=r"latin.csv cannot be read: UnicodeDecodeError"):
        read_table("pandas", "csv", [tmp_path / "latin.csv"])


@pytest.mark.parametrize("library", _LIBRARIES)
def test_a_header_alone_is_an_empty_table(tmp_path: Path, library: str) -> None:
    assert _rows(read_table(library, "csv", _write(tmp_path, "a,b\n"))) == []


@pytest.mark.parametrize("library", _LIBRARIES)
def test_parts_with_other_columns_are_told(tmp_path: Path, library: str) -> None:
    paths = _write(tmp_path, "a,b\n1,2\n", "a,c,d\n1,2,3\n")
    with pytest.raises(UnreadableData) as caught:
        read_table(library, "csv", paths)
    assert str(caught.value) == (
        "The columns of part-1.csv are not those of part-0.csv: it lacks 'b' and has 'c', 'd' more.\n"
        f"  at {paths[1]}\n  Give all parts of a dataset the same columns."
    )


@pytest.mark.parametrize("library", _LIBRARIES)
def test_json_lines_become_one_table(tmp_path: Path, library: str) -> None:
    texts = (
        '{"a": 1, "s": "007"}\n\n{"s": "x", "n": {"k": 2}}\n',
        '[{"a": 1.5, "s": "2013-01-01", "n": null}]',
    )
    rows = _rows(read_table(library, "json", _write(tmp_path, *texts, suffix=".jsonl")))
    assert [row["a"] for row in rows] == [1.0, None, 1.5]
    assert [row["s"] for row in rows] == ["007", "x", "2013-01-01"]
    assert rows[1]["n"] == {"k": 2}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1}\n{oops\n', "line 2 is no JSON: Expecting property name"),
        ("[1, 2]", "row 1 is no JSON object"),
        ('{"a": 1}\n[]\n', "row 2 is no JSON object"),
    ],
)
def test_malformed_json_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UnreadableData, match=f"part-0.jsonl cannot be read: {problem}"):
        read_table("pandas", "json", _write(tmp_path, text, suffix=".jsonl"))


_FRAME = pd.DataFrame({"a": [1, 2], "s": ["x", None], "c": pd.Categorical(["u", "v"])})


def _save(frame: pd.DataFrame, path: Path, form: str) -> Path:
    (frame.to_parquet if form == "parquet" else frame.to_feather)(path)
    return path


@pytest.mark.parametrize("library", _LIBRARIES)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_typed_parts_become_one_table(tmp_path: Path, library: str, form: str) -> None:
    second = _FRAME.assign(a=[0.5, None], s=None, c=pd.Categorical(["w", "u"]))
    (tmp_path / "year=2013").mkdir()
    paths = [
        _save(_FRAME, tmp_path / "year=2013" / "1", form),
        _save(second, tmp_path / "year=2013" / "2", form),
    ]
    table = read_table(library, form, paths)  # type: ignore[arg-type]
    assert [row["c"] for row in _rows(table)] == ["u", "v", "w", "u"]
    assert [row["a"] for row in _rows(table)] == [1.0, 2.0, 0.5, None]
    if isinstance(table, pd.DataFrame):
        assert table.dtypes.astype(str).tolist() == ["float64", "str", "category"]
        assert table.index.tolist() == [0, 1, 2, 3]


def test_a_meaningful_index_comes_back(tmp_path: Path) -> None:
    frame = read_table("pandas", "parquet", [_save(_FRAME.set_index("s"), tmp_path / "1", "parquet")])
    assert frame.index.name == "s"


@pytest.mark.parametrize("library", _LIBRARIES)
def test_typed_parts_that_disagree_are_told(tmp_path: Path, library: str) -> None:
    paths = [
        _save(_FRAME, tmp_path / "1.parquet", "parquet"),
        _save(_FRAME.assign(a=["q", "r"]), tmp_path / "2.parquet", "parquet"),
    ]
    with pytest.raises(UnreadableData) as caught:
        read_table(library, "parquet", paths)
    assert _message(caught) == "The column 'a' is text in 2.parquet and numbers in 1.parquet."


@pytest.mark.parametrize("library", _LIBRARIES)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_a_damaged_file_is_told(tmp_path: Path, library: str, form: str) -> None:
    path = _save(_FRAME, tmp_path / "damaged", form)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UnreadableData, match="damaged cannot be read"):
        read_table(library, form, [path])  # type: ignore[arg-type]


@pytest.mark.parametrize("library", _LIBRARIES)
def test_a_column_of_a_pickle_is_never_unpickled(tmp_path: Path, library: str) -> None:
    path = tmp_path / "hostile.parquet"
    path.write_bytes(b"cposix\nsystem\n(S'touch /tmp/canary'\ntR.")
    with pytest.raises(UnreadableData):
        read_table(library, "parquet", [path])
    assert pa.__version__


@pytest.mark.parametrize("library", _LIBRARIES)
@pytest.mark.parametrize("text", ["a,b\n0,2,9\n1,5,6\n", "a,b\n\n1,2,9\n3,4,5\n"])
def test_rows_longer_than_the_header_never_shift_into_other_columns(
    tmp_path: Path, library: str, text: str
) -> None:
    with pytest.raises(UnreadableData, match="its rows have 3 fields, and there are 2 columns"):
        read_table(library, "csv", _write(tmp_path, text))


def test_a_json_file_without_a_row_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="there is not one row"):
        read_table("pandas", "json", _write(tmp_path, "\n", suffix=".jsonl"))
