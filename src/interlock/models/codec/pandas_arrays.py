"""One column of pandas: its dtype in a schema, and its values to and from JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from interlock.extras import require
from interlock.models.codec.cells import Cells, read_cells
from interlock.models.codec.faults import Faults
from interlock.models.codec.numpy_values import array_column, array_list, flat_array
from interlock.models.codec.outgoing import time_list
from interlock.models.codec.schema import Column, ColumnType, Unservable

_ARROW = "arrow:"
_MASKED: dict[str, tuple[ColumnType, Any]] = {
    "i": ("int", pd.arrays.IntegerArray),
    "u": ("int", pd.arrays.IntegerArray),
    "f": ("float", pd.arrays.FloatingArray),
    "b": ("bool", pd.arrays.BooleanArray),
}


def column_of(values: Any, name: str, *, label: str | int | None, index: bool = False) -> Column:
    """Return the column of a series or an index level.

    Raises:
        Unservable: Its dtype cannot be rebuilt from JSON.
    """
    column = _column_of(values, name, label)
    if not isinstance(values.dtype, np.dtype) and column.derived(pandas_dtype) != values.dtype:
        raise Unservable(f"its dtype {values.dtype!r} is not known well enough to rebuild it", column=name)
    return replace(column, index=True) if index else column


def list_of(values: Any, column: Column, *, nan_is_null: bool) -> list[Any]:
    """Return a series or an index level as JSON values.

    Raises:
        NotEncodable: A value has no form in JSON.
    """
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return array_list(values.to_numpy(), column, nan_is_null=nan_is_null)
    if isinstance(dtype, pd.CategoricalDtype):
        codes = values.array.codes.tolist()
        return [None if code < 0 else column.categories[code] for code in codes]
    if isinstance(dtype, pd.DatetimeTZDtype):
        return time_list(values.to_numpy(dtype=f"M8[{dtype.unit}]").view(np.int64), column)
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow().arrow_list(_arrow_array(values), column, nan_is_null=nan_is_null)  # type: ignore[no-any-return]
    if isinstance(dtype, pd.StringDtype):
        return _masked(values.to_numpy(dtype=object).tolist(), values.isna())
    filled = values.to_numpy(dtype=column.number, na_value=_nothing(column))
    is_null = np.asarray(values.isna())
    return _masked(array_list(filled, column, nan_is_null=nan_is_null), is_null)


def array_of(column: Column, cells: Cells) -> Any:
    """Return the cells as an array of exactly the column's dtype."""
    dtype = column.derived(pandas_dtype)
    if isinstance(dtype, np.dtype):
        return flat_array(column, cells, na=pd.NA)
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Categorical.from_codes(cells.values, dtype=dtype)
    if isinstance(dtype, pd.ArrowDtype):
        return pd.arrays.ArrowExtensionArray(_arrow().arrow_array(column, cells))
    if isinstance(dtype, pd.StringDtype | pd.DatetimeTZDtype):
        return pd.array(cells.values, dtype=dtype)
    mask = np.zeros(len(cells.values), dtype=np.bool_) if cells.mask is None else cells.mask
    return _MASKED[np.dtype(column.number).kind][1](cells.values, mask)


def pandas_dtype(column: Column) -> Any:
    """Return the dtype of a column."""
    dtype = column.dtype
    if dtype.startswith(_ARROW):
        return pd.ArrowDtype(_arrow().arrow_type(column))
    if dtype == "category":
        return pd.CategoricalDtype(column.derived(_categories), ordered=column.ordered)
    if column.type == "timestamp" and column.tz is not None:
        return pd.DatetimeTZDtype(column.unit, column.tz)  # type: ignore[call-overload]
    if dtype.startswith(("str[", "string[")):
        storage: Literal["python", "pyarrow"] = "pyarrow" if "pyarrow" in dtype else "python"
        # Only newer versions of pandas know of na_value, and only they have texts whose null is NaN.
        return (
            pd.StringDtype(storage, na_value=np.nan) if dtype.startswith("str[") else pd.StringDtype(storage)
        )
    return pd.api.types.pandas_dtype(dtype)


def given_dtype(column: Column) -> Any:
    """Return object where pandas has to be told: it makes another dtype of bare arrays of texts."""
    return object if column.dtype == "object" else None


def _column_of(values: Any, name: str, label: str | int | None) -> Column:
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return array_column(values.to_numpy(), name, label=label)
    if isinstance(dtype, pd.ArrowDtype):
        found: Column = _arrow().arrow_column(_arrow_array(values), name, label=label)
        return replace(found, dtype=f"{_ARROW}{found.dtype}")
    nullable = bool(values.isna().any())
    if isinstance(dtype, pd.CategoricalDtype):
        return _category_column(dtype, name, label, nullable=nullable)
    if isinstance(dtype, pd.StringDtype):
        kind = "string" if dtype.na_value is pd.NA else "str"
        return Column(name, "string", f"{kind}[{dtype.storage}]", nullable=nullable, label=label)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Column(
            name,
            "timestamp",
            f"datetime64[{dtype.unit}]",
            nullable=nullable,
            label=label,
            number="int64",
            unit=dtype.unit,
            tz=str(dtype.tz),
        )
    number = getattr(dtype, "numpy_dtype", None)
    if number is None or number.kind not in _MASKED:
        raise Unservable(
            f"its dtype is {dtype}", column=name, hint="Let a step turn it into numbers or text."
        )
    kinds = _MASKED[number.kind][0]
    return Column(name, kinds, dtype.name, nullable=nullable, label=label, number=number.name)


def _category_column(dtype: Any, name: str, label: str | int | None, *, nullable: bool) -> Column:
    of = _column_of(dtype.categories, name, None)
    if not len(dtype.categories) or of.type in {"json", "category"}:
        problem = (
            "its categories are no texts, numbers or times"
            if len(dtype.categories)
            else "it has no categories"
        )
        raise Unservable(problem, column=name)
    return Column(
        name,
        "category",
        "category",
        nullable=nullable,
        label=label,
        categories=tuple(list_of(dtype.categories, of, nan_is_null=False)),
        ordered=bool(dtype.ordered),
        of=of,
    )


def _categories(column: Column) -> Any:
    if column.of is None:
        raise Unservable("it has no categories", column=column.name)
    cells = read_cells(column.of, list(column.categories), Faults())
    return None if cells is None else pd.Index(array_of(column.of, cells), dtype=given_dtype(column.of))


def _nothing(column: Column) -> Any:
    return {"float": np.nan, "bool": False}.get(column.type, 0)


def _masked(values: list[Any], is_null: Any) -> list[Any]:
    """Return the values with None where there is a null."""
    if not is_null.any():
        return values
    return [None if null else value for value, null in zip(values, is_null.tolist(), strict=True)]


def _arrow_array(values: Any) -> Any:
    return require("pyarrow", extra="tables").chunked_array([values.array.__arrow_array__()])


def _arrow() -> Any:
    """Return the arrow kind, which imports pyarrow."""
    require("pyarrow", extra="tables")
    from interlock.models.codec import arrow_values

    return arrow_values
