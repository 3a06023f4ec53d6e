from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis.extra import numpy as hnp

from interlock.identity.digest import digest_value

ODD_NANS = np.array([0x7FF8000000000001, 0xFFF8000000000000], "u8").view("f8")
PACKED = np.dtype([("a", "i1"), ("b", "f8")])


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (np.arange(6).reshape(2, 3), "16247f10e5ffa03273ed49e761974747ee24061d6bd1e56b356320f56f871881"),
        (np.array([1.5, np.nan]), "e8d517e8419bf365ecf8d8c0ec0b3c6d3935039f7562832b09181d5776f654d4"),
        (np.array(["a", None], object), "f002d1f135115fdb94a4d10654cd8eed822b7c5c079b553e2bfa842c652edb83"),
        (np.float64(0.5), "d974f4095350f265d639c0193ca6ce8e8af09f4430077f0de0709365597a70e5"),
        (np.zeros(2, PACKED), "9a0018e0bf72e33f17b63a63a13386c515c7af53c6901f4e02d24200f778f27b"),
    ],
    ids=["integers", "floats", "objects", "scalar", "structured"],
)
def test_digests_stay_what_they_are(value: Any, digest: str) -> None:
    assert digest_value(value) == f"blake3:{digest}"


def test_dtype_shape_and_values_count() -> None:
    four = np.arange(4)
    distinct = [
        four,
        four.reshape(2, 2),
        four[::-1],
        four.astype("i4"),
        four.astype(">i8"),
        four.astype("f8"),
    ]
    more = [
        four.astype("m8[s]"),
        four.astype("M8[s]"),
        four.astype("U"),
        four.tolist(),
        np.int64(4),
        np.array(4),
        4,
    ]
    assert len({digest_value(value) for value in [*distinct, *more]}) == 13


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(max_dims=3)))
def test_the_layout_in_memory_leaves_no_trace(array: Any) -> None:
    wide = np.repeat(array, 2, axis=-1)[..., ::2]
    assert digest_value(np.asfortranarray(array)) == digest_value(wide) == digest_value(np.array(array))


def test_a_large_scattered_array_equals_its_copy() -> None:
    table = np.random.default_rng(0).random((9000, 30))
    assert digest_value(table.T) == digest_value(np.ascontiguousarray(table.T))
    assert digest_value(table[::-2, 3:]) == digest_value(table[::-2, 3:].copy())


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "c8", "c16"])
def test_every_nan_is_the_same_nan(dtype: str) -> None:
    plain = np.array([1.0, np.nan], dtype)
    other = plain.copy()
    parts = other.view(other.real.dtype)
    parts[np.isnan(parts)] *= -1
    assert digest_value(other) == digest_value(plain) != digest_value(np.array([1.0, 2.0], dtype))
    assert digest_value(ODD_NANS) == digest_value(np.array([np.nan, np.nan]))


def test_padding_of_structured_items_is_no_content() -> None:
    aligned = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    clean, dirty = np.zeros(3, aligned), np.full(3 * 16, 7, "u1").view(aligned)
    dirty["a"], dirty["b"] = 0, 0
    assert digest_value(dirty) == digest_value(clean) == digest_value(np.zeros(3, PACKED))


def test_padding_of_extended_floats_is_no_content() -> None:
    clean = np.array([1.5, 2.5], "g")
    dirty = clean.copy()
    if np.finfo("g").nmant == 63:
        dirty.view("u1").reshape(2, 16)[:, 10:] = 7
    assert digest_value(dirty) == digest_value(clean) != digest_value(np.array([1.5, 3.5], "g"))


def test_variable_width_strings_are_their_text() -> None:
    kind = np.dtypes.StringDType()
    texts = ["short", "a text that does not fit into its slot"]
    assert digest_value(np.array(texts, kind)) == digest_value(np.array(list(texts), kind))
    assert digest_value(np.array(texts, kind)) != digest_value(np.array(texts[::-1], kind))


def test_what_is_masked_is_no_content() -> None:
    one, two = (np.ma.array([1, hidden, 3], mask=[False, True, False]) for hidden in (2, 9))
    assert digest_value(one) == digest_value(two) != digest_value(np.ma.array([1, 2, 3]))


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "bsr", "dia", "dok", "lil"])
def test_a_sparse_matrix_is_its_entries(name: str) -> None:
    matrix = sp.random(20, 30, 0.2, random_state=0).asformat(name)
    changed = (matrix * 2).asformat(name)
    assert digest_value(matrix) == digest_value(matrix.copy()) != digest_value(changed)


def test_the_order_and_width_of_sparse_entries_are_no_content() -> None:
    rows, columns, data = np.array([1, 0, 0, 0]), np.array([0, 2, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0])
    doubled = sp.coo_matrix((data, (rows, columns)), shape=(2, 3))
    clean = sp.coo_matrix(([7.0, 2.0, 1.0], ([0, 0, 1], [1, 2, 0])), shape=(2, 3))
    assert digest_value(doubled) == digest_value(clean)
    assert digest_value(doubled.tocsr()) == digest_value(clean.tocsr()) != digest_value(clean.tocsc())


def test_generators_of_random_numbers_are_their_state() -> None:
    fresh, used = np.random.default_rng(0), np.random.default_rng(0)
    used.random()
    assert digest_value(fresh) == digest_value(np.random.default_rng(0)) != digest_value(used)
