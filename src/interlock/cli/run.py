"""`interlock run` and `interlock check`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.building import Report, build_told, reported, say
from interlock.cli.console import console, print_error, print_json, print_table
from interlock.cli.options import CheckContent, Json, Param, parse_params, this_context, this_project
from interlock.cli.report import run_report
from interlock.cli.stdout import reserved_stdout
from interlock.errors import InterlockError, UsageError

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.engine.datasets import DataChoice
    from interlock.models.built import Build
    from interlock.stack.targets import Target

Pipeline = Annotated[str, typer.Argument(help="A model of interlock.toml, or package.module:pipeline.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Take no earlier result.")]
Dry = Annotated[bool, typer.Option("--dry", help="Print what would run and what is cached, and stop.")]
FromStep = Annotated[str, typer.Option("--from", metavar="STEP", help="Run this step and what follows anew.")]
Tag = Annotated[list[str], typer.Option("--tag", metavar="NAME=TEXT", help="A tag for the run.")]
Seed = Annotated[int, typer.Option(min=0, help="What the random numbers of the steps begin with.")]
Twice = Annotated[
    bool, typer.Option("--twice", help="Run every step a second time: which gives something else?")
]
Data = Annotated[list[str], typer.Option("--data", metavar="NAME@N", help="Read this snapshot of a dataset.")]
Signal = Annotated[int | None, typer.Option("--signal", help="The signal that caused this run.", hidden=True)]


FailIfRefused = Annotated[
    bool, typer.Option("--fail-if-refused", help="Exit with 1 when the gates refuse the version.")
]


class VersionRefused(InterlockError):
    """With `--fail-if-refused`, the gates refused the version that came of a run."""


class NotDeterministic(InterlockError):
    """With `--twice`, a step gave something else the second time."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(run)
    app.command()(check)


def run(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    pipeline: Pipeline,
    param: Param = [],  # noqa: B006 - typer reads the default, nobody changes it
    no_cache: NoCache = False,
    dry: Dry = False,
    from_step: FromStep = "",
    tag: Tag = [],  # noqa: B006 - as above
    seed: Seed = 0,
    twice: Twice = False,
    fail_if_refused: FailIfRefused = False,
    data: Data = [],  # noqa: B006 - as above
    check_content: CheckContent = False,
    signal: Signal = None,
    json: Json = False,
) -> None:
    """Train: run a pipeline, judge its gates, and register a model version."""
    from interlock.engine.snapshots import parse_choice  # brings the records: not for --help

    choice = parse_choice(data, check_content=check_content)
    asked = _Asked(
        pipeline, param, no_cache, dry, from_step, tag, seed, twice, fail_if_refused, choice, signal
    )
    reported(partial(_run, asked), json=json)


@dataclass(frozen=True)
class _Asked:
    """The words of one `interlock run`."""

    pipeline: str
    param: list[str]
    no_cache: bool
    dry: bool
    from_step: str
    tag: list[str]
    seed: int
    twice: bool
    fail_if_refused: bool
    data: DataChoice
    signal: int | None

    def how(self) -> dict[str, Any]:
        return {
            "cache": not self.no_cache,
            "from_step": self.from_step or None,
            "seed": self.seed,
            "data": self.data,
        }


def _run(asked: _Asked, report: Report | None) -> None:
    from interlock.stack.targets import load_pipeline  # imports the user's code: not for --help

    if asked.dry and (asked.signal is not None or asked.tag or asked.twice):
        raise UsageError("--dry makes no run that could have a tag or a signal, or be run twice.")
    given, tags = parse_params(asked.param), parse_params(asked.tag, "--tag")
    target = load_pipeline(this_project(), asked.pipeline)
    params = target.params(given)
    with this_context() as context:
        if asked.dry:
            _dry(target, context, params, asked.how(), report)
            return
        how = asked.how() | {"signal_id": asked.signal, "tags": tags}
        made = build_told(target, context, params, how, report, asked.pipeline)
        moving = _twice(context, made) if asked.twice and made.run.failure is None else None
        if report:
            report.print(run_report(made) | ({} if moving is None else {"not_deterministic": moving}))
        _say_pinned(context, made)
        say(made, quietly=report is not None)
        if moving is not None:
            _say_moving(moving, quietly=report is not None)
        if asked.fail_if_refused:
            _fail_if_refused(made)


def _dry(
    target: Target,
    context: RunContext,
    params: dict[str, Any],
    how: dict[str, Any],
    report: Report | None,
) -> None:
    from interlock.engine.plan import plan_graph
    from interlock.engine.recordable import recordable

    steps = plan_graph(target.pipeline.trace(params), context, **how)
    if report:
        plan = [{"name": step.name, "state": step.state, "reason": step.reason} for step in steps]
        report.print({"plan": plan, "params": recordable(params)})
    else:
        print_table("", ("step", "would be", "because"), [(s.name, s.state, s.reason) for s in steps])


def _fail_if_refused(made: Build) -> None:
    if made.version is not None and made.version.status == "refused":
        name = f"{made.version.model}@{made.version.number}"
        raise VersionRefused(f"{name} did not pass its gates.", hint=f"See why: interlock show {name}")


def _say_pinned(context: RunContext, made: Build) -> None:
    """Say which datasets were not read as they are now: a pin is easily forgotten."""
    for name in made.run.snapshots:
        number = context.records.datasets.pinned(name)
        if number is not None:
            typer.echo(
                f"{name} is pinned: {name}@{number} was read. Let it go: interlock data pin {name} --off",
                err=True,
            )


def _twice(context: RunContext, made: Build) -> list[dict[str, Any]]:
    from interlock.history.reproduce import How, not_deterministic

    found = not_deterministic(context, made.run.id, How(tolerance=0.0))
    return [{"step": one["step"], "cause": one["cause"], "outputs": one["outputs"]} for one in found]


def _say_moving(moving: list[dict[str, Any]], *, quietly: bool) -> None:
    if not moving:
        if not quietly:
            console().print("Every step gave the same a second time.", style="green")
        return
    lines = [f"  {one['step']}: {one['cause']['kind']}: {one['cause']['evidence']}" for one in moving]
    raise NotDeterministic("\n".join(["Steps gave something else a second time:", *lines]))


def check(
    pipeline: Pipeline,
    param: Param = [],  # noqa: B006 - as above
    json: Json = False,
) -> None:
    """Look for structural leakage and wrong connections; nothing is run."""
    from interlock.cli.check import check_target

    if json:
        with reserved_stdout() as out:
            found, code = check_target(pipeline, param)
            print_json(found, out)
    else:
        found, code = check_target(pipeline, param)
        _print_check(found)
    if code:
        raise typer.Exit(code)


def _print_check(found: dict[str, Any]) -> None:
    out = console()
    for error in found["errors"]:
        print_error(InterlockError(error))
    for leak in found["leaks"]:
        waived = f" (waived: {leak['waived']})" if leak["waived"] else ""
        out.print(f"leak: {' → '.join(leak['path'])}{waived}", style="yellow" if waived else "bold red")
        out.print(f"  {leak['reason']}")
    if not found["errors"] and not found["leaks"]:
        clean = "no structural leakage"
        out.print(clean if found["checked"] else f"leakage not checked: {found['why_unchecked']}")
