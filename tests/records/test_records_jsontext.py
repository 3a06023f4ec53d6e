from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.identity.canonical import NotCanonical, canonical_json
from interlock.records.jsontext import dumps, lively, loads, plain

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
)


@given(_VALUES)
def test_any_value_comes_back_from_text_and_from_a_manifest(value: object) -> None:
    assert loads(dumps(value)) == value
    assert lively(json.loads(canonical_json(plain(value)))) == value


def test_what_json_cannot_say_is_said_with_a_tag() -> None:
    assert plain({"a": [math.nan, -math.inf]}) == {"a": [{"$float": "nan"}, {"$float": "-inf"}]}
    assert math.isnan(lively(plain(math.nan)))
    assert math.isnan(loads(dumps([math.nan]))[0])


def test_plain_is_plain_already() -> None:
    once = plain({"a": (1, math.inf), "b": "\ud800"})
    assert plain(once) == once


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(1), True),
        (np.float64("nan"), {"$float": "nan"}),
    ],
)
def test_scalars_of_numpy_are_numbers(value: object, expected: object) -> None:
    assert plain({"x": value}) == {"x": expected}


def test_what_is_no_json_is_left_to_the_writer_who_names_its_place() -> None:
    with pytest.raises(NotCanonical) as caught:
        canonical_json(plain({"params": {"since": {1, 2}}}))
    assert caught.value.place == "$.params.since"
