"""What polars, pyarrow, numpy and plain Python hold goes to JSON and back without losing a type or a bit."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import polars.testing
import pyarrow as pa
import pytest

from interlock.models.codec import Schema, Unservable, decode_rows, encode_rows, infer_schema


def there_and_back(value):
    """Send a value through its schema, itself sent through JSON, and through the bytes of a request."""
    schema = Schema.from_json(json.loads(json.dumps(infer_schema(value).to_json())))
    body = json.dumps(encode_rows(schema, value), allow_nan=False).encode()
    return decode_rows(schema, json.loads(body))


MOMENT = datetime(2013, 1, 31, 5, 0, 0, 123456)  # noqa: DTZ001 - naive columns hold naive times
POLARS = {
    "int": pl.Series("x", [1, -1], pl.Int8),
    "uint": pl.Series("x", [2**64 - 1, None], pl.UInt64),
    "float": pl.Series("x", [0.1, None], pl.Float64),
    "float32": pl.Series("x", [0.1, 3e38], pl.Float32),
    "float with nan": pl.Series("x", [0.1, float("nan")]),
    "bool": pl.Series("x", [True, None]),
    "text": pl.Series("x", ["a", None, "ü"]),
    "timestamp": pl.Series("x", [MOMENT, None], pl.Datetime("us")),
    "timestamp, tz": pl.Series("x", [MOMENT], pl.Datetime("ns", "America/New_York")),
    "date": pl.Series("x", [date(2013, 1, 31), None]),
    "duration": pl.Series("x", [timedelta(seconds=1), None], pl.Duration("ms")),
    "categorical": pl.Series("x", ["a", None], pl.Categorical()),
    "enum": pl.Series("x", ["a", None], pl.Enum(["b", "a"])),
}


@pytest.mark.parametrize("series", POLARS.values(), ids=POLARS.keys())
def test_a_frame_of_polars_comes_back(series):
    frame = pl.DataFrame([series, pl.Series("row", range(len(series)))])
    polars.testing.assert_frame_equal(there_and_back(frame), frame, check_exact=True)


@pytest.mark.parametrize("name", ["late", ""])
def test_a_series_of_polars_comes_back_with_its_name(name):
    series = pl.Series(name, [1.5, 2.5])
    polars.testing.assert_series_equal(there_and_back(series), series, check_exact=True)


def arrow(values, kind):
    return pa.array(values, type=kind)


ARROW = {
    "int": arrow([1, None], pa.int16()),
    "uint": arrow([2**64 - 1], pa.uint64()),
    "half": arrow([np.float16(0.1), None], pa.float16()),
    "float": arrow([0.1, None], pa.float32()),
    "float with nan": arrow([0.1, float("nan")], pa.float64()),
    "bool": arrow([True, None], pa.bool_()),
    "text": arrow(["a", None], pa.string()),
    "large text": arrow(["a", None], pa.large_string()),
    "text view": arrow(["a", None], pa.string_view()),
    "timestamp": arrow([MOMENT, None], pa.timestamp("us")),
    "timestamp, tz": arrow([MOMENT, None], pa.timestamp("ns", tz="Europe/Berlin")),
    "date": arrow([date(1969, 12, 31), None], pa.date32()),
    "duration": arrow([1, None], pa.duration("s")),
    "dictionary": arrow(["b", None, "a"], pa.string()).dictionary_encode(),
    "dictionary of times": arrow([MOMENT], pa.timestamp("s")).dictionary_encode(),
    "small dictionary": arrow(["b", "a"], pa.dictionary(pa.int8(), pa.large_string(), ordered=True)),
}


@pytest.mark.parametrize("array", ARROW.values(), ids=ARROW.keys())
def test_a_table_of_arrow_comes_back(array):
    table = pa.table({"x": array, "row": list(range(len(array)))})
    back = there_and_back(table)
    assert back.schema == table.schema
    assert [str(row) for row in back.to_pylist()] == [str(row) for row in table.to_pylist()]


def test_a_dictionary_in_chunks_has_one_dictionary():
    chunks = [arrow([text], pa.string()).dictionary_encode() for text in ("a", "b")]
    table = pa.table({"x": pa.chunked_array(chunks)})
    assert there_and_back(table).to_pylist() == [{"x": "a"}, {"x": "b"}]


ARRAYS = {
    "vector": np.array([0.1, np.nan, -0.0]),
    "integers": np.array([[1, 2], [3, 4]], dtype=np.uint16),
    "booleans": np.array([True, False]),
    "single precision": np.array([[0.1], [3e38]], dtype=np.float32),
    "half precision": np.array([0.1], dtype=np.float16),
    "texts": np.array(["a", "abc"]),
    "objects": np.array([["a", 1.5], [None, 2]], dtype=object),
    "times": np.array(["2013-01-01T05:00:00.123456789", "NaT"], dtype="M8[ns]"),
    "days": np.array(["2013-01-01", "NaT"], dtype="M8[D]"),
    "durations": np.array([1, "NaT"], dtype="m8[s]"),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
def test_an_array_comes_back(array):
    back = there_and_back(array)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array, strict=True)
    assert array.dtype.kind != "f" or np.array_equal(np.signbit(back), np.signbit(array))


LISTS = {
    "numbers": [1, 2.5, 3.0],
    "floats with null": [0.1, None],
    "texts": ["a", "b"],
    "objects": [{"x": 1, "y": "a"}, {"x": 2, "y": None}],
    "objects of unlike keys": [{"x": 1}, {"y": 2}],
    "nested": [{"x": [1, {"y": None}]}, {"x": []}],
    "mixed": [1, "a", None, [True]],
}


@pytest.mark.parametrize("rows", LISTS.values(), ids=LISTS.keys())
def test_a_list_comes_back(rows):
    back = there_and_back(rows)
    assert back == rows
    assert list(map(repr, back)) == list(map(repr, rows))


def test_objects_with_the_same_keys_are_a_table():
    schema = infer_schema([{"x": 1, "y": "a"}, {"y": None, "x": 2}])
    assert [(column.name, column.type, column.nullable) for column in schema.columns] == [
        ("x", "int", False),
        ("y", "string", True),
    ]


def test_a_float_that_was_sent_without_a_point_is_a_float():
    assert repr(decode_rows(infer_schema([1.5]), [3])) == "[3.0]"


UNSERVABLE = {
    "it is a int": 3,
    "it is a dict": {"x": [1]},
    "3 dimensions": np.zeros((1, 2, 3)),
    "it is one float64": np.float64(1),
    "0 dimensions": np.array(1.0),
    "its dtype is complex128": np.array([1j]),
    r"its dtype is datetime64\[M\]": np.array(["2013-01"], dtype="M8[M]"),
    "holds a tuple, which JSON does not have": [(1, 2)],
    "holds a object, which JSON does not have": [object()],
    "holds dates": [date(2013, 1, 1)],
    "both NaN and null": pl.DataFrame({"x": [float("nan"), None]}),
    "LazyFrame of polars": pl.LazyFrame({"x": [1]}),
    "no columns": pl.DataFrame(),
    "its type is List": pl.DataFrame({"x": [[1]]}),
    "its type is Decimal": pl.DataFrame({"x": [1]}).cast(pl.Decimal(10, 2)),
    "its type is Int128": pl.DataFrame({"x": [1]}).cast(pl.Int128),
    "its type is list": pa.table({"x": [[1]]}),
    "no names of their own": pa.table([[1], [2]], names=["x", "x"]),
    "Int64Array of pyarrow": pa.array([1]),
    "dictionary without values": pa.table({"x": pa.array([None], pa.string()).dictionary_encode()}),
}


@pytest.mark.parametrize(("problem", "value"), UNSERVABLE.items(), ids=UNSERVABLE.keys())
def test_what_cannot_be_rebuilt_is_refused(problem, value):
    with pytest.raises(Unservable, match=problem):
        infer_schema(value)


def test_an_unservable_column_is_named_with_a_way_out():
    with pytest.raises(Unservable) as caught:
        infer_schema(pa.table({"x": [1], "tags": [["a"]]}))
    assert str(caught.value) == (
        "This value cannot be rebuilt from a JSON request: its type is list<item: string>.\n"
        "  at column 'tags'\n"
        "  Let a step turn it into numbers, text or timestamps."
    )
