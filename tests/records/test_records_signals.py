from __future__ import annotations

import math

import pytest

from interlock.records.leases import LeaseLost
from interlock.records.model import Fence, Signal
from interlock.records.records import Records
from interlock.records.signals import SignalClosed, UnknownSignal


def _signal(records: Records, key: str = "k", model: str = "delays") -> Signal:
    added = records.signals.add(model, "drift", {"psi": math.inf}, key)
    assert added is not None
    return added


def _fence(records: Records, seconds: float = 60.0) -> Fence:
    epoch = records.leases.acquire("loop", "me", seconds)
    assert epoch is not None
    return Fence("loop", epoch)


def test_an_occasion_is_recorded_once_in_each_model(records: Records) -> None:
    first = _signal(records)
    assert records.signals.add("delays", "drift", {}, "k") is None
    other = _signal(records, model="churn")
    assert [first.id, other.id] == [1, 2]
    assert records.signals.get(1) == first
    assert first.evidence == {"psi": math.inf}


def test_signals_that_nothing_came_of_are_pending_oldest_first(records: Records) -> None:
    for key in ("a", "b", "c"):
        _signal(records, key)
    _signal(records, "a", "churn")
    records.signals.close(2, "declined")
    assert [signal.key for signal in records.signals.pending("delays")] == ["a", "c"]
    assert [signal.id for signal in records.signals.list()] == [4, 3, 2, 1]
    assert [signal.id for signal in records.signals.list("delays", limit=2)] == [3, 2]


def test_a_signal_is_claimed_once_and_by_the_holder_of_the_lease_only(records: Records) -> None:
    signal = _signal(records)
    assert not records.signals.claim(signal.id, Fence("loop", 1))
    fence = _fence(records)
    assert records.signals.claim(signal.id, fence)
    assert not records.signals.claim(signal.id, fence)
    assert records.signals.get(signal.id).state == "claimed"


def test_the_claim_of_a_holder_that_died_can_be_taken_over_and_the_dead_can_do_nothing(
    records: Records,
) -> None:
    signal = _signal(records)
    dead = _fence(records, seconds=0.0)
    assert records.signals.claim(signal.id, dead)
    alive = _fence(records)
    assert records.signals.claim(signal.id, alive)
    assert not records.signals.claim(signal.id, dead)
    with pytest.raises(LeaseLost):
        records.signals.close(signal.id, "acted", fence=dead)
    with pytest.raises(LeaseLost):
        records.decisions.add("delays", signal.id, "retrained", "", fence=dead)
    assert records.signals.close(signal.id, "acted", fence=alive).epoch == alive.epoch
    assert records.decisions.list() == []


def test_a_signal_is_closed_once_with_what_came_of_it(records: Records) -> None:
    signal = _signal(records)
    closed = records.signals.close(signal.id, "acted", run_id="delays/1", version=2)
    assert records.signals.get(signal.id) == closed
    assert (closed.state, closed.run_id, closed.version) == ("acted", "delays/1", 2)
    with pytest.raises(SignalClosed, match="Signal 1 of 'delays' is already closed as 'acted'"):
        records.signals.close(signal.id, "failed")
    assert not records.signals.claim(signal.id, _fence(records))


def test_an_unknown_signal_is_told(records: Records) -> None:
    with pytest.raises(UnknownSignal, match="Unknown signal 5"):
        records.signals.close(5, "acted")


def test_decisions_are_listed_newest_first(records: Records) -> None:
    records.decisions.add("delays", None, "not retrained", "cooldown: 20 min left")
    made = records.decisions.add("delays", 1, "promoted", "auc rose", run_id="delays/1", version=2)
    records.decisions.add("churn", None, "rolled back", "errors")
    assert [decision.kind for decision in records.decisions.list()] == [
        "rolled back",
        "promoted",
        "not retrained",
    ]
    assert records.decisions.list("delays", limit=1) == [made]
