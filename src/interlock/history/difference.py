"""How far two values are apart: identical in shape, and by how much their numbers differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DEEPEST = 30

LEAST = 1e-6
"""What numbers are compared with that are smaller than it: what is left of zero after rounding is no difference."""


@dataclass(frozen=True)
class Difference:
    """The largest difference between two values.

    Attributes:
        size: Relative to the larger of the two numbers, or to `LEAST` where both are smaller; infinite where no
            number says how far apart they are.
        where: The place inside the values.
        words: What is there in the one and in the other.
    """

    size: float
    where: str = ""
    words: str = ""


SAME = Difference(0.0)


def difference(before: Any, after: Any) -> Difference:
    """Return the largest difference between two values, looking into tables, arrays, containers and objects."""
    worst = SAME
    for found in _compare(before, after, "value", frozenset(), 0):
        if found.size > worst.size:
            worst = found
        if math.isinf(worst.size):
            break
    return worst


def _compare(a: Any, b: Any, at: str, seen: frozenset[int], depth: int) -> Iterator[Difference]:
    if a is b or id(a) in seen or depth > _DEEPEST:
        return
    if type(a) is not type(b):
        yield Difference(math.inf, at, f"{type(a).__name__} and {type(b).__name__}")
        return
    array = _array(a), _array(b)
    if array[0] is not None and array[1] is not None:
        yield from _compare_arrays(*array, at)
    elif isinstance(a, bool | str | bytes | type(None)):
        if a != b:
            yield Difference(math.inf, at, f"{_short(a)} and {_short(b)}")
    elif isinstance(a, int | float | complex):
        yield _numbers(a, b, at)
    else:
        yield from _compare_parts(_parts(a), _parts(b), at, seen | {id(a)}, depth)


def _compare_parts(
    a: Mapping[str, Any] | None, b: Mapping[str, Any] | None, at: str, seen: frozenset[int], depth: int
) -> Iterator[Difference]:
    if a is None or b is None:
        yield Difference(math.inf, at, "the values differ, and cannot be looked into")
        return
    if a.keys() != b.keys():
        only = sorted(map(str, a.keys() ^ b.keys()))
        yield Difference(math.inf, at, f"only in one of them: {', '.join(only[:5])}")
        return
    for name in a:
        yield from _compare(a[name], b[name], f"{at}{name}", seen, depth + 1)


def _parts(value: Any) -> Mapping[str, Any] | None:
    """Return what a value is made of, by where it is."""
    if isinstance(value, Mapping):
        return {f"[{key!r}]": item for key, item in value.items()}
    if isinstance(value, list | tuple):
        return {f"[{place}]": item for place, item in enumerate(value)}
    if isinstance(value, set | frozenset):
        return {f"{{{item!r}}}": True for item in value}
    table = _columns(value)
    if table is not None:
        return table
    state = getattr(value, "__getstate__", None)
    found = state() if callable(state) else None
    if isinstance(found, tuple) and found and isinstance(found[0], dict):
        found = found[0]
    return {f".{name}": item for name, item in found.items()} if isinstance(found, dict) else None


def _columns(value: Any) -> Mapping[str, Any] | None:
    """Return the columns of a table, and its index, as arrays."""
    library, name = type(value).__module__.partition(".")[0], type(value).__name__
    if (library, name) == ("pandas", "DataFrame"):
        columns = {
            f"[{label!r}]": value.iloc[:, place].to_numpy() for place, label in enumerate(value.columns)
        }
        return {".index": value.index.to_numpy(), **columns}
    if (library, name) == ("pandas", "Series"):
        return {".index": value.index.to_numpy(), "": value.to_numpy()}
    if (library, name) == ("polars", "DataFrame"):
        return {f"[{label!r}]": value[label].to_numpy() for label in value.columns}
    if (library, name) == ("pyarrow", "Table"):
        return {f"[{label!r}]": value.column(label).to_numpy() for label in value.column_names}
    if library == "scipy" and hasattr(value, "tocoo"):
        found = value.tocoo()
        return {".row": found.row, ".col": found.col, ".data": found.data, ".shape": found.shape}
    return None


def _array(value: Any) -> Any:
    library, name = type(value).__module__.partition(".")[0], type(value).__name__
    if library == "numpy" and hasattr(value, "dtype"):
        import numpy as np  # the values are of it, so it is loaded

        return np.asarray(value)
    if library == "torch" and name in ("Tensor", "Parameter"):
        return value.detach().cpu().numpy()
    if library == "polars" and name == "Series":
        return value.to_numpy()
    return None


def _compare_arrays(a: Any, b: Any, at: str) -> Iterator[Difference]:
    import numpy as np  # the values are of it, so it is loaded

    if a.shape != b.shape:
        yield Difference(math.inf, at, f"of shape {a.shape} and {b.shape}")
        return
    if a.dtype.names:
        for name in a.dtype.names:
            yield from _compare_arrays(a[name], b[name], f"{at}[{name!r}]")
        return
    if not (np.issubdtype(a.dtype, np.number) and np.issubdtype(b.dtype, np.number)):
        yield _unequal(a, b, at)
        return
    with np.errstate(all="ignore"):
        wide_a, wide_b = (one.astype("complex128" if one.dtype.kind == "c" else "float64") for one in (a, b))
        larger = np.maximum(np.abs(wide_a), np.abs(wide_b))
        apart = np.abs(wide_a - wide_b) / np.maximum(larger, LEAST)
        same = (a == b) | (np.isnan(wide_a) & np.isnan(wide_b))
        # Two large integers may differ and yet be one float.
        least = np.maximum(apart, np.finfo("float64").tiny)
        apart = np.where(same, 0.0, np.where(np.isnan(apart), math.inf, least))
    if apart.size and apart.max() > 0:
        place = np.unravel_index(int(apart.argmax()), apart.shape)
        where = f"{at}{[int(one) for one in place]}" if apart.ndim else at
        yield Difference(float(apart[place]), where, f"{a[place]!s} and {b[place]!s}")


def _unequal(a: Any, b: Any, at: str) -> Difference:
    pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
    for place, (one, other) in enumerate(pairs):
        if one != other and not (_is_nothing(one) and _is_nothing(other)):
            return Difference(math.inf, f"{at}[{place}]", f"{_short(one)} and {_short(other)}")
    return SAME


def _numbers(a: Any, b: Any, at: str) -> Difference:
    if a == b or (_is_nothing(a) and _is_nothing(b)):
        return SAME
    try:
        size = abs(a - b) / max(abs(a), abs(b), LEAST)
    except OverflowError:
        size = math.inf
    return Difference(math.inf if math.isnan(size) else size, at, f"{a!r} and {b!r}")


def _is_nothing(value: Any) -> bool:
    """Tell whether a value is NaN or the like, which equals nothing, and here equals itself."""
    return bool(value != value)  # noqa: PLR0124 - that is how one knows


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
