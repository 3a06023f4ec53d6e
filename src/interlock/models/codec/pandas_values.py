"""Data frames and series of pandas, with their index where it says something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from interlock.models.codec.cells import Cells
from interlock.models.codec.pandas_arrays import array_of, column_of, given_dtype, list_of
from interlock.models.codec.schema import Column, Schema, Unservable


def infer(value: Any, name: str) -> Schema:
    """Return the schema of a frame or a series."""
    if not isinstance(value, pd.DataFrame | pd.Series):
        raise Unservable(
            f"{name} is a {type(value).__name__} of pandas", hint="Give a DataFrame or a Series."
        )
    container: Literal["table", "column"] = "column" if isinstance(value, pd.Series) else "table"
    parts = [*_index_parts(value.index), *_own_parts(value, name)]
    names = [column_name for column_name, _, _, _ in parts]
    if len(set(names)) < len(names):
        twice = next(column_name for column_name in names if names.count(column_name) > 1)
        raise Unservable(
            f"it has several columns {twice!r}", column=twice, hint="Give each a name of its own."
        )
    columns = [
        column_of(values, column_name, label=label, index=index)
        for column_name, label, values, index in parts
    ]
    return Schema("pandas", container, tuple(columns))


def lists(value: Any, schema: Schema, *, nan_is_null: bool) -> list[list[Any]]:
    """Return JSON values column by column."""
    parts = [values for _, _, values, _ in [*_index_parts(value.index), *_own_parts(value, "")]]
    return [
        list_of(values, column, nan_is_null=nan_is_null)
        for values, column in zip(parts, schema.columns, strict=True)
    ]


def build(schema: Schema, cells: Sequence[Cells], rows: int) -> Any:
    """Return the frame or series."""
    arrays = [array_of(column, cell) for column, cell in zip(schema.columns, cells, strict=True)]
    levels = [(array, column) for array, column in zip(arrays, schema.columns, strict=True) if column.index]
    index = _index(levels) if levels else None
    own = list(zip(schema.columns, arrays, strict=True))[len(levels) :]
    if schema.container == "column":
        column, array = own[0]
        return pd.Series(array, index=index, name=column.label, dtype=given_dtype(column), copy=False)
    found = {at: _for_frame(array, column, index) for at, (column, array) in enumerate(own)}
    frame = pd.DataFrame(found, index=pd.RangeIndex(rows) if index is None else index, copy=False)
    frame.columns = schema.derived(_labels)
    return frame


def count(value: Any) -> int:
    """Return the number of rows."""
    return len(value)


def take(value: Any, rows: slice | Sequence[int]) -> Any:
    """Return some rows; they keep their index."""
    return value.iloc[rows if isinstance(rows, slice) else list(rows)]


def concat(values: Sequence[Any]) -> Any:
    """Return the rows of all frames; an index that says nothing is counted anew."""
    return pd.concat(list(values), ignore_index=not _index_parts(values[0].index))


def _own_parts(value: Any, name: str) -> list[tuple[str, Any, Any, bool]]:
    """Return name, label, values of each column, and that it is none of the index."""
    if isinstance(value, pd.Series):
        label = _label(value.name)
        return [(name if label is None else str(label), label, value, False)]
    if value.columns.nlevels > 1:
        raise Unservable("its columns have several levels", hint="Flatten their names in a step.")
    if not value.shape[1]:
        raise Unservable("it has no columns")
    labels = [_label(label) for label in value.columns]
    if None in labels:
        raise Unservable("it has a column without a name", hint="Give each column a name in a step.")
    return [(str(label), label, value.iloc[:, at], False) for at, label in enumerate(labels)]


def _index_parts(index: Any) -> list[tuple[str, Any, Any, bool]]:
    """Return the levels of an index that says something: one with a name, or of anything but integers."""
    if (
        index.nlevels == 1
        and index.name is None
        and (isinstance(index, pd.RangeIndex) or index.dtype.kind in "iu")
    ):
        return []
    levels = [index.get_level_values(at) for at in range(index.nlevels)]
    names = [_label(name) for name in index.names]
    default = ["index"] if len(levels) == 1 else [f"level_{at}" for at in range(len(levels))]
    return [
        (default[at] if names[at] is None else str(names[at]), names[at], level, True)
        for at, level in enumerate(levels)
    ]


def _index(levels: list[tuple[Any, Column]]) -> Any:
    if len(levels) == 1:
        array, column = levels[0]
        return pd.Index(array, name=column.label, dtype=given_dtype(column))
    arrays = [pd.Index(array, dtype=given_dtype(column)) for array, column in levels]
    return pd.MultiIndex.from_arrays(arrays, names=[column.label for _, column in levels])


def _labels(schema: Schema) -> Any:
    return pd.Index([column.label for column in schema.columns if not column.index])


def _for_frame(array: Any, column: Column, index: Any) -> Any:
    dtype = given_dtype(column)
    return array if dtype is None else pd.Series(array, index=index, dtype=dtype)


def _label(label: Any) -> str | int | None:
    if label is None or isinstance(label, str):
        return label
    if isinstance(label, int | np.integer) and not isinstance(label, bool):
        return int(label)
    raise Unservable(f"the label {label!r} is neither a text nor an integer", hint="Rename it in a step.")
