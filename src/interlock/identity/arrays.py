"""Write numpy arrays, numpy scalars and scipy sparse matrices by type, shape and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from interlock.identity.hashing import hash_buffer, hash_buffers
from interlock.identity.scalars import Encoding, frame
from interlock.identity.walk import Stuck

if TYPE_CHECKING:
    from interlock.identity.walk import Encoder, Walk

# Large enough that the loop costs nothing, small enough that a block stays in the processor's cache.
_BLOCK = 1 << 19

# So many rows of the usual table lie in the cache together.
_ROWS = 4096

# Kinds of dtype whose items are their bytes. Not among them: objects, and numpy's variable-width
# strings, whose items are pointers.
_FLAT_KINDS = "biufcmMSUV"


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder of an array, a numpy scalar, a dtype or a sparse matrix."""
    import numpy as np  # loaded already: a value of it is being digested

    if issubclass(cls, np.ndarray):
        if issubclass(cls, np.ma.MaskedArray):
            return _encode_masked
        return encode_array if cls in (np.ndarray, np.memmap) else _encode_subclass
    if issubclass(cls, np.generic):
        return lambda value, walk: b"g" + encode_array(np.asarray(value), walk)
    if issubclass(cls, np.dtype):
        return lambda value, walk: b"w" + dtype_text(value)
    if issubclass(cls, np.ufunc):
        return _encode_ufunc
    if cls.__module__.startswith("scipy.sparse") and hasattr(cls, "tocoo"):
        return _encode_sparse
    return None


def _encode_ufunc(value: Any, _walk: Walk) -> Encoding:
    if value.__name__.endswith("(vectorized)"):
        raise Stuck(value, "it hides the Python function that it was made of")
    return b"n" + frame(f"numpy:{value.__name__}")


def encode_array(array: Any, walk: Walk) -> Encoding:
    """Write the dtype, the shape and the values in C order, whatever the strides."""
    shape = b"%d:" % array.ndim + b"".join(b"%d," % size for size in array.shape)
    return b"A" + dtype_text(array.dtype) + shape + array_content(array, walk)


def dtype_text(dtype: Any) -> Encoding:
    """Write a dtype by its fields and their types; offsets and padding are layout."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return b"s" + frame(str(shape)) + dtype_text(base)
    if dtype.names is None:
        return b"t" + frame(f"{dtype.str} {dtype.name}")
    fields = b"".join(frame(name) + dtype_text(dtype.fields[name][0]) for name in dtype.names)
    return b"r%d:" % len(dtype.names) + fields


def array_content(array: Any, walk: Walk) -> Encoding:
    """Return the hash of the values in C order."""
    if array.dtype.names is not None:
        # Field by field: the padding between fields holds whatever was in memory before.
        return hash_buffers(array_content(array[name], walk) for name in array.dtype.names)
    if array.dtype.kind not in _FLAT_KINDS or array.dtype.hasobject:
        return hash_buffer(walk.encode(array.ravel().tolist()))
    return hash_buffers(array_buffers(array))


def array_buffers(array: Any) -> Iterator[memoryview]:
    """Yield the bytes of a flat array in C order, in blocks that are copied only where they must be.

    All NaNs are written as one: which of them a computation gives depends on the processor.
    """
    if array.size == 0 or array.dtype.itemsize == 0:
        return
    is_float = array.dtype.kind in "fc"
    for block in _blocks(array):
        clean = _one_nan(block) if is_float else block
        yield memoryview(clean.view("u1"))


def _blocks(array: Any) -> Iterator[Any]:
    """Yield contiguous one-dimensional pieces that follow each other in C order."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        step = max(1, _BLOCK // array.dtype.itemsize)
        for start in range(0, flat.size, step):
            yield flat[start : start + step]
        return
    # A few rows at least: where the last axis is the scattered one, they share lines of the cache.
    rows = max(8, _BLOCK * len(array) // max(1, array.size * array.dtype.itemsize))
    for start in range(0, len(array), rows):
        yield _contiguous(array[start : start + rows]).reshape(-1)


def _contiguous(array: Any) -> Any:
    """Return a copy in C order, made tile by tile: both sides of a tile stay in the processor's cache."""
    import numpy as np

    if array.ndim != 2 or array.shape[1] <= _ROWS:
        return np.ascontiguousarray(array)
    target = np.empty(array.shape, array.dtype)
    for start in range(0, array.shape[1], _ROWS):
        columns = slice(start, start + _ROWS)
        target[:, columns] = array[:, columns]
    return target


def is_scattered(column: Any) -> bool:
    """Say whether a long one-dimensional array of flat items has gaps between them."""
    return len(column) > _ROWS and column.dtype.kind in _FLAT_KINDS and not column.flags.c_contiguous


def pack(columns: list[Any]) -> list[Any]:
    """Return copies without gaps, made side by side, block of rows by block of rows."""
    import numpy as np

    packed = [np.empty(len(column), column.dtype) for column in columns]
    for start in range(0, len(columns[0]), _ROWS):
        rows = slice(start, start + _ROWS)
        for source, target in zip(columns, packed, strict=True):
            target[rows] = source[rows]
    return packed


def _one_nan(block: Any) -> Any:
    import numpy as np

    if block.dtype.char in "gG":
        return _long_double_bytes(block)
    parts = (
        block.view(f"{block.dtype.byteorder}f{block.dtype.itemsize // 2}")
        if block.dtype.kind == "c"
        else block
    )
    # The minimum of numbers with a NaN among them is NaN: far cheaper than to look at each.
    with np.errstate(all="ignore"):
        if parts.min() == parts.min():
            return block
    return np.where(np.isnan(parts), parts.dtype.type(np.nan), parts).astype(parts.dtype, copy=False)


def _long_double_bytes(block: Any) -> Any:
    """Return the bytes of extended floats without the padding that fills them up to 16 bytes."""
    import numpy as np

    real = block.view("g") if block.dtype.kind == "c" else block
    real = np.where(np.isnan(real), np.longdouble("nan"), real)
    used = 10 if np.finfo(np.longdouble).nmant == 63 else real.dtype.itemsize
    return np.ascontiguousarray(real.view("u1").reshape(-1, real.dtype.itemsize)[:, :used]).reshape(-1)


def _encode_subclass(array: Any, walk: Walk) -> Encoding:
    import numpy as np

    extra = walk.encode(getattr(array, "__dict__", None) or None)
    return b"a" + walk.encode(type(array)) + extra + encode_array(array.view(np.ndarray), walk)


def _encode_masked(array: Any, walk: Walk) -> Encoding:
    import numpy as np

    mask = np.ma.getmaskarray(array)
    data = np.array(array.data)
    # What lies under the mask is no content.
    data[mask] = np.zeros((), data.dtype)
    return b"k" + encode_array(data, walk) + encode_array(mask, walk) + walk.encode(array.fill_value)


def _encode_sparse(matrix: Any, walk: Walk) -> Encoding:
    """Write a sparse matrix with its entries in order and each place once."""
    compressed = matrix.format in ("csr", "csc")
    plain = matrix if compressed else matrix.tocoo()
    if not plain.has_canonical_format:
        plain = plain.copy()
        plain.sum_duplicates()
    places = (plain.indptr, plain.indices) if compressed else plain.coords
    parts = [encode_array(place.astype("<i8", copy=False), walk) for place in places]
    head = b"q" + walk.encode(type(matrix)) + walk.encode(tuple(int(size) for size in matrix.shape))
    return head + b"".join(parts) + encode_array(plain.data, walk)
