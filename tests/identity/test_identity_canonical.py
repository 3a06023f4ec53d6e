from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.identity.canonical import NotCanonical, canonical_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_keys_are_sorted_and_nothing_is_spaced() -> None:
    written = canonical_json({"b": [1, 2.5, True, None], "a": ("ü", -0.0)})
    assert written == '{"a":["ü",-0.0],"b":[1,2.5,true,null]}'.encode()


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_order_of_a_dict_leaves_no_trace(value: dict[str, Any]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


@pytest.mark.parametrize(
    ("value", "problem", "place"),
    [
        ({"a": [1, float("nan")]}, "The number nan cannot be written", "$.a[1]"),
        (float("inf"), "The number inf cannot", "$"),
        ({"a": {1: 2}}, "The key 1, which is not text,", "$.a"),
        ([object], "A value of type 'type' cannot", "$[0]"),
        (["\ud800"], "Text with a lone surrogate cannot", "$[0]"),
        ({"\ud800": 1}, "Text with a lone surrogate cannot", "$"),
        ([10**5000], "A value (Exceeds the limit", "$"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(value: Any, problem: str, place: str) -> None:
    with pytest.raises(NotCanonical) as caught:
        canonical_json(value)
    assert caught.value.what.startswith(problem)
    assert caught.value.where == place


def test_a_container_inside_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotCanonical, match="contains itself"):
        canonical_json(endless)
