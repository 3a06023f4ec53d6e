"""What may wake the loop, as it is written in `retrain.on`.

data                      a dataset that the last run read has changed
drift                     what is asked has drifted from what the champion was judged on
auc < 0.68                a live metric of the champion, from outcomes that have become known
cron: 0 3 * * 1           a schedule, in UTC; a time zone may follow: cron: 0 3 * * 1 Europe/Berlin
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from interlock.errors import InterlockError, did_you_mean
from interlock.models.gate_parser import Comparison, GateSyntaxError, parse_rule
from interlock.models.gates import Evidence, parse_gate

_EXAMPLES = ("data", "drift", "auc < 0.68", "cron: 0 3 * * 1")
_CRON_FIELDS = 5


class TriggerSyntaxError(InterlockError):
    """A trigger that cannot be read."""

    def __init__(self, text: str, why: str, hint: str = "") -> None:
        super().__init__(
            f"Trigger {text!r} cannot be read: {why}.",
            where="retrain.on",
            hint=hint or f"A trigger is one of: {', '.join(map(repr, _EXAMPLES))}.",
        )
        self.text = text


@dataclass(frozen=True)
class DataTrigger:
    """A dataset changed."""

    text: str = "data"


@dataclass(frozen=True)
class DriftTrigger:
    """What is asked has drifted."""

    text: str = "drift"


@dataclass(frozen=True)
class MetricTrigger:
    """A live metric broke its bound."""

    text: str
    rule: Comparison

    def broken(self, metrics: dict[str, float], rows: int) -> bool:
        """Return whether the bound is broken. What cannot be judged (missing, NaN) breaks nothing."""
        return parse_gate(self.text).judge(Evidence(metrics=metrics, rows=rows)).passed


@dataclass(frozen=True)
class CronTrigger:
    """A time came."""

    text: str
    expression: str
    zone: tzinfo = UTC

    def latest(self, now: float) -> float | None:
        """Return the last scheduled time up to now, in seconds since the epoch; None where there never was one."""
        from cronsim import CronSim  # needed by those who schedule

        later = datetime.fromtimestamp(now + 1, self.zone)
        found = next(CronSim(self.expression, later, reverse=True), None)
        return None if found is None else found.timestamp()


Trigger: TypeAlias = DataTrigger | DriftTrigger | MetricTrigger | CronTrigger
"""What may wake the loop."""


def parse_trigger(text: str) -> Trigger:
    """Read one entry of `retrain.on`.

    Raises:
        TriggerSyntaxError: It is none; the nearest is offered.
    """
    plain = text.strip()
    if plain == "data":
        return DataTrigger()
    if plain == "drift":
        return DriftTrigger()
    if re.match(r"cron\b", plain):
        return _cron(text, plain.removeprefix("cron").strip())
    if re.search(r"[<>=≤≥]", plain):
        return _metric(plain)
    near = did_you_mean(plain, ("data", "drift", "cron"))
    raise TriggerSyntaxError(text, "there is no such trigger", near if near.startswith("Did") else "")


def _metric(text: str) -> MetricTrigger:
    try:
        rule = parse_rule(text)
    except GateSyntaxError as error:
        raise TriggerSyntaxError(
            text, f"expected {error.expected} at column {error.column + 1}", error.hint
        ) from error
    if not isinstance(rule, Comparison) or any(metric.champion for metric in rule.metrics()):
        raise TriggerSyntaxError(
            text,
            "a live metric is the champion's own, there is no other to compare it with",
            "Write a number: auc < 0.68",
        )
    return MetricTrigger(text, rule)


def _cron(text: str, rest: str) -> CronTrigger:
    from cronsim import CronSim, CronSimError

    fields = rest.removeprefix(":").split()
    if len(fields) not in (_CRON_FIELDS, _CRON_FIELDS + 1) or not rest.startswith(":"):
        raise TriggerSyntaxError(
            text, "a schedule has five fields", 'For example "cron: 0 3 * * 1", Mondays at three (UTC).'
        )
    zone = _zone(text, fields[_CRON_FIELDS]) if len(fields) > _CRON_FIELDS else UTC
    expression = " ".join(fields[:_CRON_FIELDS])
    try:
        found = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
        next(found)
    except CronSimError as error:
        raise TriggerSyntaxError(text, f"its schedule is wrong: {str(error).lower()}") from error
    except StopIteration:
        raise TriggerSyntaxError(text, "its time never comes") from None
    return CronTrigger(text, expression, zone)


def _zone(text: str, name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        hint = did_you_mean(name, available_timezones())
        raise TriggerSyntaxError(
            text,
            f"there is no time zone {name!r}",
            hint if hint.startswith("Did") else "For example Europe/Berlin.",
        ) from None
