from __future__ import annotations

from datetime import UTC, datetime

import pytest

from interlock.loop.triggers import (
    CronTrigger,
    DataTrigger,
    DriftTrigger,
    MetricTrigger,
    TriggerSyntaxError,
    parse_trigger,
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("data", DataTrigger),
        (" drift ", DriftTrigger),
        ("auc < 0.68", MetricTrigger),
        ("log_loss >= 0.7 + 0.1", MetricTrigger),
        ("cron: 0 3 * * 1", CronTrigger),
        ("cron:0 3 * * MON", CronTrigger),
        ("cron: */5 * * * * America/New_York", CronTrigger),
    ],
)
def test_triggers_are_read(text, kind):
    assert isinstance(parse_trigger(text), kind)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dat", "Did you mean 'data'?"),
        ("drfit", "Did you mean 'drift'?"),
        ("whenever", "A trigger is one of: 'data', 'drift', 'auc < 0.68', 'cron: 0 3 * * 1'."),
        ("", "there is no such trigger"),
        ("auc <", "expected a metric or a number at column 6"),
        ("auc => 1", "Did you mean '>='?"),
        ("auc < champion.auc", "there is no other to compare it with"),
        ("cron: 0 3 * *", "a schedule has five fields"),
        ("cron 0 3 * * 1", "a schedule has five fields"),
        ("cron: 0 99 * * 1", "its schedule is wrong: bad hour"),
        ("cron: 0 3 30 2 *", "its schedule is wrong: bad day-of-month"),
        ("cron: 0 3 * * 1 Europe/Berln", "Did you mean 'Europe/Berlin'?"),
        ("cron: 0 3 * * 1 ../etc", "there is no time zone '../etc'"),
    ],
)
def test_what_is_no_trigger_is_refused_with_the_way_out(text, says):
    with pytest.raises(TriggerSyntaxError) as caught:
        parse_trigger(text)
    assert says in str(caught.value)
    assert f"Trigger {text!r} cannot be read" in str(caught.value)


def test_a_bound_breaks_by_what_is_known_only():
    trigger = parse_trigger("auc < 0.68")
    assert trigger.broken({"auc": 0.6}, rows=500)
    assert not trigger.broken({"auc": 0.7}, rows=500)
    assert not trigger.broken({"auc": float("nan")}, rows=500)
    assert not trigger.broken({"log_loss": 0.5}, rows=500)


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("cron: 0 3 * * *", "2026-03-10T02:59:59", "2026-03-09T03:00:00"),
        ("cron: 0 3 * * *", "2026-03-10T03:00:00", "2026-03-10T03:00:00"),
        ("cron: 0 3 * * 1", "2026-03-12T12:00:00", "2026-03-09T03:00:00"),
        ("cron: 0 3 * * * Asia/Tokyo", "2026-03-10T17:59:00", "2026-03-09T18:00:00"),
        # In Berlin the clocks jumped from 2 to 3 on 29 March 2026: half past two is made up for at three.
        ("cron: 30 2 * * * Europe/Berlin", "2026-03-29T04:00:00", "2026-03-29T01:00:00"),
        # And back from 3 to 2 on 25 October 2026: half past two comes twice and counts once.
        ("cron: 30 2 * * * Europe/Berlin", "2026-10-25T04:00:00", "2026-10-25T00:30:00"),
    ],
)
def test_the_last_scheduled_time(text, now, expected):
    assert parse_trigger(text).latest(at(now)) == at(expected)
