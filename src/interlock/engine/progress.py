"""Progress: what a run tells while it is under way."""

from __future__ import annotations

from typing import Protocol

from interlock.engine.result import StepResult


class Progress(Protocol):
    """Somebody who watches a run. Called in the thread of the run; must not raise."""

    def run_started(self, run_id: str, steps: int) -> None:
        """A run with this many steps begins."""

    def step_started(self, name: str, position: int) -> None:
        """A step begins to run (steps taken from the cache do not)."""

    def step_finished(self, result: StepResult, position: int) -> None:
        """A step ran, was taken from the cache, failed, or was skipped."""

    def run_finished(self, run_id: str, status: str, seconds: float) -> None:
        """The run is over and recorded."""


class Silence:
    """The progress of a run that nobody watches."""

    def run_started(self, run_id: str, steps: int) -> None:
        """Say nothing."""

    def step_started(self, name: str, position: int) -> None:
        """Say nothing."""

    def step_finished(self, result: StepResult, position: int) -> None:
        """Say nothing."""

    def run_finished(self, run_id: str, status: str, seconds: float) -> None:
        """Say nothing."""
