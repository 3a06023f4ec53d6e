"""How long things last that let writers and the removal of garbage work side by side."""

from __future__ import annotations

from dataclasses import dataclass

DAY = 86400.0


@dataclass(frozen=True)
class Pace:
    """Times in seconds. All who work on one store must have the same.

    What a writer finds in place it relies on, without writing it again. It refreshes what is older than
    `fresh`; garbage is removed only when it is older than a grace of at least twice as long. So from the moment
    a writer relied on something, it has at least that difference to make it reachable.

    Attributes:
        fresh: The age from which on something is refreshed that a writer relies on.
        look: In a bucket: how long a writer goes by what it last read about a removal that is under way.
        notice: In a bucket: how long a removal waits after it was announced; at least twice `look`.
        limit: In a bucket: how long a removal may take; afterwards it counts as dead.
    """

    fresh: float = 3600.0
    look: float = 5.0
    notice: float = 10.0
    limit: float = 1800.0

    @property
    def shortest_grace(self) -> float:
        """The shortest grace beside which others may write."""
        return 2 * self.fresh


PACE = Pace()
