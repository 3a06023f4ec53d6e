"""One column of pandas as an Arrow array and back, with its exact dtype.

Arrow's own conversion forgets some of what pandas knows: object columns come back as text, missing values
change their kind, categories their type. Each column is therefore stored with a note, a JSON list of what it
was and what else is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from interlock.extras import require
from interlock.store.formats.arrays import object_array
from interlock.store.formats.arrow import MappedTable
from interlock.store.formats.format import Unstorable
from interlock.store.formats.plain import decode, encode, to_text
from interlock.store.formats.scalars import NotPlain

if TYPE_CHECKING:
    import pyarrow as pa

Note = list[Any]
_NUMPY_KINDS = "biufMm"


def to_arrow(column: Any, where: str) -> tuple[pa.Array, Note]:
    """Return the values of a Series or an Index as an Arrow array, and the note for `to_pandas`.

    Args:
        column: The Series or Index.
        where: What the column is called in an error.

    Raises:
        Unstorable: The column holds what cannot be kept; the error says where.
    """
    pa = require("pyarrow", extra="tables")
    pd = require("pandas", extra="tables")
    dtype = column.dtype
    try:
        if str(dtype) == "object":
            return _objects_to_arrow(column, where)
        if isinstance(dtype, pd.CategoricalDtype):
            return _categories_to_arrow(column.array, where)
        if isinstance(dtype, pd.StringDtype):
            missing = "nan" if dtype.na_value is not pd.NA else "NA"
            return _whole(pa.array(column.array)), ["string", dtype.storage, missing]
        if isinstance(dtype, pd.ArrowDtype):
            return _whole(pa.array(column.array)), ["arrow"]
        if getattr(dtype, "kind", "") in _NUMPY_KINDS and type(dtype).__module__.startswith("numpy"):
            return pa.array(column.to_numpy()), ["numpy", dtype.str]
        if pd.api.types.pandas_dtype(str(dtype)) == dtype and hasattr(dtype, "__from_arrow__"):
            return _storage(_whole(pa.array(column.array))), ["pandas", str(dtype)]
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _refused(where, f"{dtype}: {error}") from error
    raise _refused(where, str(dtype))


def to_pandas(place: int, note: Note, mapped: MappedTable) -> Any:
    """Return the values of column `place` of a mapped file, as an array of the dtype that it had."""
    kind, *body = note
    return _READERS[kind](mapped.table.column(place).chunk(0), mapped, *body)  # written as one batch


def _objects_to_arrow(column: Any, where: str) -> tuple[pa.Array, Note]:
    """Write text as text, bytes as bytes, and other Python objects each as JSON that remembers its type."""
    pa = require("pyarrow", extra="tables")
    values = column.tolist()
    types = {type(value) for value in values} - {type(None)}
    if types <= {str}:
        return pa.array(values, pa.large_string()), ["text"]
    if types <= {bytes}:
        return pa.array(values, pa.large_binary()), ["text"]
    texts = []
    for row, value in enumerate(values):
        try:
            texts.append(to_text(encode(value)))
        except NotPlain as error:
            problem = f"an object of type {type(value).__qualname__!r} in row {row}"
            raise _refused(where, problem) from error
    return pa.array(texts, pa.large_string()), ["objects"]


def _categories_to_arrow(values: Any, where: str) -> tuple[pa.Array, Note]:
    pa = require("pyarrow", extra="tables")
    np = require("numpy", extra="tables")
    known, note = to_arrow(values.categories, f"{where} (its categories)")
    codes = pa.array(values.codes, mask=np.asarray(values.codes) < 0)
    return pa.DictionaryArray.from_arrays(codes, known), ["category", values.ordered, note]


def _refused(where: str, problem: str) -> Unstorable:
    return Unstorable(
        f"{where} cannot be kept: {problem}.",
        hint="Convert it to numbers, text, dates or categories.",
    )


def _whole(column: Any) -> Any:
    """Return one array where pandas hands out several chunks."""
    pa = require("pyarrow", extra="tables")
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _storage(column: Any) -> Any:
    """Return what is inside an array of a type that only pandas knows."""
    return getattr(column, "storage", column)


def _read_numpy(column: pa.Array, mapped: MappedTable, dtype: str) -> Any:
    # Bits are unpacked. A missing date is written as such in the values themselves, too.
    return column.to_numpy(zero_copy_only=False) if dtype == "|b1" else mapped.writable(column, dtype)


def _read_objects(column: pa.Array, _: MappedTable) -> Any:
    return object_array(decode(json.loads(text)) for text in column.to_pylist())


def _read_string(column: pa.Array, _: MappedTable, storage: str, missing: str) -> Any:
    pd = require("pandas", extra="tables")
    # Before pandas 2.3 there was no choice of the missing value.
    dtype = pd.StringDtype(storage) if missing == "NA" else pd.StringDtype(storage, na_value=float("nan"))
    return dtype.__from_arrow__(column)


def _read_pandas(column: pa.Array, _: MappedTable, dtype: str) -> Any:
    return require("pandas", extra="tables").api.types.pandas_dtype(dtype).__from_arrow__(column)


def _read_arrow(column: pa.Array, _: MappedTable) -> Any:
    return require("pandas", extra="tables").ArrowDtype(column.type).__from_arrow__(column)


def _read_category(column: pa.Array, mapped: MappedTable, ordered: bool, note: Note) -> Any:
    pd = require("pandas", extra="tables")
    kind, *body = note
    # The dictionary is small, and need not lie in the mapped file as one piece: it is copied.
    values = _COPIERS.get(kind, _READERS[kind])(column.dictionary, mapped, *body)
    categories = pd.Index(values, dtype=values.dtype, copy=False)
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered))


def _copy_numpy(column: pa.Array, _: MappedTable, dtype: str) -> Any:
    return column.to_numpy(zero_copy_only=False).astype(dtype)


_READERS: dict[str, Callable[..., Any]] = {
    "numpy": _read_numpy,
    "text": lambda column, _: object_array(column.to_pylist()),
    "objects": _read_objects,
    "string": _read_string,
    "pandas": _read_pandas,
    "arrow": _read_arrow,
    "category": _read_category,
}
_COPIERS: dict[str, Callable[..., Any]] = {"numpy": _copy_numpy}
