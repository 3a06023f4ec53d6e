"""pandas and polars data by logical content.

The same rows in pandas, polars and pyarrow have different digests: the library is part of what a step returns.
"""

from __future__ import annotations

from typing import Any

from interlock.identity.scalars import Encoding, frame
from interlock.identity.walk import Encoder, Stuck, Walk, encode_items, join


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder of frames, series and indexes."""
    library, name = cls.__module__.partition(".")[0], cls.__name__
    if library == "polars":
        return {"DataFrame": _encode_polars, "Series": _encode_polars_series}.get(name)
    if library != "pandas":
        return None
    if name in ("DataFrame", "Series"):
        return _encode_frame if name == "DataFrame" else _encode_series
    return _encode_index if name.endswith("Index") else None


def _encode_polars(value: Any, walk: Walk) -> Encoding:
    return b"Tp" + walk.encode(value.to_arrow())


def _encode_polars_series(value: Any, walk: Walk) -> Encoding:
    return b"Tq" + _encode_polars(value.to_frame(), walk)


def _encode_frame(value: Any, walk: Walk) -> Encoding:
    columns = [
        _encode_column(value.iloc[:, place], walk, str(name)) for place, name in enumerate(value.columns)
    ]
    names = walk.encode(list(value.columns)) + walk.encode(list(value.columns.names))
    return b"TP" + names + join(b"", columns) + _encode_row_index(value.index, walk)


def _encode_series(value: Any, walk: Walk) -> Encoding:
    column = _encode_column(value, walk, str(value.name))
    return b"TS" + walk.encode(value.name) + column + _encode_row_index(value.index, walk)


def _encode_row_index(index: Any, walk: Walk) -> Encoding:
    """Write an index that counts from zero as its length: it says nothing that the rows do not."""
    if type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1 and index.name is None:
        return b"I%d;" % len(index)
    return _encode_index(index, walk)


def _encode_index(index: Any, walk: Walk) -> Encoding:
    if index.nlevels > 1:
        levels = [_encode_index(index.get_level_values(level), walk) for level in range(index.nlevels)]
        return b"Im" + join(b"", levels)
    column = _encode_column(index.to_series(), walk, "the index")
    return b"Ii" + walk.encode(list(index.names)) + column


def _encode_column(column: Any, walk: Walk, name: str) -> Encoding:
    dtype = column.dtype
    head = frame(str(dtype))
    if getattr(dtype, "kind", "O") in "biufcmM" and type(dtype).__module__.startswith("numpy"):
        from interlock.identity.arrays import array_content

        return head + array_content(column.to_numpy(), walk)
    if str(dtype) == "object":
        try:
            return head + join(b"o", encode_items(column.tolist(), walk))
        except Stuck as stuck:
            raise stuck.under(f"[{name!r}]") from stuck.__cause__
    return head + _encode_through_arrow(column, walk)


def _encode_through_arrow(column: Any, walk: Walk) -> Encoding:
    import pyarrow as pa  # pandas' own strings, categories and nullable types lie in Arrow or turn into it

    from interlock.identity.arrow import encode_column

    return encode_column(pa.Array.from_pandas(column), walk)
