from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LinearRegression

from interlock.history.difference import difference

_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(_PLAIN)
def test_a_value_does_not_differ_from_an_equal_one(value: Any) -> None:
    assert difference(value, value).size == 0
    assert difference([value], [value]).size == 0


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_numbers_are_as_far_apart_as_the_larger_of_them_says(one: float, other: float) -> None:
    found = difference({"a": [one]}, {"a": [other]}).size
    assert found == pytest.approx(abs(one - other) / max(one, other))


@pytest.mark.parametrize(
    ("one", "other", "size", "where"),
    [
        (pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": [1.0, 2.5]}), 0.2, "value['x'][1]"),
        (pl.DataFrame({"x": [1.0, 2.0]}), pl.DataFrame({"x": [1.0, 2.5]}), 0.2, "value['x'][1]"),
        (pa.table({"x": [1.0, 2.0]}), pa.table({"x": [1.0, 2.5]}), 0.2, "value['x'][1]"),
        (pd.Series([4.0]), pd.Series([5.0]), 0.2, "value[0]"),
        (np.array([[0.0, np.nan]]), np.array([[0.0, np.nan]]), 0.0, ""),
        (np.array([[0.0, np.nan]]), np.array([[0.0, 1.0]]), math.inf, "value[0, 1]"),
        (np.array(["a", "b"]), np.array(["a", "c"]), math.inf, "value[1]"),
        (np.zeros(2), np.zeros(3), math.inf, "value"),
        (sparse.csr_matrix([[0.0, 4.0]]), sparse.csr_matrix([[0.0, 5.0]]), 0.2, "value.data[0]"),
        ({"a": 1}, {"b": 1}, math.inf, "value"),
        (1, 1.0, math.inf, "value"),
        ({1, 2}, {1, 3}, math.inf, "value"),
    ],
)
def test_the_largest_difference_is_found_with_its_place(
    one: Any, other: Any, size: float, where: str
) -> None:
    found = difference(one, other)
    assert (found.size, found.where) == (pytest.approx(size), where)


def test_large_integers_that_are_one_float_differ_all_the_same() -> None:
    assert 0 < difference(np.array([2**60]), np.array([2**60 + 1])).size < 1e-9


def test_the_state_of_a_model_is_looked_into() -> None:
    rows = np.array([[1.0], [2.0], [3.0]])
    one, other = (LinearRegression().fit(rows, rows[:, 0] * slope) for slope in (2.0, 2.5))
    found = difference(one, other)
    assert (found.size, found.where) == (pytest.approx(0.2), "value.coef_[0]")
