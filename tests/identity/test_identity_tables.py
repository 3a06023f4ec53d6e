from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.identity.digest import Undigestible, digest_value

SMALL = {"a": [1, None, 3], "s": ["x", None, ""]}


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (
            pd.DataFrame({"a": [1, 2], "s": ["x", None]}),
            "b8185fd9c18538be2f293de8d53b2e3470308fa4616629be9312426f16415fad",
        ),
        (
            pd.Series([1.5, None], name="y"),
            "12a5c852a254674337fd752fa2cea07879ea58e17ffb21992e7581673ad4d308",
        ),
        (pl.DataFrame(SMALL), "3f06ce4f9c7be75faa98c73cd6a3dbc1bf7550021fef4c4784831d5bdaef2d52"),
        (pa.table(SMALL), "b3b8f04497ed66a8b0f57f60dfce8d896e192fe773fa62603cac8fcc1aa33f3d"),
    ],
    ids=["pandas", "series", "polars", "arrow"],
)
def test_digests_stay_what_they_are(value: Any, digest: str) -> None:
    assert digest_value(value) == f"blake3:{digest}"


def test_the_library_is_part_of_the_value() -> None:
    makers: list[Any] = [pd.DataFrame, pl.DataFrame, pa.table, pa.RecordBatch.from_pydict, dict]
    assert len({digest_value(make({"a": [1, 2]})) for make in makers}) == 5


ROWS = 40
HOLES = [None if row % 7 == 3 else row for row in range(ROWS)]


def column(make: Any, kind: pa.DataType | None = None) -> pa.Array:
    return pa.array([None if row is None else make(row) for row in HOLES], kind)


COLUMNS: dict[str, pa.Array] = {
    "int": column(int),
    "float": column(float),
    "half": column(float, pa.float16()),
    "bool": column(lambda row: row % 3 == 0),
    "string": column(lambda row: "é" * (row % 4)),
    "large string": column(str, pa.large_string()),
    "string view": column(lambda row: f"a text of some length {row}", pa.string_view()),
    "binary": column(lambda row: b"x" * (row % 4)),
    "fixed binary": column(lambda row: bytes([row] * 3), pa.binary(3)),
    "decimal": column(Decimal, pa.decimal128(10, 2)),
    "timestamp": column(lambda row: dt.datetime(2020, 1, 1, row % 24, tzinfo=dt.UTC)),
    "duration": column(lambda row: dt.timedelta(row)),
    "time": column(lambda row: dt.time(row % 24)),
    "interval": column(lambda row: pa.MonthDayNano([row, 2, 3])),
    "dictionary": column(lambda row: "abc"[row % 3]).dictionary_encode(),
    "list": column(lambda row: list(range(row % 4))),
    "large list": column(lambda row: ["a", None] * (row % 3), pa.large_list(pa.string())),
    "list view": column(lambda row: [row] * (row % 3), pa.list_view(pa.int64())),
    "fixed list": column(lambda row: [row, None], pa.list_(pa.int64(), 2)),
    "map": column(lambda row: [(f"k{row}", row)], pa.map_(pa.string(), pa.int64())),
    "struct": column(lambda row: {"a": row, "b": {"c": str(row)}}),
    "list of structs": column(lambda row: [{"a": row}, None]),
    "uuid": column(lambda row: bytes([row] * 16), pa.uuid()),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([10, ROWS], pa.int32()), pa.array([1, 2])),
    "null": pa.nulls(ROWS),
}


@pytest.mark.parametrize("name", COLUMNS)
@given(data=st.data())
def test_chunks_and_slices_leave_no_trace(name: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, ROWS), min_size=2, max_size=4)))
    whole = COLUMNS[name].slice(cuts[0], cuts[-1] - cuts[0])
    pieces = [COLUMNS[name].slice(one, two - one) for one, two in pairwise(cuts)]
    assert digest_value(pa.chunked_array(pieces)) == digest_value(whole)


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "null"])
def test_another_slice_is_another_value(name: str) -> None:
    start = 8 if name != "runs" else 5
    assert digest_value(COLUMNS[name].slice(0, 8)) != digest_value(COLUMNS[name].slice(start, 8))


TEXTS = st.lists(st.none() | st.text(max_size=3), max_size=8)


@given(TEXTS, TEXTS)
def test_texts_are_equal_when_they_are(one: list[Any], two: list[Any]) -> None:
    arrays = [pa.array(texts, pa.string()) for texts in (one, two)]
    assert (digest_value(arrays[0]) == digest_value(arrays[1])) == (one == two)


def validity(*bits: int) -> Any:
    return pa.array(map(bool, bits)).buffers()[1]


def test_what_lies_under_a_null_is_no_content() -> None:
    holes = validity(1, 0, 1)
    numbers = pa.Array.from_buffers(pa.int64(), 3, [holes, pa.array([1, 99, 3]).buffers()[1]])
    texts = pa.Array.from_buffers(pa.string(), 3, [holes, *pa.array(["a", "zz", "b"]).buffers()[1:]])
    lists = pa.ListArray.from_arrays([0, 1, 3, 4], [1, 2, 3, 4], mask=pa.array([False, True, False]))
    assert digest_value(numbers) == digest_value(pa.array([1, None, 3]))
    assert digest_value(texts) == digest_value(pa.array(["a", None, "b"]))
    assert digest_value(lists) == digest_value(pa.array([[1], None, [4]]))


def test_a_bitmap_without_nulls_is_no_content() -> None:
    plain = pa.array([1, 2, 3])
    marked = pa.Array.from_buffers(pa.int64(), 3, [validity(1, 1, 1), plain.buffers()[1]])
    assert digest_value(marked) == digest_value(plain)


def test_dictionaries_of_their_own_in_each_chunk_are_no_content() -> None:
    one, two = pa.array(["b", "a"]).dictionary_encode(), pa.array(["a", "c"]).dictionary_encode()
    whole = pa.array(["b", "a", "a", "c"]).dictionary_encode()
    assert digest_value(pa.chunked_array([one, two])) == digest_value(whole)


def test_names_and_types_count_and_metadata_does_not() -> None:
    table = pa.table({"a": [1, 2]})
    assert digest_value(table.replace_schema_metadata({"pandas": "{}"})) == digest_value(table)
    others = [table.rename_columns(["b"]), table.cast(pa.schema([("a", pa.int32())])), table.slice(1)]
    assert len({digest_value(one) for one in [table, *others]}) == 4


DAYS = pd.date_range("2020", periods=3, tz="Europe/Berlin")
FRAME = pd.DataFrame(
    {
        "int": [1, 2, 3],
        "float": [1.5, np.nan, 2],
        "text": ["a", None, "c"],
        "day": DAYS,
        "naive": DAYS.tz_localize(None),
        "span": DAYS - DAYS[0],
        "period": DAYS.tz_localize(None).to_period("D"),
        "category": pd.Categorical(["a", "b", "a"]),
        "Int64": pd.array([1, None, 3], "Int64"),
        "Float64": pd.array([1, None, 3], "Float64"),
        "boolean": pd.array([True, None, False], "boolean"),
        "string": pd.array(["x", None, "y"], "string"),
        "arrow": pd.array([1, None, 3], "int32[pyarrow]"),
        "interval": pd.interval_range(0, 3),
        "sparse": pd.arrays.SparseArray([0, 0, 1]),
        "object": pd.Series([1, "x", None], dtype=object),
    }
)


def test_a_frame_put_together_from_rows_is_the_same() -> None:
    pieces = pd.concat([FRAME.iloc[:1], FRAME.iloc[1:]])
    assert digest_value(FRAME) == digest_value(FRAME.copy()) == digest_value(pieces)


@pytest.mark.parametrize("name", FRAME.columns)
def test_every_kind_of_column_is_seen(name: str) -> None:
    # The rows in another order, and numbered anew: only the values differ.
    moved = FRAME[name].iloc[[1, 2, 0]].reset_index(drop=True)
    assert digest_value(FRAME[name].copy()) == digest_value(FRAME[name]) != digest_value(moved)


@pytest.mark.parametrize("name", [name for name in FRAME.columns if name not in ("object", "sparse")])
def test_a_column_that_went_through_arrow_is_the_same(name: str) -> None:
    back = pa.Table.from_pandas(FRAME[[name]]).to_pandas()
    assert digest_value(back) == digest_value(FRAME[[name]])


def test_the_dtype_counts() -> None:
    dtypes = ["int64", "int32", "Int64", "float64", "object", "int64[pyarrow]", "str", "string", "category"]
    assert len({digest_value(pd.Series([1, 2], dtype=dtype)) for dtype in dtypes}) == len(dtypes)


def test_how_pandas_keeps_texts_is_no_content() -> None:
    kept = [pd.Series(["a", None, "ü"], dtype=pd.StringDtype(storage)) for storage in ("python", "pyarrow")]
    assert digest_value(kept[0]) == digest_value(kept[1])


def test_an_index_that_only_counts_rows_is_no_content() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]})
    counted = frame.set_axis(pd.Index([0, 1, 2]))
    assert digest_value(frame) == digest_value(counted)


def test_an_index_that_says_something_counts() -> None:
    frame = pd.DataFrame({"a": [1, 1, 1]})
    said: list[Any] = [
        [1, 2, 3],
        ["x", "y", "z"],
        [0, 1, 1],
        pd.RangeIndex(3, name="k"),
        pd.RangeIndex(0, 6, 2),
        DAYS,
    ]
    several = frame.set_axis(pd.MultiIndex.from_product([["u"], [0, 1, 2]], names=["p", "q"]))
    frames = [frame, several, *(frame.set_axis(index) for index in said)]
    assert len({digest_value(one) for one in frames}) == len(frames)


def test_columns_are_seen_by_label_and_order() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    others = [
        frame[["b", "a"]],
        frame.set_axis(["a", "a"], axis=1),
        frame.rename_axis("k", axis=1),
        frame[["a"]],
    ]
    assert len({digest_value(one) for one in [frame, *others]}) == 5


def test_rows_beside_each_other_in_memory_make_the_same_frame() -> None:
    values = np.random.default_rng(0).random((5000, 20))
    scattered = pd.DataFrame(values, copy=False)
    assert not scattered[3].to_numpy().flags.c_contiguous
    assert digest_value(scattered) == digest_value(pd.DataFrame({i: values[:, i].copy() for i in range(20)}))


def test_a_polars_frame_is_its_rows() -> None:
    frame = pl.DataFrame(
        {
            "c": pl.Series(["b"], dtype=pl.Categorical),
            "e": pl.Series(["a"], dtype=pl.Enum(["a", "b"])),
            "l": [[1]],
        }
    )
    longer = pl.concat([frame, frame], rechunk=False)
    assert digest_value(longer) == digest_value(longer.rechunk()) != digest_value(frame)


def test_a_polars_column_is_its_name_type_and_values() -> None:
    whole = pl.Series("a", [1, 2])
    others = [whole.cast(pl.Int32), whole.rename("b"), whole.reverse(), pl.Series("a", [1, None])]
    assert len({digest_value(one) for one in [whole, *others]}) == 5


def test_a_plan_without_rows_has_no_digest() -> None:
    with pytest.raises(Undigestible, match=r"call \.collect\(\) first"):
        digest_value(pl.DataFrame({"a": [1]}).lazy())


def test_a_stuck_value_is_named_with_its_column_and_row() -> None:
    frame = pd.DataFrame({"a": [1, 2], "o": pd.Series([1, threading.Lock()], dtype=object)})
    with pytest.raises(Undigestible) as caught:
        digest_value({"table": frame})
    assert caught.value.place == "value['table']['o'][1]"
