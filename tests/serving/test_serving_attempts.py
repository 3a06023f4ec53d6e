"""Wrong tokens: a few are an error, many are a guess."""

from __future__ import annotations

from interlock.serving.attempts import Attempts


def test_a_peer_may_err_a_few_times_in_a_while() -> None:
    now = [0.0]
    attempts = Attempts(allowed=2, seconds=60.0, clock=lambda: now[0])

    assert [attempts.too_many("a") for _ in range(4)] == [False, False, True, True]
    assert not attempts.too_many("b")
    now[0] = 60.0
    assert not attempts.too_many("a")


def test_the_memory_of_peers_is_bounded() -> None:
    attempts = Attempts(allowed=1, peers=2)

    assert [attempts.too_many(peer) for peer in ["a", "a", "b", "c", "a"]] == [
        False,
        True,
        False,
        False,
        False,
    ]
