"""Tables of polars and pyarrow, arrays of numpy and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from polars.testing import assert_frame_equal, assert_series_equal
from store_sample import round_trip

from interlock.store.artifacts import ArtifactStore
from interlock.store.formats.format import Unstorable

_POLARS = pl.DataFrame(
    {
        "number": [1, None],
        "text": ["x", None],
        "category": pl.Series(["u", "v"], dtype=pl.Categorical),
        "enum": pl.Series(["v", "u"], dtype=pl.Enum(["u", "v"])),
        "list": [[1], [2, 3]],
        "struct": [{"a": 1}, {"a": None}],
        "time": pl.Series([0, 1], dtype=pl.Datetime("ns", "Europe/Berlin")),
    }
)


@pytest.mark.parametrize("frame", [_POLARS, _POLARS.head(0), _POLARS[1:], pl.DataFrame()], ids=range(4))
def test_a_polars_frame_comes_back_exactly(artifacts: ArtifactStore, frame: pl.DataFrame) -> None:
    assert_frame_equal(round_trip(artifacts, frame), frame)


def test_a_polars_series_comes_back_exactly(artifacts: ArtifactStore) -> None:
    assert_series_equal(round_trip(artifacts, _POLARS["category"]), _POLARS["category"])


def test_a_polars_column_of_objects_is_named() -> None:
    frame = pl.DataFrame({"model": pl.Series([object()], dtype=pl.Object)})
    from interlock.store.formats.polars_tables import PolarsFormat

    with pytest.raises(Unstorable, match=r"Column 'model' holds Python objects \(Object\)"):
        PolarsFormat().save(frame, None)  # type: ignore[arg-type]  # refused before the store is needed


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": [1, None], "d": pa.array(["x", "y"]).dictionary_encode()}).replace_schema_metadata(
            {"k": "v"}
        ),
        pa.table({"a": pa.chunked_array([[1], [2, 3]])}),
        pa.table({"a": pa.array([], pa.list_(pa.int8()))}),
        pa.table({}),
    ],
    ids=range(4),
)
def test_an_arrow_table_comes_back_exactly(artifacts: ArtifactStore, table: pa.Table) -> None:
    assert round_trip(artifacts, table).equals(table, check_metadata=True)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    array=hnp.arrays(
        st.one_of(hnp.scalar_dtypes(), hnp.array_dtypes()),
        hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
    )
)
def test_an_array_comes_back_exactly(shared: ArtifactStore, array: Any) -> None:
    back = round_trip(shared, array)
    assert (type(back), back.dtype, back.shape) == (np.ndarray, array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


def test_an_array_keeps_its_order_in_memory(artifacts: ArtifactStore) -> None:
    assert round_trip(artifacts, np.asfortranarray(np.ones((3, 4)))).flags.f_contiguous


def test_a_loaded_array_may_be_changed_and_the_stored_one_stays(artifacts: ArtifactStore) -> None:
    artifact = artifacts.save(np.arange(5))
    artifacts.load(artifact)[0] = 99
    assert artifacts.load(artifact).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("labels", [["late", "ok"], [["late", None], [1, (2,)]], []])
def test_an_array_of_plain_objects_comes_back(artifacts: ArtifactStore, labels: list[Any]) -> None:
    array = np.array(labels, dtype=object)
    back = round_trip(artifacts, array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tolist() == array.tolist()


def test_items_that_cannot_be_kept_are_named(artifacts: ArtifactStore) -> None:
    with pytest.raises(
        Unstorable, match="An array of dtype object cannot be kept: item 1 is of type 'object'"
    ):
        artifacts.save(np.array([1, object()]))
    with pytest.raises(Unstorable, match="its items are Python objects"):
        artifacts.save(np.array([("a", 1)], dtype="O,i4"))


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array, sp.csc_array, sp.coo_array, sp.bsr_array])
def test_a_sparse_matrix_comes_back(artifacts: ArtifactStore, kind: Any) -> None:
    matrix = kind(np.diag([1.0, 0.0, 3.0]))
    back = round_trip(artifacts, matrix)
    assert type(back) is type(matrix)
    assert (back.toarray() == matrix.toarray()).all()


@pytest.mark.parametrize(
    "value",
    [
        pa.array([1, None]),
        pa.array([], pa.string()),
        pa.array([1, 2, 3])[1:],
        pa.array(["u", "v", "u"]).dictionary_encode(),
        pa.chunked_array([[1], [2, 3]]),
        pa.chunked_array([], pa.float64()),
        pa.record_batch({"a": [1, 2], "b": ["x", None]}),
        pa.record_batch({"a": [1]}).slice(1),
    ],
    ids=range(8),
)
def test_an_arrow_column_or_batch_comes_back_exactly(artifacts: ArtifactStore, value: Any) -> None:
    found = round_trip(artifacts, value)
    assert type(found) is type(value)
    assert found.equals(value)
