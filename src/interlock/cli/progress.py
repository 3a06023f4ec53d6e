"""The progress of a run, a line a step, on stderr."""

from __future__ import annotations

import contextlib

from interlock.cli.console import console, shown_seconds
from interlock.engine.result import StepResult

_MARKS = {
    "ran": ("✓", "green"),
    "cached": ("·", "dim"),
    "failed": ("✗", "bold red"),
    "skipped": ("-", "yellow"),
    "stopped": ("■", "yellow"),
}


class PrintedProgress:
    """Prints each step when it is done, and while it runs where stderr is a terminal.

    Attributes:
        run: The id of the run, once it has one.
        steps: What became of each step so far.
    """

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._width = 24
        self._reason = ""  # the latest: what follows from it need not say it again
        self.run: str | None = None
        self.steps: list[StepResult] = []

    def _say(self, text: str, *, end: str = "\n", style: str) -> None:
        with contextlib.suppress(OSError):  # whoever looked on went away; the run goes on
            self._console.print(text, end=end, style=style)

    def run_started(self, run_id: str, steps: int) -> None:
        """Print the id of the run."""
        self.run = run_id
        self._say(f"run {run_id}: {steps} step{'s' if steps != 1 else ''}", style="bold")

    def step_started(self, name: str, position: int) -> None:  # noqa: ARG002 - the protocol has it
        """Show what is running; the line is overwritten when it is done."""
        if self._console.is_terminal:
            self._say(f"  … {name}", end="\r", style="dim")

    def step_finished(self, result: StepResult, position: int) -> None:  # noqa: ARG002 - as above
        """Print the state and the time of the step."""
        self.steps.append(result)
        mark, style = _MARKS[result.state]
        word = "" if result.state == "ran" else f"  {result.state}"
        seconds = "" if result.state == "skipped" else shown_seconds(result.seconds)
        new = result.state in ("skipped", "stopped") and result.reason != self._reason
        why, self._reason = (f": {result.reason}" if new else ""), result.reason
        self._say(f"  {mark} {result.name:<{self._width}} {seconds:>8}{word}{why}", style=style)

    def run_finished(self, run_id: str, status: str, seconds: float) -> None:
        """Print how the run ended."""
        style = {"succeeded": "bold green", "stopped": "bold yellow"}.get(status, "bold red")
        self._say(f"run {run_id} {status} in {shown_seconds(seconds)}", style=style)
