from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import booleans, integers, sampled_from
from records_sample import open_records

from interlock.records import leases
from interlock.records.leases import holds
from interlock.records.model import Fence
from interlock.records.records import Records


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The database's clock, stopped, in a list that a test may change."""
    now = [1000.0]
    monkeypatch.setattr(leases, "database_time", lambda: leases.sa.literal(now[0], leases.sa.Float))
    return now


def _holds(records: Records, epoch: int) -> bool:
    return records.database.read(lambda connection: holds(connection, "loop", epoch))


def test_a_lease_has_one_holder_until_it_ends(records: Records, clock: list[float]) -> None:
    assert records.leases.acquire("loop", "a", 10.0) == 1
    clock[0] += 9.0
    assert records.leases.acquire("loop", "b", 10.0) is None
    clock[0] += 1.0
    assert records.leases.acquire("loop", "b", 10.0) == 2
    assert (_holds(records, 1), _holds(records, 2)) == (False, True)


def test_a_renewed_lease_goes_on_and_one_that_was_taken_does_not(
    records: Records, clock: list[float]
) -> None:
    records.leases.acquire("loop", "a", 10.0)
    clock[0] += 9.0
    assert records.leases.renew("loop", 1, 10.0)
    clock[0] += 9.0
    assert records.leases.acquire("loop", "b", 10.0) is None
    clock[0] += 2.0
    assert records.leases.acquire("loop", "b", 10.0) == 2
    assert not records.leases.renew("loop", 1, 10.0)


def test_a_lease_that_was_given_back_is_free_at_once(records: Records, clock: list[float]) -> None:
    records.leases.acquire("loop", "a", 10.0)
    assert records.leases.release("loop", 1)
    assert not records.leases.release("loop", 1)
    assert not _holds(records, 1)
    assert records.leases.acquire("loop", "b", 10.0) == 2


def test_a_clock_that_was_set_back_does_not_keep_a_dead_holder_alive(
    records: Records, clock: list[float]
) -> None:
    records.leases.acquire("loop", "dead", 10.0)
    clock[0] -= 86400.0
    assert records.leases.acquire("loop", "b", 10.0) == 2
    assert not _holds(records, 1)


def test_the_database_has_a_clock_of_its_own(records: Records) -> None:
    records.leases.acquire("loop", "me", 10.0)
    lease = records.leases.get("loop")
    assert lease is not None
    started = records.runs.start("delays").started_at
    assert abs(lease.expires_at - started - 10.0) < 5.0
    assert Fence.of(lease) == Fence("loop", 1)
    assert records.leases.get("other") is None


class LeaseMachine(RuleBasedStateMachine):
    """Three processes and a clock that jumps: at most one of them can write at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.records = open_records(Path(self.folder.name))
        self.now = 1000.0
        self.clock = pytest.MonkeyPatch()
        self.clock.setattr(leases, "database_time", lambda: leases.sa.literal(self.now, leases.sa.Float))
        self.believes: dict[str, int] = {}
        self.epochs: list[int] = []

    @rule(who=sampled_from("abc"))
    def acquire(self, who: str) -> None:
        before = self.records.leases.get("loop")
        epoch = self.records.leases.acquire("loop", who, 10.0)
        free = before is None or before.holder is None or not self.now < before.expires_at <= self.now + 10.0
        assert (epoch is not None) == free
        if epoch is not None:
            self.believes[who] = epoch
            self.epochs.append(epoch)

    @rule(who=sampled_from("abc"), keep=booleans())
    def renew_or_release(self, who: str, keep: bool) -> None:
        epoch = self.believes.get(who, -1)
        current = bool(self.epochs) and epoch == self.epochs[-1]
        done = (
            self.records.leases.renew("loop", epoch, 10.0)
            if keep
            else self.records.leases.release("loop", epoch)
        )
        assert done == current
        if not keep and current:
            del self.believes[who]
            self.epochs.append(0)

    @rule(seconds=integers(-20, 20))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def only_the_last_holder_can_write(self) -> None:
        able = [who for who, epoch in self.believes.items() if _holds(self.records, epoch)]
        assert len(able) <= 1
        taken = [epoch for epoch in self.epochs if epoch]
        assert taken == list(range(1, len(taken) + 1))

    def teardown(self) -> None:
        self.clock.undo()
        self.records.close()
        self.folder.cleanup()


TestLeaseMachine = LeaseMachine.TestCase
TestLeaseMachine.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
