from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.loop.occasions import Known, due_occasions
from interlock.loop.triggers import parse_trigger
from interlock.monitor.drift import ColumnDrift, DriftReport
from interlock.records.model import RunRecord, Signal, Window

HOUR, DAY = 3600.0, 86_400.0
SUNDAY = 1_772_928_000.0  # 2026-03-08 00:00 UTC

RUN = RunRecord(
    id="m/1", pipeline="m", number=1, sequence=1, ref="", status="succeeded", pid=1, host="", process="",
    started_at=0.0, heartbeat_at=0.0, recorded_at=0.0, snapshots={"rows": "a"},
)  # fmt: skip
KNOWN = Known(now=SUNDAY, since=0.0, last_run=RUN, data={"rows": "a"}, champion=1)


def keys(text: str, known: Known) -> list[str]:
    return [one.key for one in due_occasions([parse_trigger(text)], known)]


def reason(text: str, known: Known) -> str:
    [one] = due_occasions([parse_trigger(text)], known)
    return one.evidence["reason"]


def window(kind: str, *, number: int = 1, version: int = 1, alarm: bool = False, **values: object) -> Window:
    return Window(number, "m", version, kind, 0.0, 1.0, 500, values, alarm, 1.0)


def drift(number: int = 1, version: int = 1, *, alarm: bool = True) -> Window:
    columns = tuple(ColumnDrift(name, "number", 500, psi=0.4, drifted=alarm) for name in "abcde")
    report = DriftReport(500, 500, columns, (), 1.0, alarm)
    return window("drift", number=number, version=version, alarm=alarm, **report.to_json())


def signal(at: float, text: str) -> Signal:
    evidence = {"scheduled": at, "trigger": text}
    return Signal(1, "m", "cron", evidence, "", "acted", 1, None, None, at, at, at)


def test_data_that_the_last_run_has_read_is_no_occasion():
    assert keys("data", KNOWN) == []


def test_new_data_is_one_occasion_for_each_state_of_it():
    first = keys("data", replace(KNOWN, data={"rows": "b"}))
    assert first == keys("data", replace(KNOWN, data={"rows": "b"}, now=KNOWN.now + 9))
    assert first != keys("data", replace(KNOWN, data={"rows": "c"}))


def test_new_data_says_what_is_new():
    known = replace(KNOWN, data={"rows": "b"}, changes={"rows": "1 new part"})
    assert reason("data", known) == "new data (rows: 1 new part)"


def test_without_a_run_nobody_knows_which_data_matters():
    assert keys("data", replace(KNOWN, last_run=None, data=None)) == []


def test_drift_names_the_columns():
    known = replace(KNOWN, windows=[drift()])
    assert reason("drift", known) == "drift in a, b, c and 2 more, over 500 rows"


def test_drift_that_goes_on_is_one_occasion_until_there_is_new_data():
    first = keys("drift", replace(KNOWN, windows=[drift(1)]))
    assert len(first) == 1
    assert keys("drift", replace(KNOWN, windows=[drift(2), drift(1)])) == first
    assert keys("drift", replace(KNOWN, windows=[drift(2), drift(1)], data={"rows": "b"})) != first


@pytest.mark.parametrize(
    "windows", [[], [drift(alarm=False)], [drift(2, alarm=False), drift(1)], [drift(version=2)]],
    ids=["none", "calm", "calm again", "another version's"],
)  # fmt: skip
def test_no_drift_no_occasion(windows):
    assert keys("drift", replace(KNOWN, windows=windows)) == []


def test_nothing_is_concluded_while_data_is_still_moving():
    assert keys("drift", replace(KNOWN, windows=[drift()], data=None)) == []


def test_a_broken_bound_says_by_how_much():
    known = replace(KNOWN, windows=[window("metric", parts={}, metrics={"auc": 0.61})])
    assert reason("auc < 0.68", known) == "auc is 0.61 over 500 answers, and the trigger is 'auc < 0.68'"


@pytest.mark.parametrize("metrics", [{"auc": 0.9}, {"auc": "nan"}, {"loss": 0.1}])
def test_a_bound_that_holds_or_cannot_be_judged_is_no_occasion(metrics):
    assert keys("auc < 0.68", replace(KNOWN, windows=[window("metric", parts={}, metrics=metrics)])) == []


def test_a_schedule_is_due_once():
    text, known = "cron: 0 3 * * *", replace(KNOWN, now=SUNDAY + 4 * HOUR, since=SUNDAY)
    [key] = keys(text, known)
    assert key == f"{text}:{int(SUNDAY + 3 * HOUR)}"
    assert keys(text, replace(known, signals=[signal(SUNDAY + 3 * HOUR, text)])) == []


def test_a_schedule_from_before_the_model_is_not_made_up_for():
    assert keys("cron: 0 3 * * *", replace(KNOWN, now=SUNDAY + 4 * HOUR, since=SUNDAY + 3.5 * HOUR)) == []


def test_missed_times_count_as_one():
    text = "cron: 0 3 * * *"
    known = replace(KNOWN, now=SUNDAY + 10 * DAY, signals=[signal(SUNDAY + 3 * HOUR, text)])
    assert keys(text, known) == [f"{text}:{int(SUNDAY + 9 * DAY + 3 * HOUR)}"]


def test_a_clock_that_was_ahead_for_a_while_holds_nothing_up():
    text, wrong = "cron: 0 3 * * *", signal(SUNDAY + 3650 * DAY + 3 * HOUR, "cron: 0 3 * * *")
    known = replace(KNOWN, now=SUNDAY + 4 * HOUR, since=SUNDAY, signals=[wrong])
    assert keys(text, known) == [f"{text}:{int(SUNDAY + 3 * HOUR)}"]


def test_a_clock_set_back_fires_nothing_twice():
    text = "cron: 0 3 * * *"
    done = [signal(SUNDAY + DAY + 3 * HOUR, text), signal(SUNDAY + 3 * HOUR, text)]
    assert keys(text, replace(KNOWN, now=SUNDAY + 4 * HOUR, signals=done)) == []
