from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_sample import round_trip

from interlock.store.artifacts import ArtifactStore
from interlock.store.formats.format import Unstorable

_INTS = st.integers(-100, 100)
_FLOATS = st.floats(width=32)
_TIMES = st.datetimes(pd.Timestamp("1900").to_pydatetime(), pd.Timestamp("2100").to_pydatetime())
_TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
_LISTS = st.lists(_INTS, max_size=2)


def _or_none(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


# dtype -> its values
_DTYPES: dict[str, st.SearchStrategy[Any]] = {
    "int64": _INTS,
    "int8": _INTS,
    "uint16": st.integers(0, 100),
    "float64": st.floats(),
    "float32": _FLOATS,
    "bool": st.booleans(),
    "str": _or_none(_TEXT),
    "string": _or_none(_TEXT),
    "Int64": _or_none(_INTS),
    "boolean": _or_none(st.booleans()),
    "Float64": _or_none(_FLOATS),
    "category": _or_none(_TEXT),
    "datetime64[ns]": _or_none(_TIMES),
    "datetime64[us, Europe/Berlin]": _or_none(_TIMES),
    "timedelta64[ms]": _or_none(st.timedeltas(dt.timedelta(-99), dt.timedelta(99))),
    "period[M]": _or_none(st.just(pd.Period("2013-01", "M"))),
    "interval[int64, right]": st.builds(lambda n: pd.Interval(n, n + 1), _INTS),
    "int32[pyarrow]": _or_none(_INTS),
    "object": st.one_of(st.none(), st.just(math.nan), _TEXT, _INTS, _LISTS, st.binary(max_size=3)),
}


@st.composite
def _series(draw: st.DrawFn, size: int, dtypes: tuple[str, ...] = tuple(_DTYPES)) -> pd.Series[Any]:
    dtype = draw(st.sampled_from(dtypes))
    values = draw(st.lists(_DTYPES[dtype], min_size=size, max_size=size))
    return pd.Series(values, dtype=dtype)


@st.composite
def _frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(0, 4))
    columns = [draw(_series(size)) for _ in range(draw(st.integers(0, 4)))]
    labels = draw(st.lists(_TEXT | _INTS, min_size=len(columns), max_size=len(columns)))
    frame = pd.concat(columns, axis="columns") if columns else pd.DataFrame(index=range(size))
    frame.columns = pd.Index(labels, dtype=object if labels else None)
    if draw(st.booleans()):
        levels = [
            draw(_series(size, ("int64", "str", "category", "float64")))
            for _ in range(draw(st.integers(1, 2)))
        ]
        frame.index = (
            pd.MultiIndex.from_arrays(levels, names=["a", 1]) if len(levels) > 1 else pd.Index(levels[0])
        )
    return frame


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(frame=_frames())
def test_a_frame_comes_back_exactly(shared: ArtifactStore, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(round_trip(shared, frame), frame, check_exact=True)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(series=_series(3), name=st.one_of(_TEXT, st.none(), _INTS, st.tuples(_TEXT, _INTS)))
def test_a_series_comes_back_exactly(shared: ArtifactStore, series: pd.Series[Any], name: Any) -> None:
    series = series.rename(name)
    pd.testing.assert_series_equal(round_trip(shared, series), series, check_exact=True)


_FLIGHTS = pd.DataFrame(
    {
        "carrier": pd.Categorical(["UA", None, "AA"], categories=["UA", "DL", "AA"], ordered=True),
        "delay": [1.5, np.nan, -3.0],
        "hour": pd.cut([1, 5, 23], [0, 6, 12, 24]),
        "day": pd.to_datetime(["2013-01-01", "2013-01-02", None]),
        "origin": ["EWR", "JFK", None],
    }
)


@pytest.mark.parametrize(
    "frame",
    [
        _FLIGHTS,
        _FLIGHTS.iloc[::2],
        _FLIGHTS.iloc[:0],
        _FLIGHTS.iloc[:, :0],
        pd.DataFrame(),
        _FLIGHTS.set_index(pd.RangeIndex(5, 20, 5, name="row")),
        _FLIGHTS.set_index(["origin", "carrier"]),
        _FLIGHTS.set_index("hour"),
        _FLIGHTS.set_index(pd.date_range("2013", periods=3, freq="MS", tz="UTC", name="month")),
        _FLIGHTS.drop(columns="hour").T,
        pd.crosstab(_FLIGHTS["origin"], _FLIGHTS["carrier"]),
        _FLIGHTS.groupby("origin")[["delay"]].agg(["mean", "max"]),
        pd.DataFrame([[1, 2]], columns=["twice", "twice"]),
        pd.DataFrame(np.ones((2, 120))),
        pd.DataFrame({"python": pd.array(["a", None], dtype=pd.StringDtype("python"))}),
        pd.DataFrame({"half": np.array([0.5, 1], "f2"), "yes": [True, False]}, index=[3, 1]),
    ],
    ids=range(16),
)
def test_frames_of_daily_life_come_back_exactly(artifacts: ArtifactStore, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(round_trip(artifacts, frame), frame, check_exact=True, check_freq=True)


def test_attrs_come_back(artifacts: ArtifactStore) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["unit"] = ("minutes", 60)
    assert round_trip(artifacts, frame).attrs == {"unit": ("minutes", 60)}


def test_a_loaded_frame_may_be_changed_and_the_stored_one_stays(artifacts: ArtifactStore) -> None:
    artifact = artifacts.save(_FLIGHTS)
    frame = artifacts.load(artifact)
    frame.loc[0, "delay"] = 99.0
    frame["delay"] += 1
    frame.loc[frame["delay"].isna(), "origin"] = "LGA"
    frame.index = frame.index + 1
    pd.testing.assert_frame_equal(artifacts.load(artifact), _FLIGHTS)


def test_numbers_are_mapped_and_not_copied(artifacts: ArtifactStore) -> None:
    series = round_trip(artifacts, pd.Series(np.arange(1000.0)))
    values = series.to_numpy()
    while isinstance(values, np.ndarray):
        values = values.base
    assert type(getattr(values, "obj", values)).__name__ == "mmap"


def test_the_artifact_tells_rows_and_columns(artifacts: ArtifactStore) -> None:
    artifact = artifacts.save(_FLIGHTS)
    assert (artifact.format, artifact.type) == ("pandas", "pandas.DataFrame")
    assert artifact.meta == {"rows": 3, "columns": list(_FLIGHTS), "series": False}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            pd.DataFrame({"model": [1, object()]}),
            "Column 'model' cannot be kept: an object of type 'object' in row 1.",
        ),
        (pd.DataFrame({"wave": [1j]}), "Column 'wave' cannot be kept: complex128."),
        (
            pd.DataFrame({"rare": pd.arrays.SparseArray([0, 1])}),
            "Column 'rare' cannot be kept: Sparse[int64, 0].",
        ),
        (
            pd.DataFrame({"a": [1]}, index=[object()]),
            "The index cannot be kept: an object of type 'object' in row 0.",
        ),
    ],
)
def test_a_column_that_cannot_be_kept_is_named(
    artifacts: ArtifactStore, frame: pd.DataFrame, message: str
) -> None:
    with pytest.raises(Unstorable) as caught:
        artifacts.save(frame)
    assert str(caught.value) == (
        f"{message}\n  Convert it to numbers, text, dates or categories. "
        "Or allow pickle for the step that returns it: @step(pickle=True)."
    )


def test_attrs_that_cannot_be_kept_are_named(artifacts: ArtifactStore) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["made by"] = object()
    with pytest.raises(
        Unstorable, match="The attrs of a table cannot be kept: it holds a value of type 'object'"
    ):
        artifacts.save(frame)
