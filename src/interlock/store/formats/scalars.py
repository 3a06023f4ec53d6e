"""Scalars of numpy and pandas inside plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.extras import require
from interlock.store.formats.format import loaded


class NotPlain(Exception):
    """Plain data has no way to say a value."""


Encoder = Callable[[Any], list[Any]]

# What a numpy scalar of these kinds is, its bytes say: booleans, numbers, dates, spans, text and bytes.
_NUMPY_KINDS = "biufcMmSU"


def foreign_encoder(kind: type) -> Encoder | None:
    """Return how a scalar of another library is encoded: as a list of a tag and what `FOREIGN_DECODERS` needs."""
    library = kind.__module__.partition(".")[0]
    if library == "numpy":
        return _numpy_encoder(kind)
    return _pandas_encoder(kind) if library == "pandas" else None


def _numpy_encoder(kind: type) -> Encoder | None:
    np = loaded("numpy")
    if np is None or not issubclass(kind, np.generic) or np.dtype(kind).kind not in _NUMPY_KINDS:
        return None
    return lambda value: ["numpy", value.dtype.str, value.tobytes().hex()]


def _pandas_encoder(kind: type) -> Encoder | None:
    pd = loaded("pandas")
    if pd is None:
        return None
    return {
        pd.Timestamp: _encode_timestamp,
        pd.Timedelta: lambda value: ["pandas.Timedelta", value.asm8.view("i8").item(), value.unit],
        type(pd.NA): lambda _: ["pandas.NA"],
        type(pd.NaT): lambda _: ["pandas.NaT"],
    }.get(kind)


def _encode_timestamp(value: Any) -> list[Any]:
    zone = None if value.tz is None else str(value.tz)
    body = [value.asm8.view("i8").item(), value.unit, zone]
    try:
        same = _decode_timestamp(*body) == value
    except (LookupError, ValueError):
        same = False
    if not same:
        raise NotPlain(f"it holds a timestamp in the zone {zone!r}, which has no name")
    return ["pandas.Timestamp", *body]


def _decode_numpy(dtype: str, text: str) -> Any:
    np = require("numpy", extra="tables")
    kind = np.dtype(dtype)
    return np.frombuffer(bytes.fromhex(text), kind)[0] if kind.itemsize else kind.type()


def _decode_timestamp(count: int, unit: str, zone: str | None) -> Any:
    pd = require("pandas", extra="tables")
    stamp = pd.Timestamp(require("numpy", extra="tables").datetime64(count, unit))
    return stamp.tz_localize("UTC").tz_convert(zone) if zone else stamp


def _decode_timedelta(count: int, unit: str) -> Any:
    span = require("numpy", extra="tables").timedelta64(count, unit)
    return require("pandas", extra="tables").Timedelta(span)


FOREIGN_DECODERS: dict[str, Callable[..., Any]] = {
    "numpy": _decode_numpy,
    "pandas.Timestamp": _decode_timestamp,
    "pandas.Timedelta": _decode_timedelta,
    "pandas.NA": lambda: require("pandas", extra="tables").NA,
    "pandas.NaT": lambda: require("pandas", extra="tables").NaT,
}
