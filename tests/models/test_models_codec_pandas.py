"""What pandas holds goes to JSON and back without losing a dtype or a bit."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from interlock.models.codec import Schema, Unservable, decode_rows, encode_rows, infer_schema


def there_and_back(value):
    """Send a value through its schema, itself sent through JSON, and through the bytes of a request."""
    schema = Schema.from_json(json.loads(json.dumps(infer_schema(value).to_json())))
    body = json.dumps(encode_rows(schema, value), allow_nan=False).encode()
    return decode_rows(schema, json.loads(body))


def times(*texts, unit="us", tz=None):
    return pd.Series(np.array(texts, dtype=f"M8[{unit}]")).dt.tz_localize(tz)


COLUMNS = {
    "int64": pd.Series([1, -(2**63), 2**63 - 1]),
    "uint64": pd.Series([0, 2**64 - 1], dtype="uint64"),
    "int8": pd.Series([-128, 127], dtype="int8"),
    "float64": pd.Series([0.1, 1e-308, -0.0, 5e-324]),
    "float32": pd.Series([0.1, 3.4e38, 1e-45], dtype="float32"),
    "float with null": pd.Series([1.5, np.nan]),
    "bool": pd.Series([True, False]),
    "str": pd.Series(["a", None, "", "ü\x00€"], dtype="str"),
    "str, python": pd.Series(["a", None], dtype=pd.StringDtype("python", na_value=np.nan)),
    "string": pd.Series(["a", None], dtype="string"),
    "string, python": pd.Series(["a", None], dtype=pd.StringDtype("python")),
    "object of text": pd.Series(["a", None, "b"], dtype=object),
    "object of text and nan": pd.Series(["a", np.nan], dtype=object),
    "object of text and NA": pd.Series(["a", pd.NA], dtype=object),
    "object of bool": pd.Series([True, None], dtype=object),
    "object of int": pd.Series([2**64 - 1, 1], dtype=object),
    "object of numbers": pd.Series([1, 1.0, 2.5], dtype=object),
    "object of dates": pd.Series([date(2013, 1, 31), None], dtype=object),
    "object of lists": pd.Series([[1, "a"], {"b": [None]}, None], dtype=object),
    "Int64": pd.Series([1, None], dtype="Int64"),
    "UInt8": pd.Series([255, None], dtype="UInt8"),
    "Float32": pd.Series([0.1, None], dtype="Float32"),
    "Float64": pd.Series([0.1, 2], dtype="Float64"),
    "boolean": pd.Series([True, None], dtype="boolean"),
    "category": pd.Series(["x", None, "y"], dtype=pd.CategoricalDtype(["z", "y", "x"])),
    "category of objects": pd.Series(["x"], dtype=pd.CategoricalDtype(pd.Index(["x", "y"], dtype=object))),
    "ordered category of int": pd.Series([2, 1], dtype=pd.CategoricalDtype([3, 2, 1], ordered=True)),
    "category of times": times("2013-01-01", "2014-01-01").astype("category"),
    "category of bool": pd.Series([True, False], dtype="category"),
    "timestamp": times("2013-01-01T05:00:00.123456", None),
    "timestamp, s": times("0001-01-01", "9999-12-31", unit="s"),
    "timestamp, ns": times("2013-01-01T05:00:00.123456789", unit="ns"),
    "timestamp, tz": times("2013-03-10T01:59:59.5", None, tz="America/New_York"),
    "timestamp, fixed offset": times("2013-03-10T01:59:59.5", tz="UTC+02:00"),
    "timestamp, UTC": times("2013-03-10T01:59:59.5", unit="ms", tz="UTC"),
    "timedelta": pd.Series(pd.to_timedelta([1, None, -5], unit="ms")),
    "arrow int": pd.Series([1, None], dtype="int64[pyarrow]"),
    "arrow float": pd.Series([0.1, None], dtype="float[pyarrow]"),
    "arrow text": pd.Series(["a", None], dtype=pd.ArrowDtype(__import__("pyarrow").large_string())),
    "arrow timestamp": times("2013-03-10", None, tz="UTC").astype("timestamp[us, UTC][pyarrow]"),
    "arrow date": pd.Series([date(2013, 1, 31), None], dtype="date32[day][pyarrow]"),
}


@pytest.mark.parametrize("series", COLUMNS.values(), ids=COLUMNS.keys())
def test_a_frame_comes_back_with_the_same_dtype_and_bits(series):
    frame = pd.DataFrame({"first": series, "second": range(len(series))})
    pd.testing.assert_frame_equal(there_and_back(frame), frame, check_exact=True)


@pytest.mark.parametrize("series", COLUMNS.values(), ids=COLUMNS.keys())
def test_a_series_comes_back_with_its_name(series):
    named = series.rename("late")
    pd.testing.assert_series_equal(there_and_back(named), named, check_exact=True)


@pytest.mark.parametrize("series", COLUMNS.values(), ids=COLUMNS.keys())
def test_one_row_alone_has_the_same_dtype(series):
    schema = infer_schema(series)
    one = decode_rows(schema, encode_rows(schema, series.iloc[:1]))
    pd.testing.assert_series_equal(one, series.iloc[:1], check_exact=True)


def test_negative_zero_stays_negative():
    assert np.signbit(there_and_back(pd.DataFrame({"x": [-0.0]}))["x"][0])


def test_an_unnamed_series_stays_unnamed_and_its_rows_are_values():
    series = pd.Series([1.5, 2.5])
    assert encode_rows(infer_schema(series), series) == [1.5, 2.5]
    assert there_and_back(series).name is None


def test_the_index_left_by_a_split_is_not_sent():
    frame = pd.DataFrame({"x": [1, 2, 3]}).iloc[[2, 0]]
    pd.testing.assert_frame_equal(there_and_back(frame), frame.reset_index(drop=True))


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([7, 9], name="flight"),
        pd.Index(["a", "b"]),
        pd.DatetimeIndex(["2013-01-01", "2013-01-02"], name="day"),
        pd.MultiIndex.from_arrays([["a", "b"], [1, 2]], names=["x", None]),
    ],
)
def test_an_index_that_says_something_is_data(index):
    frame = pd.DataFrame({"value": [1.5, 2.5]}, index=index)
    pd.testing.assert_frame_equal(there_and_back(frame), frame)
    pd.testing.assert_series_equal(there_and_back(frame["value"]), frame["value"])


def test_integer_labels_come_back_as_integers():
    frame = pd.DataFrame(np.arange(6.0).reshape(2, 3))
    assert list(there_and_back(frame).columns) == [0, 1, 2]


def test_columns_keep_their_recorded_order_whatever_order_a_row_has():
    schema = infer_schema(pd.DataFrame({"b": [1], "a": ["x"]}))
    assert list(decode_rows(schema, [{"a": "y", "b": 2}]).columns) == ["b", "a"]


UNSERVABLE = {
    "several columns 'x'": pd.DataFrame([[1, 2]], columns=["x", "x"]),
    "several columns '1'": pd.DataFrame([[1, 2]], columns=["1", 1]),
    "several levels": pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
    "no columns": pd.DataFrame(index=[0, 1]),
    "neither a text nor an integer": pd.DataFrame({1.5: [1]}),
    "a column without a name": pd.DataFrame({None: [1]}),
    "complex128": pd.DataFrame({"x": [1j]}),
    "Sparse": pd.DataFrame({"x": pd.arrays.SparseArray([0, 1])}),
    "period": pd.DataFrame({"x": pd.period_range("2013", periods=1, freq="M")}),
    "a ndarray, which JSON does not have": pd.DataFrame({"x": [np.zeros(2)]}),
    "no categories": pd.DataFrame({"x": pd.Categorical([None])}),
    "DatetimeIndex of pandas": pd.DatetimeIndex(["2013-01-01"]),
}


@pytest.mark.parametrize(("problem", "value"), UNSERVABLE.items(), ids=UNSERVABLE.keys())
def test_what_cannot_be_rebuilt_is_refused_when_the_schema_is_made(problem, value):
    with pytest.raises(Unservable, match=problem):
        infer_schema(value)
