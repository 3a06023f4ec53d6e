from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.identity.digest import (
    BadDigest,
    Undigestible,
    digest_bytes,
    digest_file,
    digest_hex,
    digest_json,
    digest_value,
    is_digest,
)

# A change of one of these changes every recorded identity: it must be meant.
PINNED: list[tuple[Any, str]] = [
    (None, "e426187a0fb987ba0d8d319a9961450467020ed548ce6a5a7533bb94553c7d13"),
    (True, "40708bc1eb67f76a5f5b78d3c7f97640ba05b5a37e3f698aaef71f1138ffcc1b"),
    (1, "4a26f38cb8c5e9f8d87df31c6ceaaa31bafe9b52e6e2d60357a77fcd531c77f0"),
    (1.0, "113ffc2ee293d35309798f63928dbd03505b697c0f590c49fe166a0d004cbc2e"),
    (float("nan"), "e1837f6719aca5e836f79fa421e7271a1e0552ba18f57cd13d9b01740f9cca5a"),
    ("text", "e3c3ba26bd569506d3c539c3d20a5748dc4300b227b7a8061d0ae41eb3872ae2"),
    (b"bytes", "f7ebedebe8ceb8e6c8efe9a6ba60fd1f699ef1ccb53cf9a1ad617aac1059c764"),
    ([1, "a"], "edec16199af3c38db284f9a67314bc134096ce7e4db706cf59bce76e651bedbf"),
    ((1, "a"), "ec6b1448c9d873d1489277489d183031bc266bb6c4185c90ea00d81cea5f787a"),
    ({"b": 2, "a": [1]}, "2b964b627aa91a0cf25707fa19707f387eb027bff19507da4a8b091257dcff47"),
    ({1, 2, 3}, "9eade903e1a763d466b0d3e1e342ef23888f4843817cc27a0e5982b652cbaff1"),
    (range(3), "58cc4ab970a26067cd51bb14e25991931e8a2444742845c82de0368b13244bac"),
    (Decimal("1.50"), "a364d18b899fc91a42e061087319e1193fb9e5c0a7b43dffd64312c05d07993e"),
    (dt.date(2020, 2, 29), "4fa2774fd90f2fbede9efc7f2af1f75e3649e282421549315a7109a895e979c6"),
    (
        dt.datetime(2020, 2, 29, 12, tzinfo=dt.UTC),
        "40501ff7cdf4878a219fe0e5ff791b750df026259a2fea14dd082f6866b1339a",
    ),
    ({"auc": 0.75, "rows": 1000}, "84320431b54d6dc374ecd4c511f53b8e65568fcc90f9f7f2c54734934816f7cf"),
]


@pytest.mark.parametrize(("value", "digest"), PINNED, ids=lambda one: repr(one)[:30])
def test_digests_stay_what_they_are(value: Any, digest: str) -> None:
    assert digest_value(value) == f"blake3:{digest}"


def test_bytes_json_and_files_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    plain = "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    assert digest_bytes(b"abc") == digest_file(tmp_path / "f") == plain
    assert digest_bytes(memoryview(b"abc")) == plain
    assert digest_json({"a": 1}) == digest_bytes(b'{"a":1}')


class Colour(Enum):
    RED = 1
    BLUE = 2


class Pair(NamedTuple):
    left: int
    right: int


@dataclass
class Box:
    content: Any


class Words(set[str]):
    pass


DISTINCT: list[Any] = [
    *(None, False, True, 0, 1, -1, 0.0, -0.0, 1.0, 1j, "1", b"1", bytearray(b"1"), Decimal(1), float("nan")),
    *("", b"", [], (), {}, set(), frozenset(), [[]], [()], ["ab", "c"], ["a", "bc"], {1: 2}, {2: 1}),
    *((1, 2), Pair(1, 2), [1, 2], {1, 2}, range(1, 3), slice(1, 2), OrderedDict(a=1), {"a": 1}),
    *(dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),  # noqa: DTZ001
    *(dt.time(1), dt.timedelta(1), Colour.RED, Colour.BLUE, Box(1), Box(2), Box, int, len, ...),
    *(Words({"a"}), {"a"}, b"x" * 255, b"x" * 256, "x" * 300, 10**5000, 10**5000 + 1),
]


def test_type_and_content_both_count() -> None:
    assert len({digest_value(value) for value in DISTINCT}) == len(DISTINCT)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text() | st.integers(), VALUES))
def test_the_order_of_a_dict_leaves_no_trace(value: dict[Any, Any]) -> None:
    assert digest_value(dict(reversed(value.items()))) == digest_value(value)


@given(st.lists(st.text() | st.integers(), unique=True))
def test_the_order_of_a_set_leaves_no_trace(items: list[Any]) -> None:
    assert digest_value(set(dict.fromkeys(reversed(items)))) == digest_value(set(items))


@given(VALUES)
def test_sharing_leaves_no_trace(value: Any) -> None:
    copied: list[Any] = [value, [value]]
    assert digest_value([value, [value]]) == digest_value(copied)
    shared = [copied, copied]
    assert digest_value(shared) == digest_value([[value, [value]], [value, [value]]])


@given(VALUES, VALUES)
def test_values_that_print_differently_differ(one: Any, two: Any) -> None:
    assert (digest_value(one) == digest_value(two)) == (written(one) == written(two))


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key!r}:{written(item)}" for key, item in value.items())) + "}"
    return "[" + ",".join(map(written, value)) + "]" if isinstance(value, list) else repr(value)


def test_a_cycle_has_a_digest() -> None:
    def ring(size: int) -> Box:
        boxes = [Box(None) for _ in range(size)]
        for index, box in enumerate(boxes):
            box.content = boxes[index - 1]
        return boxes[0]

    assert digest_value(ring(3)) == digest_value(ring(3))
    assert digest_value(ring(3)) != digest_value(ring(2))


def test_shared_references_are_not_walked_again_and_again() -> None:
    value: Any = ["leaf"]
    for _ in range(200):
        value = [value, value]
    assert is_digest(digest_value(value))


SCRIPT = """
import enum, functools, re
from interlock.identity.digest import digest_value
class Words(set): pass
value = [set("abcdef"), {w: {w} for w in "xyz"}, frozenset([("a", 1), ("b", 2)]), Words("abc"), lambda x: x in {"p", "q"},
         re.compile("a"), functools.partial(int, base=2), object.__str__]
print(digest_value(value[:-1]))
"""


def test_the_hash_seed_of_the_process_leaves_no_trace() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


def test_lambdas_differ_by_what_they_do_and_hold() -> None:
    def adder(amount: int) -> Any:
        return lambda x: x + amount

    assert digest_value(adder(1)) == digest_value(adder(1))
    assert len({digest_value(one) for one in (adder(1), adder(2), lambda x: x - 1, lambda x: x)}) == 4


def test_an_object_is_its_class_and_its_state() -> None:
    class Slotted:
        __slots__ = ("a",)

        def __init__(self, a: int) -> None:
            self.a = a

    assert digest_value(Slotted(1)) == digest_value(Slotted(1))
    assert digest_value(Slotted(1)) != digest_value(Slotted(2))


@pytest.mark.parametrize(
    ("value", "type_name", "place"),
    [
        (threading.Lock(), "_thread.lock", "value"),
        ({"model": [1, Box(threading.Lock())]}, "_thread.lock", "value['model'][1].content"),
        ([{(x for x in "ab")}], "builtins.generator", "value[0][0]"),
    ],
)
def test_what_has_no_content_is_named_with_its_place(value: Any, type_name: str, place: str) -> None:
    with pytest.raises(Undigestible) as caught:
        digest_value(value)
    assert (caught.value.type_name, caught.value.place) == (type_name, place)
    assert f"A value of type {type_name!r} has no digest: it cannot be pickled (cannot pickle" in str(
        caught.value
    )


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Undigestible, match="nested too deeply"):
        digest_value(value)


def test_references_that_cross_too_often_are_refused() -> None:
    boxes = [Box(None) for _ in range(20)]
    for box in boxes:
        box.content = [other for other in boxes if other is not box]
    with pytest.raises(Undigestible, match="cross each other too often"):
        digest_value(boxes)


def test_a_naming_speaks_for_functions_and_classes() -> None:
    def naming(thing: Any) -> str | None:
        return "blake3:new" if thing is Box else None

    assert digest_value(Box(1), naming=naming) != digest_value(Box(1))
    assert digest_value(Pair(1, 2), naming=naming) == digest_value(Pair(1, 2))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "blake3:",
            "blake3:" + "A" * 64,
            "blake3:" + "a" * 63,
            "blake3:" + "a" * 65,
            "sha256:" + "a" * 64,
        ),
        *("blake3:../" + "a" * 61, "blake3:" + "\u0661" * 64, "blake3:" + "a" * 64 + "\n", "a" * 64, None),
    ],
)
def test_a_text_that_is_no_digest_is_refused(text: Any) -> None:
    assert not is_digest(text)
    with pytest.raises(BadDigest, match="is not a digest"):
        digest_hex(text)


def test_a_digest_gives_a_safe_file_name() -> None:
    assert digest_hex("blake3:" + "0a" * 32) == "0a" * 32
