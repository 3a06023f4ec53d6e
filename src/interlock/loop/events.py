"""What the loop tells whoever watches it live; the records have all of it and more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Event:
    """Something that the loop did or noticed.

    Attributes:
        at: When, in seconds since the epoch.
        model: The model that it is about.
        kind: A kind of decision ("promoted", "not retrained", …), or "signal", "run", "endpoint", "serving",
            "stopped", "trouble".
        text: What and why, in one sentence.
    """

    at: float
    model: str
    kind: str
    text: str


OnEvent: TypeAlias = Callable[[Event], None]
"""Told of each event, in the supervisor's own thread."""

Tell: TypeAlias = Callable[[str, str], None]
"""Tells of an event of one model: its kind and its text."""
