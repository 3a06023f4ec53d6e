from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import OrderedDict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_sample import round_trip, same

from interlock.store.artifacts import INLINE_LIMIT, ArtifactStore
from interlock.store.formats.format import UnreadableArtifact
from interlock.store.formats.plain import decode, encode, to_text

_ZONES = st.sampled_from(
    [None, dt.UTC, dt.timezone(dt.timedelta(hours=-3)), zoneinfo.ZoneInfo("Europe/Berlin")]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters()),
    st.binary(max_size=30),
    st.binary(max_size=30).map(bytearray),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.dates(),
    st.timedeltas(),
    st.times(),
    st.datetimes(timezones=_ZONES),
)
_KEYS = st.one_of(st.text(), st.just("$"), st.integers(), st.booleans(), st.none(), st.tuples(st.integers()))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_KEYS, inner, max_size=4),
        st.dictionaries(_KEYS, inner, max_size=4).map(OrderedDict),
        st.sets(_KEYS, max_size=4),
        st.frozensets(_KEYS, max_size=4),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(_VALUES)
def test_plain_data_comes_back_with_its_types(value: Any) -> None:
    assert same(decode(encode(value)), value)
    assert to_text(encode(value)).isascii()


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(value=_VALUES)
def test_plain_data_passes_through_the_store(shared: ArtifactStore, value: Any) -> None:
    assert same(round_trip(shared, value), value)


@pytest.mark.parametrize(
    "value",
    [
        2**5000,
        -(2**5000),
        "\ud800",
        {"$": ["tuple", [1]]},
        {1: {2: (3,)}},
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1),
    ],
)
def test_what_json_would_lose_comes_back(artifacts: ArtifactStore, value: Any) -> None:
    assert same(round_trip(artifacts, value), value)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1),
        np.float32("nan"),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.True_,
        np.str_("é"),
        np.str_(""),
        np.bytes_(b"x"),
        np.complex64(1 + 2j),
        np.datetime64("2013-01-01T05", "h"),
        np.timedelta64(3, "D"),
        pd.Timestamp("2013-01-01 05:15:00.123456789"),
        pd.Timestamp("2013-07-01 05:15", tz="America/New_York"),
        pd.Timestamp("2013-07-01 05:15", tz="+02:00"),
        pd.Timedelta("1h"),
        pd.NA,
        pd.NaT,
    ],
    ids=repr,
)
def test_scalars_of_numpy_and_pandas_come_back_as_such(artifacts: ArtifactStore, value: Any) -> None:
    (back,) = round_trip(artifacts, [value])
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_a_small_value_stays_in_the_artifact(artifacts: ArtifactStore) -> None:
    artifact = artifacts.save({"auc": 0.71, "rows": (3, None)})
    assert artifact.blob is None
    assert artifact.inline == '{"auc":0.71,"rows":{"$":["tuple",[3,null]]}}'
    assert (artifact.format, artifact.type, artifact.size) == ("json", "dict", len(artifact.inline))


@pytest.mark.parametrize(("length", "inline"), [(INLINE_LIMIT - 2, True), (INLINE_LIMIT - 1, False)])
def test_a_large_value_goes_to_a_blob(artifacts: ArtifactStore, length: int, inline: bool) -> None:
    artifact = artifacts.save("x" * length)
    assert (artifact.blob is None) is inline
    assert artifacts.load(artifact) == "x" * length


def test_an_unknown_tag_is_refused() -> None:
    with pytest.raises(UnreadableArtifact, match="holds a 'quaternion', which is not known here"):
        decode({"$": ["quaternion", 1]})
