"""What runs are searched for, as people write it: `auc > 0.7 and params.rate = 0.1`, and `-auc` for an order."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime

from interlock.errors import UsageError, did_you_mean, shown
from interlock.records.run_values import FIELD, FIELDS, METRIC, PARAM, TAG

_KINDS = {"metrics": METRIC, "params": PARAM, "tags": TAG}
_NAME = r"(?:`[^`]+`|[A-Za-z_][\w./@:-]*)"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'<>=!]+)"""
_CONDITION = re.compile(rf"\s*({_NAME})\s*(>=|<=|==|!=|=|>|<)\s*({_VALUE})\s*")
_ORDER = re.compile(rf"(-?)({_NAME})")
_AND = re.compile(r"and\b\s*", re.IGNORECASE)
_HINT = "Write conditions like: auc > 0.7 and params.rate = 0.1 and status = succeeded"


class BadCondition(UsageError):
    """What runs are searched for cannot be read."""

    def __init__(self, what: str, text: str, at: int) -> None:
        super().__init__(f"{what} in {shown(text)} at sign {at + 1}.", hint=_HINT)


@dataclass(frozen=True)
class Field:
    """What a run may have: a metric, a param, a tag, or a fact such as its status.

    Attributes:
        kind: Which of these; None where only the records can tell.
    """

    kind: str | None
    name: str


@dataclass(frozen=True)
class Condition:
    """A comparison of what a run has with a number or a text."""

    field: Field
    sign: str
    value: float | str


@dataclass(frozen=True)
class Order:
    """By what runs are listed; without a field in the order in which they were started.

    Attributes:
        by_text: Whether the field has texts only; the records know.
    """

    field: Field | None = None
    descending: bool = True
    by_text: bool = False


NEWEST = Order()


def parse_conditions(text: str) -> list[Condition]:
    """Read conditions that are joined by `and`.

    Raises:
        BadCondition: The text is none, with the place where it stops being one.
    """
    found, at = [], 0
    while True:
        match = _CONDITION.match(text, at)
        if match is None:
            raise BadCondition("There is no condition", text, at)
        field = parse_field(match[1])
        found.append(Condition(field, "=" if match[2] == "==" else match[2], _value(field, match[3])))
        at = match.end()
        if at == len(text):
            return found
        joint = _AND.match(text, at)
        if joint is None:
            raise BadCondition("There is no 'and' between conditions", text, at)
        at = joint.end()


def parse_order(text: str) -> Order:
    """Read a name, with a minus before it for the highest first; `started` is the order of the runs.

    Raises:
        UsageError: It is no name.
    """
    match = _ORDER.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"There is no order {shown(text)}.", hint="Write --sort auc, or --sort -auc.")
    field = parse_field(match[2])
    return Order(None if field == Field(FIELD, "started") else field, descending=bool(match[1]))


def parse_field(text: str) -> Field:
    """Read the name of a field: `auc`, `metrics.auc`, `params.rate`, `tags.by`, `status`; any in backquotes."""
    if text.startswith("`"):
        return Field(None, text[1:-1])
    head, dot, rest = text.partition(".")
    if dot and rest and head in _KINDS:
        return Field(_KINDS[head], rest)
    return Field(FIELD if text in FIELDS else None, text)


def _value(field: Field, word: str) -> float | str:
    if word[0] in "\"'":
        word = word[1:-1]
        return _moment(word) if field == Field(FIELD, "started") else word
    if field == Field(FIELD, "started"):
        return _moment(word)
    if field.kind == TAG or (field.name in ("status", "pipeline") and field.kind == FIELD):
        return _known_status(word) if field.name == "status" and field.kind == FIELD else word
    try:
        number = float(word)
    except ValueError:
        return word
    return word if math.isnan(number) else number


def _moment(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(word).astimezone().timestamp()
    except ValueError:
        raise UsageError(
            f"{shown(word)} is no time.",
            hint='Write a day or a time: started > 2026-01-31, "2026-01-31 12:00".',
        ) from None


def _known_status(word: str) -> str:
    known = ("running", "succeeded", "failed", "refused", "cancelled", "lost")
    if word not in known:
        raise UsageError(f"There is no run status {word!r}.", hint=did_you_mean(word, known))
    return word
