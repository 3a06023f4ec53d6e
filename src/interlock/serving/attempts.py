"""Wrong tokens, counted by who sends them."""

from __future__ import annotations

import time
from collections.abc import Callable


class Attempts:
    """Tell a peer that guesses from one that errs; only its wrong tokens count, a right one is always let in.

    Args:
        allowed: Wrong tokens of a peer within `seconds`.
        seconds: How long they are held against it.
        peers: How many peers are remembered; one more, and all begin anew.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        *,
        allowed: int = 30,
        seconds: float = 60.0,
        peers: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._allowed = allowed
        self._peers = peers
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}

    def too_many(self, peer: str) -> bool:
        """Count a wrong token; return whether the peer has sent more than it may."""
        now = self._clock()
        began, count = self._seen.get(peer, (now, 0))
        if now - began >= self.seconds:
            began, count = now, 0
        if len(self._seen) >= self._peers:
            self._seen.clear()
        self._seen[peer] = (began, count + 1)
        return count >= self._allowed
