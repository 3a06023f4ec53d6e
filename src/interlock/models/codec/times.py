"""Timestamps as ISO 8601 texts and as counts of a unit since 1970, without losing a digit."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from interlock.errors import InterlockError

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)?(?:(Z)|([+-])(\d\d):(\d\d))?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the offset is added by hand, below
_NOT_A_TIME = -(2**63)
_SECOND = timedelta(seconds=1)


class BadTime(InterlockError):
    """A text that is no timestamp of its column; the message says why."""


def parse_timestamp(text: str, unit: str, *, aware: bool) -> int:
    """Return the count of `unit` since 1970 (UTC for aware columns).

    Raises:
        BadTime: No ISO 8601 timestamp, an offset too many or too few, more digits than the unit has, or
            out of its range.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise BadTime("is not an ISO 8601 timestamp such as 2013-01-31T06:05:00" + ("Z" if aware else ""))
    day, clock, fraction, zulu, sign, hours, minutes = match.groups()
    if aware != bool(zulu or sign):
        raise BadTime(
            "has no UTC offset such as Z or -05:00" if aware else "has a UTC offset; this column has none"
        )
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}")
    except ValueError as error:
        raise BadTime(f"is not a time of the calendar ({error})") from None
    seconds = (moment - _EPOCH) // _SECOND
    if sign:
        seconds -= _offset(sign, int(hours), int(minutes))
    step = 10**9 // PER_SECOND[unit]
    count, rest = divmod(int((fraction or "0").ljust(9, "0")), step)
    if rest:
        raise BadTime(f"is finer than {UNITS[unit]}, the unit of this column")
    count += seconds * PER_SECOND[unit]
    if not _NOT_A_TIME < count < -_NOT_A_TIME:
        raise BadTime(f"is outside of the range of a 64-bit count of {UNITS[unit]}")
    return count


def parse_date(text: str) -> date:
    """Return the day that an ISO 8601 text names.

    Raises:
        BadTime: It names none.
    """
    if not _DATE.fullmatch(text):
        raise BadTime("is not an ISO 8601 date such as 2013-01-31")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadTime(f"is not a day of the calendar ({error})") from None


def days(text: str) -> int:
    """Return the days from 1970-01-01 to the day that a text names.

    Raises:
        BadTime: It names none.
    """
    return parse_date(text).toordinal() - _EPOCH.toordinal()


def texts(counts: Any, unit: str, *, aware: bool) -> list[str | None]:
    """Write a numpy array of counts since 1970 (unit "D" for days) as ISO 8601; NaT becomes None."""
    # numpy is imported late: reading a schema does not need it.
    import numpy as np

    moments = np.asarray(counts, dtype=np.int64).view(f"M8[{unit}]")
    written: list[str] = np.datetime_as_string(moments).tolist()
    end = "Z" if aware else ""
    return [None if text == "NaT" else f"{text}{end}" for text in written]


def _offset(sign: str, hours: int, minutes: int) -> int:
    if hours > 23 or minutes > 59:
        raise BadTime("has a UTC offset that does not exist")
    seconds = hours * 3600 + minutes * 60
    return -seconds if sign == "-" else seconds
