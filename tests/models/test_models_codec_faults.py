"""What is wrong with a request is said for each row and column, in words that help."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from interlock.models.codec import Fault, InvalidRequest, decode_rows, infer_schema
from interlock.models.codec.faults import Faults

FRAME = pd.DataFrame(
    {
        "hour": pd.Series([1, 2], dtype="int64"),
        "small": pd.Series([1, 2], dtype="int8"),
        "wind": [1.5, None],
        "single": pd.Series([1.5, 2.5], dtype="float32"),
        "rain": [True, False],
        "carrier": ["UA", "B6"],
        "origin": pd.Categorical(["EWR", "JFK"]),
        "at": np.array(["2013-01-01", "2013-01-02"], dtype="M8[ms]"),
        "seen": pd.to_datetime(["2013-01-01", "2013-01-02"]).tz_localize("America/New_York"),
        "tags": pd.Series([["a"], {}], dtype=object),
        "taken": pd.to_timedelta([1, 2], unit="s").astype("m8[s]"),
    }
)
SCHEMA = infer_schema(FRAME)
ROW = {
    "hour": 5,
    "small": 1,
    "wind": 2.5,
    "single": 1,
    "rain": True,
    "carrier": "XX",
    "origin": "EWR",
    "at": "2013-01-31T06:05:00",
    "seen": "2013-01-31T06:05:00-05:00",
    "tags": ["b"],
    "taken": 3,
}


def faults_of(rows, schema=SCHEMA):
    """Return the faults of rows that must have some."""
    with pytest.raises(InvalidRequest) as caught:
        decode_rows(schema, rows)
    return caught.value


ACCEPTED = {
    "an integer with a point": ("hour", 3.0, 3),
    "a float without a point": ("wind", 3, 3.0),
    "a text that was never seen": ("carrier", "ZZ", "ZZ"),
    "a date for a timestamp": ("at", "2013-01-31", pd.Timestamp("2013-01-31")),
    "a blank for the T": ("at", "2013-01-31 06:05", pd.Timestamp("2013-01-31 06:05")),
    "zeros beyond the unit": ("at", "2013-01-31T00:00:00.001000", pd.Timestamp("2013-01-31 00:00:00.001")),
    "another offset": (
        "seen",
        "2013-01-31T11:05:00Z",
        pd.Timestamp("2013-01-31T06:05", tz="America/New_York"),
    ),
    "no wind": ("wind", None, None),
}


@pytest.mark.parametrize(("column", "value", "expected"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_means_the_same_is_accepted(column, value, expected):
    found = decode_rows(SCHEMA, [{**ROW, column: value}])
    assert found[column].dtype == FRAME[column].dtype
    assert found[column][0] == expected or (expected is None and pd.isna(found[column][0]))


REFUSED = [
    ("hour", "7", '"7" is a string, not an integer'),
    ("hour", True, "true is a boolean, not an integer"),
    ("hour", 3.5, "3.5 is not an integer"),
    ("hour", None, "null is not allowed here: the recorded rows have none"),
    ("hour", [1], "[1] is an array, not an integer"),
    ("hour", float("nan"), "NaN is not a finite number"),
    (
        "hour",
        2**63,
        f"{2**63} is outside of the range of int64 (-9223372036854775808 to 9223372036854775807)",
    ),
    ("hour", 1e300, "1e+300 is outside of the range of int64 (-9223372036854775808 to 9223372036854775807)"),
    (
        "hour",
        float(2**62),
        "4.611686018427388e+18 is too large to be exact: send the digits alone, within 64 bits",
    ),
    ("small", 128, "128 is outside of the range of int8 (-128 to 127)"),
    ("wind", "NaN", '"NaN" is a string, not a number; a missing number is null'),
    ("wind", "strong", '"strong" is a string, not a number'),
    ("wind", float("nan"), "NaN is not a finite number"),
    ("wind", json.loads("1e999"), "Infinity is not a finite number"),
    ("wind", -float("inf"), "-Infinity is not a finite number"),
    ("wind", False, "false is a boolean, not a number"),
    ("single", 1e39, "1e+39 is outside of the range of float32"),
    ("single", None, "null is not allowed here: the recorded rows have none"),
    ("rain", 1, "1 is an integer, not true or false"),
    ("rain", "yes", '"yes" is a string, not true or false'),
    ("carrier", 5, "5 is an integer, not a string"),
    ("carrier", "\ud800", r'"\ud800" is not valid text: it has half of a surrogate pair'),
    ("origin", "JFX", "\"JFX\" is none of the 2 categories (did you mean 'JFK'?)"),
    ("origin", "?", '"?" is none of the 2 categories (known: EWR, JFK)'),
    ("origin", 3, "3 is an integer, not a string"),
    ("at", "now", '"now" is not an ISO 8601 timestamp such as 2013-01-31T06:05:00'),
    ("at", 1359612300, "1359612300 is an integer, not an ISO 8601 timestamp in a string"),
    ("at", "2013-02-29", '"2013-02-29" is not a time of the calendar (day is out of range for month)'),
    ("at", "2013-01-31T06:05:00Z", '"2013-01-31T06:05:00Z" has a UTC offset; this column has none'),
    (
        "at",
        "2013-01-31T06:05:00.0001",
        '"2013-01-31T06:05:00.0001" is finer than milliseconds, the unit of this column',
    ),
    ("seen", "2013-01-31T06:05:00", '"2013-01-31T06:05:00" has no UTC offset such as Z or -05:00'),
    ("seen", "2013-01-31T06:05:00+25:00", '"2013-01-31T06:05:00+25:00" has a UTC offset that does not exist'),
    ("seen", "soon", '"soon" is not an ISO 8601 timestamp such as 2013-01-31T06:05:00Z'),
    ("tags", [float("nan")], "NaN is not a finite number"),
    ("tags", json.loads("[" * 300 + "]" * 300), "it is nested more than 200 deep"),
    ("taken", "1h", '"1h" is a string, not an integer'),
    (
        "taken",
        -(2**63),
        f"{-(2**63)} is outside of the range of int64 (-9223372036854775807 to 9223372036854775807)",
    ),
]


@pytest.mark.parametrize(
    ("column", "value", "problem"), REFUSED, ids=[f"{c}={p[:24]}" for c, _, p in REFUSED]
)
def test_a_value_that_does_not_fit_is_named(column, value, problem):
    rows = [ROW, {**ROW, column: value}, ROW]
    assert faults_of(rows).faults == (Fault(1, column, problem),)


def test_one_fault_is_one_sentence():
    assert str(faults_of([{**ROW, "hour": 3.5}])) == (
        "The request does not fit the model: row 0, column 'hour': 3.5 is not an integer."
    )


def test_several_faults_are_listed_in_the_order_of_the_rows():
    error = faults_of([{**ROW, "carrier": 1}, {**ROW, "hour": "a", "rain": 0}])
    assert str(error) == (
        "The request does not fit the model, 3 faults:\n"
        "  row 0, column 'carrier': 1 is an integer, not a string\n"
        "  row 1, column 'hour': \"a\" is a string, not an integer\n"
        "  row 1, column 'rain': 0 is an integer, not true or false"
    )


def test_faults_without_end_are_counted_and_cut():
    error = faults_of([{**ROW, "hour": "a", "wind": "b"}] * 1000)
    assert (len(error.faults), error.total) == (20, 2000)
    assert [fault.row for fault in error.faults[:4]] == [0, 0, 1, 1]
    assert str(error).endswith("  and 1980 more")


def test_words_are_sought_only_for_faults_that_are_kept():
    faults, sought = Faults(), []
    for row in range(100):
        faults.add(row, "origin", lambda row=row: sought.append(row) or "unknown")
    assert (faults.total, sought) == (100, list(range(20)))


def test_columns_that_differ_from_row_to_row_are_counted_and_the_first_are_named():
    error = faults_of([{**ROW, f"x{row}": 1} for row in range(20_000)])
    assert error.total == 20_000
    assert [(fault.row, fault.problem[:26]) for fault in error.faults[:2]] == [
        (0, "there is no column 'x0' in"),
        (1, "there is no column 'x1' in"),
    ]


@pytest.mark.parametrize("value", [float(2**64), 1e22, -1e300])
def test_an_integer_beyond_64_bits_is_refused_where_the_model_takes_any(value):
    schema = infer_schema([{"id": 1}, {"id": 2}])
    assert "too large to be exact" in str(faults_of([{"id": value}], schema))


def test_a_text_whose_end_numpy_would_drop_is_refused():
    schema = infer_schema(np.array(["UA", "B6"]))
    assert faults_of(["UA", "B6\0"], schema).faults == (
        Fault(1, "given", '"B6\\u0000" ends in NUL, which an array of numpy does not keep'),
    )


def without(*names):
    return {name: value for name, value in ROW.items() if name not in names}


ROWS = {
    "no list": ({"rows": []}, "the rows are an object, not an array of rows"),
    "null": (None, "the rows are null, not an array of rows"),
    "no rows": ([], "the batch is empty: send at least one row"),
    "a missing column": ([without("hour")], "row 0: the column 'hour' is missing"),
    "missing in all rows": ([without("hour")] * 3, "the column 'hour' is missing in all rows"),
    "missing in some rows": ([ROW, without("hour")], "row 1: the column 'hour' is missing in 1 of 2 rows"),
    "an unknown column": (
        [{**ROW, "x": 1}],
        f"row 0: there is no column 'x' in this model (known: {', '.join(sorted(ROW))})",
    ),
    "a row that is a list": (
        [ROW, [1]],
        "row 1: this row is an array, not an object with the columns as members",
    ),
    "a row that is null": ([None, ROW], "row 0: this row is null, not an object with the columns as members"),
}


@pytest.mark.parametrize(("rows", "problem"), ROWS.values(), ids=ROWS.keys())
def test_rows_of_the_wrong_form_are_named(rows, problem):
    error = faults_of(rows)
    assert [str(fault) for fault in error.faults] == [problem]


def test_a_misspelt_column_is_offered_the_one_that_is_missing():
    error = faults_of([{**without("carrier"), "carier": "UA"}])
    assert [str(fault) for fault in error.faults] == [
        "row 0: the column 'carrier' is missing",
        "row 0: there is no column 'carier' in this model (did you mean 'carrier'?)",
    ]


def test_values_are_checked_even_when_a_column_is_missing():
    error = faults_of([{**without("hour"), "wind": "x"}, ROW])
    assert [(fault.row, fault.column) for fault in error.faults] == [(0, None), (0, "wind")]


def test_rows_of_a_matrix_have_its_width_and_name_the_place():
    schema = infer_schema(np.zeros((2, 3)))
    assert str(faults_of([[1, 2, 3], [1, 2]], schema).faults[0]) == "row 1: this row has 2 values, not 3"
    assert (
        str(faults_of([{"x": 1}], schema).faults[0])
        == "row 0: this row is an object, not an array of 3 values"
    )
    assert str(faults_of([[1, 2, 3], [1, "x", 3]], schema).faults[0]) == (
        "row 1, column '1': \"x\" is a string, not a number"
    )


def test_a_category_of_numbers_is_no_boolean():
    schema = infer_schema(pd.Series([1, 2], dtype="category"))
    assert decode_rows(schema, [2.0]).tolist() == [2]
    assert str(faults_of([True], schema).faults[0]).endswith("true is a boolean, not an integer")
    assert str(faults_of([3], schema).faults[0]).endswith("3 is none of the 2 categories (known: 1, 2)")


def test_long_values_are_cut_in_the_message():
    assert len(faults_of([{**ROW, "hour": "x" * 100_000}]).faults[0].problem) < 80


def test_faults_go_to_json():
    assert faults_of([{**ROW, "hour": None}]).faults[0].to_json() == {
        "row": 0,
        "column": "hour",
        "problem": "null is not allowed here: the recorded rows have none",
    }
