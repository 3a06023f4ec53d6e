"""Write pandas tables, columns and indexes by what they say, not by how they keep it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from interlock.identity.arrays import array_content, dtype_text, is_scattered, pack
from interlock.identity.hashing import hash_buffer, hash_buffers
from interlock.identity.scalars import Encoding, frame
from interlock.identity.walk import Stuck

if TYPE_CHECKING:
    from interlock.identity.walk import Encoder, Walk

_PACKED = 16


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder of a DataFrame, a Series, an Index or a column's array."""
    import pandas as pd  # loaded already: a value of it is being digested

    if issubclass(cls, pd.DataFrame):
        return _encode_frame
    if issubclass(cls, pd.Series):
        return _encode_series
    if issubclass(cls, pd.Index):
        return _encode_index
    if issubclass(cls, pd.api.extensions.ExtensionArray):
        return lambda value, walk: b"vx" + _encode_values(value, walk)
    return None


def _encode_frame(table: Any, walk: Walk) -> Encoding:
    """Write the columns with their labels, and the index where it says more than a row number."""
    labels = table.columns.tolist()
    columns = _packed([series.array for _, series in table.items()])
    encodings = []
    for label, values in zip(labels, columns, strict=True):
        try:
            encodings.append(_encode_values(values, walk))
        except Stuck as stuck:
            raise stuck.under(f"[{label!r}]") from stuck.__cause__
    head = b"vt%d;%d:" % (len(table), len(labels)) + _extras(table, walk)
    names = walk.encode(labels) + walk.encode(list(table.columns.names))
    return head + names + _encode_rows(table.index, walk) + b"".join(encodings)


def _packed(columns: list[Any]) -> Iterator[Any]:
    """Yield the columns, those that lie row by row in memory packed a few at a time.

    A line of the processor's cache then serves several columns instead of one.
    """
    import numpy as np

    plain = [isinstance(column.dtype, np.dtype) and is_scattered(np.asarray(column)) for column in columns]
    for scattered, group in groupby(zip(plain, columns, strict=True), key=itemgetter(0)):
        members = [column for _, column in group]
        if scattered:
            for start in range(0, len(members), _PACKED):
                yield from pack([np.asarray(column) for column in members[start : start + _PACKED]])
        else:
            yield from members


def _encode_series(series: Any, walk: Walk) -> Encoding:
    head = b"vs%d:" % len(series) + _extras(series, walk) + walk.encode(series.name)
    return head + _encode_rows(series.index, walk) + _encode_values(series.array, walk)


def _extras(table: Any, walk: Walk) -> Encoding:
    """Write what is seldom there: a class of the user's own, and attributes of the table."""
    own = type(table) if not type(table).__module__.startswith("pandas.") else None
    return walk.encode(own) + walk.encode(dict(table.attrs))


def _encode_rows(index: Any, walk: Walk) -> Encoding:
    return b"-" if _is_row_number(index) else walk.encode(index)


def _is_row_number(index: Any) -> bool:
    """Say whether the index only counts the rows from 0, however it is kept."""
    import numpy as np
    import pandas as pd

    if index.nlevels > 1 or index.name is not None:
        return False
    if type(index) is pd.RangeIndex:
        return bool((index.start == 0 and index.step == 1) or not len(index))
    if index.dtype != np.dtype("int64") or not len(index) or index[0] != 0 or index[-1] != len(index) - 1:
        return False
    return bool(np.array_equal(index.to_numpy(), np.arange(len(index))))


def _encode_index(index: Any, walk: Walk) -> Encoding:
    names = walk.encode(list(index.names))
    levels = [index.get_level_values(number).array for number in range(index.nlevels)]
    return (
        b"vi%d;%d:" % (len(index), len(levels))
        + names
        + b"".join(_encode_values(level, walk) for level in levels)
    )


def _encode_values(values: Any, walk: Walk) -> Encoding:
    """Write the dtype and the values of one column."""
    import numpy as np

    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return b"c" + dtype_text(dtype) + array_content(np.asarray(values), walk)
    return b"x" + frame(_dtype_name(dtype)) + _extension_content(values, walk)


def _dtype_name(dtype: Any) -> str:
    import pandas as pd

    # The name of a categorical dtype says nothing of its categories; these are written apart.
    return "category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype)


def _extension_content(values: Any, walk: Walk) -> Encoding:
    """Return the content of a column that pandas keeps in an array of its own."""
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        ordered = b"o" if values.ordered else b"u"
        return ordered + walk.encode(values.categories) + array_content(values.codes, walk)
    if isinstance(dtype, pd.StringDtype):
        return _text_content(values)
    if isinstance(dtype, pd.ArrowDtype):
        # Imported here as pandas can do without pyarrow; a column of this dtype cannot.
        from interlock.identity.arrow import column_content

        return column_content(values.__arrow_array__(), walk)
    if isinstance(dtype, pd.IntervalDtype):
        return _encode_values(values.left.array, walk) + _encode_values(values.right.array, walk)
    if isinstance(dtype, pd.SparseDtype):
        return array_content(values.to_dense(), walk)
    return _number_content(values, walk)


def _number_content(values: Any, walk: Walk) -> Encoding:
    """Return the content of times and nullable numbers; of what nobody here knows, item by item."""
    import numpy as np

    if hasattr(values, "asi8"):
        return array_content(values.asi8, walk)
    if _is_masked(values.dtype):
        missing = np.asarray(values.isna())
        filled = values.to_numpy(dtype=values.dtype.numpy_dtype, na_value=values.dtype.type(0))
        return array_content(missing, walk) + array_content(filled, walk)
    return hash_buffer(walk.encode(values.tolist()))


def _is_masked(dtype: Any) -> bool:
    import pandas as pd

    return isinstance(dtype, pd.BooleanDtype) or (
        hasattr(dtype, "numpy_dtype") and pd.api.types.is_numeric_dtype(dtype)
    )


def _text_content(values: Any) -> Encoding:
    """Return the content of a column of text, kept by pyarrow or as Python objects."""
    if hasattr(values, "__arrow_array__") and values.dtype.storage == "pyarrow":
        from interlock.identity.arrow import text_content

        return text_content(values.__arrow_array__())
    return _text_objects(values.to_numpy(dtype=object, na_value=None))


def _text_objects(texts: Sequence[str | None]) -> Encoding:
    """Return what `arrow.text_content` returns of the same texts."""
    import numpy as np

    data: list[bytes] = [b"" if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
    present: Any = np.fromiter((text is not None for text in texts), "?", count=len(texts))
    lengths: Any = np.fromiter(map(len, data), "<i8", count=len(data))
    validity = b"n" + hash_buffer(memoryview(present.view("u1"))) if not present.all() else b"v"
    return hash_buffer(
        validity + hash_buffer(memoryview(lengths.view("u1"))) + hash_buffers([b"".join(data)])
    )
