"""Runs that a command starts: watched, told, and reported as one JSON value where that is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

import typer

from interlock.cli.console import console, error_body, print_json, shown_metrics
from interlock.cli.report import broken_report, next_step, run_report
from interlock.cli.stdout import reserved_stdout
from interlock.cli.stopping import stoppable

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.models.built import Build
    from interlock.stack.targets import Target


def reported(work: Callable[[Report | None], None], *, json: bool) -> None:
    """Do what a command does; as JSON, print exactly one object, whatever happens."""
    if not json:
        work(None)
        return
    with reserved_stdout() as out:
        report = Report(out)
        try:
            work(report)
        except typer.Exit:
            raise
        except BaseException as error:
            report.print({"error": error_body(error)})
            raise


class Report:
    """Prints the first object that it is given; what comes later is an error that stderr tells."""

    def __init__(self, out: TextIO) -> None:
        self._out: TextIO | None = out

    def print(self, body: dict[str, Any]) -> None:
        """Print it, if it is the first one."""
        if self._out is not None:
            print_json(body, self._out)
            self._out = None


def build_told(
    target: Target,
    context: RunContext,
    params: dict[str, Any],
    how: dict[str, Any],
    report: Report | None,
    name: str,
) -> Build:
    """Run a pipeline and build what comes of it, with its progress on stderr."""
    from interlock.cli.progress import PrintedProgress
    from interlock.engine.run import RunOptions
    from interlock.models.build import LeakageRefused, build
    from interlock.models.built import Build, NoVersion

    progress = PrintedProgress()
    try:
        with stoppable():
            options = RunOptions(echo=sys.stderr, **how)
            return build(target, context, params=params, options=options, progress=progress)
    except NoVersion as unbundled:  # the run stands, and its report is owed
        if report:
            report.print(run_report(Build(unbundled.run)) | {"hint": unbundled.hint})
        raise
    except LeakageRefused as refused:
        if report:
            hint = f"interlock check {name}"
            report.print(broken_report(context.records.runs.get(refused.run_id), [], refused, hint))
        raise
    except BaseException as error:
        if report and progress.run is not None:
            report.print(broken_report(context.records.runs.get(progress.run), progress.steps, error))
        raise


def say(made: Build, *, quietly: bool) -> None:
    """Say what came of a run; raise what made it fail."""
    failure = made.run.failure
    if failure is not None:
        raise failure
    if not quietly:
        _print_outcome(made)


def _print_outcome(made: Build) -> None:
    out = console()
    if made.run.metrics:
        out.print(shown_metrics(made.run.metrics))
    for verdict in made.verdicts:
        mark, style = ("✓", "green") if verdict.passed else ("✗", "red")
        out.print(f"{mark} {verdict.gate}: {verdict.reason}", style=style)
    out.print(next_step(made))
