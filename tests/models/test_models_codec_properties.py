"""Whatever a table holds, the codec brings it back; whatever a request holds, the two ways to read it agree."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.models.codec import (
    InvalidRequest,
    decode_rows,
    decode_tensors,
    encode_rows,
    encode_tensors,
    infer_schema,
)
from interlock.models.codec.cells import read_cells
from interlock.models.codec.faults import Faults
from interlock.models.codec.schema import Column
from interlock.models.codec.times import parse_timestamp, texts
from interlock.models.codec.values import BadValue, read_value

texts_of_json = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
floats = st.floats(allow_nan=False, allow_infinity=False)
moments = st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1))  # noqa: DTZ001 - naive columns hold naive times


def column(values, dtype):
    return st.lists(values, min_size=3, max_size=3).map(lambda held: pd.Series(held, dtype=dtype))


columns = st.one_of(
    column(st.integers(-(2**63), 2**63 - 1), "int64"),
    column(st.integers(0, 255), "uint8"),
    column(floats, "float64"),
    column(st.none() | floats, "float64"),
    column(st.floats(width=32, allow_nan=False, allow_infinity=False), "float32"),
    column(st.none() | st.integers(-(2**63), 2**63 - 1), "Int64"),
    column(st.booleans(), "bool"),
    column(st.none() | st.booleans(), "boolean"),
    column(st.none() | texts_of_json, "str"),
    column(st.none() | texts_of_json, "string"),
    column(st.none() | st.sampled_from(["a", "b"]), pd.CategoricalDtype(["b", "a", "c"])),
    column(st.none() | moments, "datetime64[us]"),
    column(st.integers(-(2**62), 2**62), "datetime64[ns]"),
    column(moments, "datetime64[us]").map(
        lambda held: held.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    ),
)
frames = st.dictionaries(texts_of_json, columns, min_size=1, max_size=4).map(pd.DataFrame)


@settings(max_examples=60, deadline=None)
@given(frame=frames)
def test_every_frame_comes_back_through_rows_and_tensors(frame):
    schema = infer_schema(frame)
    rows = json.loads(json.dumps(encode_rows(schema, frame), allow_nan=False))
    tensors = json.loads(json.dumps(encode_tensors(schema, frame), allow_nan=False))
    pd.testing.assert_frame_equal(decode_rows(schema, rows), frame, check_exact=True)
    pd.testing.assert_frame_equal(decode_tensors(schema, tensors), frame, check_exact=True)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["a", "2013-01-01"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts_of_json, inner, max_size=2),
    max_leaves=3,
)
COLUMNS = [
    Column("x", "int", "int64", number="int64"),
    Column("x", "int", "uint8", number="uint8", nullable=True),
    Column("x", "int", ""),
    Column("x", "float", "float64", number="float64"),
    Column("x", "float", "float32", number="float32", nullable=True),
    Column("x", "float", ""),
    Column("x", "number", "", nullable=True),
    Column("x", "bool", "bool", number="bool"),
    Column("x", "string", "str"),
    Column("x", "timestamp", "datetime64[ns]", number="int64", unit="ns"),
    Column("x", "date", "date32[day]", number="int64", nullable=True),
    Column("x", "duration", "timedelta64[s]", number="int64", unit="s"),
    Column("x", "category", "category", categories=("a", "b"), of=Column("x", "string", "str")),
    Column("x", "json", "object", nullable=True),
]


def one_by_one(column, values):
    """Return the values read one at a time, or None when one does not fit."""
    try:
        return [read_value(column, value) for value in values]
    except BadValue:
        return None


@settings(max_examples=200, deadline=None)
@given(column=st.sampled_from(COLUMNS), values=st.lists(anything, min_size=1, max_size=3))
def test_a_column_is_accepted_exactly_when_each_of_its_values_is(column, values):
    faults = Faults()
    cells = read_cells(column, values, faults)
    expected = one_by_one(column, values)
    assert (cells is None) == (expected is None) == bool(faults.total)
    if cells is not None and isinstance(cells.values, np.ndarray) and cells.mask is None:
        wanted = [-1 if value is None else value for value in expected]
        np.testing.assert_array_equal(cells.values, np.array(wanted, dtype=cells.values.dtype))


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), anything), max_size=3) | anything)
def test_no_request_is_a_surprise(rows):
    schema = infer_schema(pd.DataFrame({"x": [1, 2], "y": ["a", None]}))
    with contextlib.suppress(InvalidRequest):
        found = decode_rows(schema, rows)
        assert found.dtypes.astype(str).tolist() == ["int64", "str"]
        assert len(found) == len(rows)


@given(seconds=st.integers(-62135596800, 253402300799), nanos=st.integers(0, 10**9 - 1))
def test_every_timestamp_is_read_as_it_was_written(seconds, nanos):
    for unit, per_second in [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]:
        count = seconds * per_second + nanos * per_second // 10**9
        if abs(count) < 2**63:
            (text,) = texts(np.array([count]), unit, aware=True)
            assert parse_timestamp(text, unit, aware=True) == count


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_timestamps_of_python_are_read(moment):
    count = parse_timestamp(moment.isoformat(), "us", aware=True)
    assert math.isclose(count / 1e6, moment.timestamp(), rel_tol=0, abs_tol=1e-4)
