"""Write polars tables and columns through pyarrow, with the names polars has for its types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlock.extras import require
from interlock.identity.hashing import hash_buffer
from interlock.identity.scalars import Encoding, frame
from interlock.identity.walk import Stuck

if TYPE_CHECKING:
    from interlock.identity.walk import Encoder, Walk


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder of a DataFrame, a Series or a dtype; refuse a frame that is still a plan."""
    import polars as pl  # loaded already: a value of it is being digested

    if issubclass(cls, pl.DataFrame):
        return _encode_frame
    if issubclass(cls, pl.Series):
        return _encode_series
    if issubclass(cls, pl.LazyFrame):
        return _refuse_plan
    if issubclass(cls, pl.DataType):
        return lambda value, walk: b"n" + frame(f"polars:{value!r}")
    return None


def _refuse_plan(plan: Any, _walk: Walk) -> Encoding:
    raise Stuck(plan, "it is a plan without rows; call .collect() first")


def _encode_frame(table: Any, walk: Walk) -> Encoding:
    columns = []
    for column in table.get_columns():
        try:
            columns.append(frame(column.name) + _encode_column(column, walk))
        except Stuck as stuck:
            raise stuck.under(f"[{column.name!r}]") from stuck.__cause__
    return b"Lt%d;%d:" % (table.height, len(columns)) + b"".join(columns)


def _encode_series(series: Any, walk: Walk) -> Encoding:
    return b"Ls%d:" % len(series) + frame(series.name) + _encode_column(series, walk)


def _encode_column(column: Any, walk: Walk) -> Encoding:
    import polars as pl

    kind = frame(str(column.dtype))
    if column.dtype == pl.Object:
        return kind + hash_buffer(walk.encode(column.to_list()))
    require("pyarrow", extra="tables")
    # Imported after pyarrow was asked for, which polars itself can do without.
    from interlock.identity.arrow import column_content

    return kind + column_content(column.to_arrow(), walk)
