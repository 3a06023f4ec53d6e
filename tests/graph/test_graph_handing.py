"""What a step is given may be written into, and nobody else sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from interlock.graph.handing import handed_over, is_guarded, own_copy, set_aside


class Pair(NamedTuple):
    left: list[int]
    right: dict[str, int]


def _set(place: Any, key: Any, value: Any) -> None:
    place[key] = value


@pytest.mark.parametrize(
    ("value", "write"),
    [
        (pd.DataFrame({"x": [1]}), lambda v: _set(v, "x", 7)),
        (pd.Series([1]), lambda v: _set(v, 0, 7)),
        (pl.DataFrame({"x": [1]}), lambda v: v.replace_column(0, pl.Series("y", [7]))),
        (pl.Series([1]), lambda v: _set(v, 0, 7)),
        ([[1]], lambda v: v[0].append(7)),
        ({"a": {"b": 1}}, lambda v: _set(v["a"], "b", 7)),
        (([1],), lambda v: v[0].append(7)),
        ({1}, lambda v: v.add(7)),
        (Pair([1], {}), lambda v: v.left.append(7)),
        ({"t": [pd.DataFrame({"x": [1]})]}, lambda v: _set(v["t"][0], "x", 7)),
        ([pl.DataFrame({"x": [1]})], lambda v: v[0].insert_column(0, pl.Series("y", [7]))),
    ],
    ids=lambda one: type(one).__name__,
)
def test_writing_into_what_is_handed_over_changes_nothing_else(
    value: Any, write: Callable[[Any], Any]
) -> None:
    before = repr(value)
    handed = handed_over(value)
    assert (repr(handed), type(handed)) == (before, type(value))
    write(handed)
    assert repr(handed) != before
    assert repr(value) == before
    assert is_guarded(value)


def test_an_array_inside_a_list_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        handed_over([np.zeros(2)])[0][0] = 7


def test_what_is_set_aside_is_not_what_its_maker_holds() -> None:
    array, rows = np.zeros(2), [{"x": 1}]
    kept = set_aside([array, rows])
    array[0] = 7
    rows[0]["x"] = 7
    assert (kept[0].tolist(), kept[1]) == ([0, 0], [{"x": 1}])


@pytest.mark.parametrize(
    "value",
    [
        1,
        "a",
        date(2020, 1, 1),
        Path("a"),
        np.float32(1),
        pd.Timestamp(0),
        pa.table({"x": [1]}),
        pd.Series(["a"], dtype=object),
    ],
)
def test_what_cannot_be_changed_is_guarded(value: Any) -> None:
    assert is_guarded(value)


@pytest.mark.parametrize(
    "value",
    [
        LinearRegression(),
        [LinearRegression()],
        np.random.default_rng(),
        np.array([[1], None], dtype=object),
        pd.Series([[1], [2]]),
        pd.DataFrame({"x": [1], "y": [{}]}),
        bytearray(b"a"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_other_objects_are_not(value: Any) -> None:
    assert not is_guarded(value)
    copied = own_copy(value)
    assert copied is not value
