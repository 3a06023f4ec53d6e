"""The line of a key, in every way that TOML has of writing one."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.stack.toml_lines import KeyPath, Lines

TEXT = '''# a comment = 1
top = 1  # = "
[a.b]
c."d e".'f' = "x # y"
long = """
[no.table]
k = 1 \\""" ""
"""
"quoted" = { x = 1, y = { z = "}" } }
list = [
  1, # one, [
  [2, 3],
  { k = "]" },
]
when = 1979-05-27T07:32:00Z
raw = \'\'\'
= \'\'\'

[[rows]]
n = 1
[[rows]]
n = 2
[rows.sub]
n = 3
[[rows.deep]]
n = 4
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("a",), 3),
        (("a", "b", "c", "d e", "f"), 4),
        (("a", "b", "long"), 5),
        (("a", "b", "quoted", "y", "z"), 9),
        (("a", "b", "list"), 10),
        (("a", "b", "list", 0), 11),
        (("a", "b", "list", 1, 1), 12),
        (("a", "b", "list", 2, "k"), 13),
        (("a", "b", "when"), 15),
        (("rows", 0, "n"), 20),
        (("rows", 1, "n"), 22),
        (("rows", 1, "sub", "n"), 24),
        (("rows", 1, "deep", 0, "n"), 26),
        (("a", "b", "list", 9, "gone"), 10),
        (("gone",), None),
    ],
)
def test_a_key_is_found_on_its_line(path: KeyPath, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).of(path) == line
    assert Lines(TEXT.replace("\n", "\r\n")).of(path) == line


KEYS = st.text(min_size=1, max_size=5)
VALUES = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)} = {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return text(value) if isinstance(value, str) else json.dumps(value)


def text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=6))
def test_every_top_level_key_of_any_text_is_on_the_line_where_it_was_written(tables: dict[str, Any]) -> None:
    source = "".join(f"{text(key)} = {written(value)}\n" for key, value in tables.items())
    lines = Lines(source)
    assert tomllib.loads(source) == tables
    assert [lines.of((key,)) for key in tables] == list(range(1, len(tables) + 1))
