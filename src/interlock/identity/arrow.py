"""Write pyarrow data by what it says: names, types, values and what is null.

How the values lie in memory leaves no trace: chunks, offsets of slices, what lies under a null,
a validity bitmap of a column without nulls, dictionaries of their own in each chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any

from interlock.identity.arrays import array_buffers
from interlock.identity.hashing import hash_buffer, hash_buffers
from interlock.identity.scalars import Encoding, frame

if TYPE_CHECKING:
    from interlock.identity.walk import Encoder, Walk

_LENGTH = "<i8"


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder of a table, a record batch or an array."""
    import pyarrow as pa  # loaded already: a value of it is being digested

    if issubclass(cls, (pa.Table, pa.RecordBatch)):
        return _encode_table
    if issubclass(cls, (pa.Array, pa.ChunkedArray)):
        return _encode_array
    return None


def _encode_table(table: Any, walk: Walk) -> Encoding:
    tag = b"R" if type(table).__name__ == "RecordBatch" else b"W"
    columns = [
        frame(field.name) + encode_column(column, walk)
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    return b"%b%d;%d:" % (tag, table.num_rows, len(columns)) + b"".join(columns)


def _encode_array(array: Any, walk: Walk) -> Encoding:
    return b"V" + encode_column(array, walk)


def encode_column(column: Any, walk: Walk) -> Encoding:
    """Write the type and the values of an array, in one chunk or in many."""
    return frame(_type_text(column.type)) + column_content(column, walk)


def column_content(column: Any, walk: Walk) -> Encoding:
    """Return the hash of length, validity and values."""
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    return b"%d;" % len(column) + _content(chunks, column.type, walk)


def text_content(column: Any) -> Encoding:
    """Return the hash of validity and texts, the same for every way in which pyarrow keeps text."""
    import pyarrow as pa

    chunks = column.chunks if hasattr(column, "chunks") else [column]
    if pa.types.is_string_view(column.type):
        chunks = [chunk.cast(pa.large_string()) for chunk in chunks]
    return hash_buffer(_validity(chunks) + _text_content(chunks))


def _type_text(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        # The width of the indices is layout.
        return f"dictionary<{kind.value_type}, ordered={kind.ordered}>"
    return str(kind)


def _content(chunks: Sequence[Any], kind: Any, walk: Walk) -> Encoding:
    """Return the hash of the values of one column, by the family of its type."""
    import pyarrow as pa

    other = _simpler(kind)
    if other is not None:
        simpler, convert = other
        return _content([convert(chunk) for chunk in chunks], simpler, walk)
    validity = _validity(chunks)
    if pa.types.is_null(kind):
        return validity
    if pa.types.is_struct(kind):
        return hash_buffer(validity + _struct_content(chunks, kind, walk))
    if pa.types.is_nested(kind):
        return hash_buffer(validity + _nested_content(chunks, kind, walk))
    if _has_offsets(kind):
        return hash_buffer(validity + _text_content(chunks))
    return hash_buffer(validity + hash_buffers(_fixed_buffers(chunks, kind)))


def _simpler(kind: Any) -> tuple[Any, Callable[[Any], Any]] | None:
    """Return the type that a type is only another way of keeping, and how to get there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_a = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type, attrgetter("storage")
    if is_a.is_dictionary(kind):
        return kind.value_type, methodcaller("dictionary_decode")
    if is_a.is_run_end_encoded(kind):
        return kind.value_type, pc.run_end_decode
    target = None
    if is_a.is_map(kind):
        # A map is a list of pairs; most of pyarrow's functions know lists only.
        target = pa.list_(pa.struct([kind.key_field, kind.item_field]))
    elif is_a.is_string_view(kind):
        target = pa.large_string()
    elif is_a.is_binary_view(kind):
        target = pa.large_binary()
    return None if target is None else (target, methodcaller("cast", target))


def _has_offsets(kind: Any) -> bool:
    import pyarrow as pa

    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_binary,
            pa.types.is_large_string,
            pa.types.is_large_binary,
        )
    )


def _validity(chunks: Sequence[Any]) -> Encoding:
    """Return one byte for a column without nulls, else the hash of a byte for each value."""
    if not any(chunk.null_count for chunk in chunks):
        return b"v"
    return b"n" + hash_buffers(memoryview(_valid(chunk).view("u1")) for chunk in chunks)


def _valid(chunk: Any) -> Any:
    return chunk.is_valid().to_numpy(zero_copy_only=False)


def _fixed_buffers(chunks: Sequence[Any], kind: Any) -> Iterator[memoryview]:
    """Yield the values of a type of fixed width, zeros in the place of nulls."""
    import numpy as np
    import pyarrow as pa

    for chunk in chunks:
        if not len(chunk):
            continue
        values = _bools(chunk) if pa.types.is_boolean(kind) else _items(chunk, kind)
        if chunk.null_count:
            values = values.copy()
            values[~_valid(chunk)] = np.zeros((), values.dtype)
        yield from array_buffers(values)


def _items(chunk: Any, kind: Any) -> Any:
    """Return the values as numpy sees their bytes, without a copy."""
    import numpy as np
    import pyarrow as pa

    width = kind.bit_width // 8
    dtype = f"<f{width}" if pa.types.is_floating(kind) else f"V{width}"
    buffer = chunk.buffers()[1]
    if buffer is None or width == 0:
        return np.zeros(0, "u1")
    return np.frombuffer(buffer, dtype, count=len(chunk), offset=chunk.offset * width)


def _bools(chunk: Any) -> Any:
    """Return one byte for each value of a bitmap."""
    import numpy as np

    first = chunk.offset // 8
    skipped = chunk.offset - first * 8
    count = -(-(skipped + len(chunk)) // 8)
    packed = np.frombuffer(chunk.buffers()[1], "u1", count=count, offset=first)
    return np.unpackbits(packed, bitorder="little")[skipped : skipped + len(chunk)]


def _text_content(chunks: Sequence[Any]) -> Encoding:
    """Return the hashes of all lengths and of all bytes."""
    packed = [_compact(chunk) for chunk in chunks if len(chunk)]
    lengths = hash_buffers(memoryview(lengths.view("u1")) for lengths, _ in packed)
    return lengths + hash_buffers(data for _, data in packed)


def _compact(chunk: Any) -> tuple[Any, memoryview]:
    """Return the lengths of the texts and their bytes, nothing under a null."""
    import numpy as np
    import pyarrow as pa

    lengths, data = _texts(chunk)
    if chunk.null_count and lengths[~_valid(chunk)].any():
        lengths, data = _texts(chunk.fill_null(pa.scalar("" if _is_text(chunk) else b"", chunk.type)))
    return np.ascontiguousarray(lengths, _LENGTH), data


def _is_text(chunk: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type))


def _texts(chunk: Any) -> tuple[Any, memoryview]:
    import numpy as np

    _, offsets_buffer, data = chunk.buffers()
    width = 8 if str(chunk.type).startswith("large") else 4
    offsets = np.frombuffer(offsets_buffer, f"<i{width}", count=len(chunk) + 1, offset=chunk.offset * width)
    whole = memoryview(data) if data is not None else memoryview(b"")
    return np.diff(offsets), whole[int(offsets[0]) : int(offsets[-1])]


def _struct_content(chunks: Sequence[Any], kind: Any, walk: Walk) -> Encoding:
    # `flatten` hands the nulls of the struct down to its fields and minds the offset.
    columns = [chunk.flatten() for chunk in chunks]
    fields = [kind.field(index) for index in range(kind.num_fields)]
    return b"".join(
        frame(field.name) + _content([column[index] for column in columns], field.type, walk)
        for index, field in enumerate(fields)
    )


def _nested_content(chunks: Sequence[Any], kind: Any, walk: Walk) -> Encoding:
    """Write lists by their lengths and their items; unions item by item."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_union(kind):
        return walk.encode([item for chunk in chunks for item in chunk.to_pylist()])
    counts = [pc.fill_null(pc.list_value_length(chunk), 0).to_numpy().astype(_LENGTH) for chunk in chunks]
    lengths = hash_buffers(memoryview(count.view("u1")) for count in counts if len(count))
    # `flatten` leaves out what lies in the lists of nulls and minds the offset.
    items = [chunk.flatten() for chunk in chunks]
    item_type = items[0].type if items else pa.null()
    return lengths + _content(items, item_type, walk)
