"""Answers go out row by row, or it is said why they cannot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from interlock.models.codec import (
    BadAnswer,
    NotEncodable,
    OtherShape,
    Schema,
    answer_schema,
    concat_rows,
    encode_answer,
    encode_rows,
    infer_schema,
    row_count,
    take_rows,
)

ANSWERS = {
    "a vector": (np.array([0.1, 0.9], dtype=np.float64), [0.1, 0.9]),
    "labels": (np.array(["late", "on time"]), ["late", "on time"]),
    "a matrix": (np.array([[0.1, 0.9], [0.5, 0.5]]), [[0.1, 0.9], [0.5, 0.5]]),
    "a series": (pd.Series([1, 2], index=[7, 3], name="late"), [1, 2]),
    "a frame": (pd.DataFrame({"late": [True, False]}), [{"late": True}, {"late": False}]),
    "a nullable series": (pd.Series([1, None], dtype="Int64"), [1, None]),
    "a list": (["a", {"b": 1}], ["a", {"b": 1}]),
    "polars": (pl.Series("late", [1, None]), [1, None]),
}


@pytest.mark.parametrize(("answer", "rows"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_encoded_row_by_row(answer, rows):
    schema = Schema.from_json(answer_schema(answer).to_json())
    assert encode_answer(schema, answer, rows=2) == rows


REFUSED = {
    "nan": (np.array([0.5, np.nan]), "row 1, nan has no form in JSON"),
    "infinity": (np.array([-np.inf, 0.5]), "row 0, -inf has no form in JSON"),
    "in a matrix": (np.array([[0.5, 0.5], [np.nan, 0.5]]), "row 1, column '0', nan has no form in JSON"),
    "in a frame": (pd.DataFrame({"x": [0.5, np.nan]}), "row 1, column 'x', nan has no form in JSON"),
    "in a list": ([0.5, float("nan")], "row 1, NaN is not a finite number"),
    "in polars": (pl.Series([0.5, float("nan")]), "row 1, nan has no form in JSON"),
}


@pytest.mark.parametrize(("answer", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_an_answer_without_a_form_in_json_names_its_row(answer, problem):
    with pytest.raises(BadAnswer) as caught:
        encode_answer(answer_schema(answer), answer)
    assert str(caught.value) == f"The model's answer cannot be sent: {problem}."


DEEP: list = []
DEEP.append(DEEP)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [(2**64, "18446744073709551616 is outside of the range of 64-bit integers")]
    + [(DEEP, "it is nested more than 200 deep")],
    ids=["an integer beyond 64 bits", "a list that holds itself"],
)
def test_an_answer_that_no_writer_of_json_ends_is_refused(answer, problem):
    with pytest.raises(BadAnswer, match=problem):
        encode_answer(answer_schema(["a"]), [answer])


def test_an_answer_of_values_may_have_rows_that_look_like_those_of_a_table():
    schema = answer_schema([{"label": "late"}, {"label": "late", "why": ["snow"]}])
    assert encode_answer(schema, [{"label": "late"}]) == [{"label": "late"}]


OTHER = {
    "one number for a vector": (np.zeros(3), np.float64(1), "it is one float64, not an array of rows"),
    "no dimension": (np.zeros(3), np.array(1.0), "it is an array of 0 dimensions"),
    "a vector for a matrix": (np.zeros((2, 2)), np.zeros(2), "shape column instead of matrix"),
    "another width": (np.zeros((2, 2)), np.zeros((2, 3)), "width 3 instead of 2"),
    "another library": (np.zeros(2), pd.Series([0.0, 0.0]), "library pandas instead of numpy"),
    "other columns": (
        pd.DataFrame({"x": [1], "y": [1]}),
        pd.DataFrame({"x": [1]}),
        "columns x instead of x, y",
    ),
    "a tuple": (np.zeros(2), (0.0, 1.0), "it is a tuple"),
}


@pytest.mark.parametrize(("recorded", "answer", "problem"), OTHER.values(), ids=OTHER.keys())
def test_an_answer_that_looks_otherwise_than_the_recorded_one_is_refused(recorded, answer, problem):
    with pytest.raises(BadAnswer) as caught:
        encode_answer(answer_schema(recorded), answer)
    assert problem in str(caught.value)


def test_an_answer_has_as_many_rows_as_the_request():
    with pytest.raises(BadAnswer, match="it has 3 rows, the request has 1"):
        encode_answer(answer_schema(np.zeros(3)), np.zeros(3), rows=1)


def test_infinity_in_given_names_its_row_and_column():
    frame = pd.DataFrame({"x": [1.0, np.inf]})
    with pytest.raises(NotEncodable, match="Row 1, column 'x': inf has no form in JSON"):
        encode_rows(infer_schema(frame), frame)


def test_given_of_another_shape_is_refused():
    with pytest.raises(OtherShape) as caught:
        encode_rows(infer_schema(pd.DataFrame({"x": [1]})), pd.DataFrame({"y": [1]}))
    assert str(caught.value) == "The value does not look like the recorded one: columns y instead of x."


VALUES = {
    "a frame": pd.DataFrame({"x": [1, 2, 3]}),
    "a series": pd.Series(["a", "b", "c"], dtype="category"),
    "a matrix": np.arange(6).reshape(3, 2),
    "a list": [1, "b", None],
    "polars": pl.DataFrame({"x": [1, 2, 3]}),
    "arrow": pl.DataFrame({"x": [1, 2, 3]}).to_arrow(),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_rows_are_counted_taken_and_joined(value):
    schema = infer_schema(value)
    rows = encode_rows(schema, value)
    assert row_count(value) == 3
    assert encode_rows(schema, take_rows(value, [2, 0])) == [rows[2], rows[0]]
    assert encode_rows(schema, take_rows(value, slice(1, None))) == rows[1:]
    assert encode_rows(schema, take_rows(value, np.array([1]))) == [rows[1]]
    joined = concat_rows([take_rows(value, slice(0, 2)), take_rows(value, slice(2, 3))])
    assert type(joined) is type(value)
    assert encode_rows(schema, joined) == rows


def test_joined_frames_are_counted_anew_but_keep_an_index_that_says_something():
    plain, named = pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [1]}, index=pd.Index(["a"], name="id"))
    assert concat_rows([plain, plain]).index.tolist() == [0, 1]
    assert concat_rows([named, named]).index.tolist() == ["a", "a"]
    assert concat_rows([plain]) is plain
    with pytest.raises(ValueError, match="no value to join"):
        concat_rows([])
