"""`interlock run` and `interlock check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import console, print_error, print_json, print_table, shown_metrics
from interlock.cli.options import CheckContent, Json, Param, parse_params, this_context, this_project
from interlock.cli.stopping import stoppable
from interlock.errors import InterlockError, UsageError

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.models.build import Build
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
    from interlock.engine.snapshots import parse_choice
    from interlock.stack.targets import load_pipeline  # imports the user's code: not for --help

    if dry and (signal is not None or tag or twice):
        raise UsageError("--dry makes no run that could have a tag or a signal, or be run twice.")
    target = load_pipeline(this_project(), pipeline)
    params = target.params(parse_params(param))
    how: dict[str, Any] = {
        "cache": not no_cache,
        "from_step": from_step or None,
        "seed": seed,
        "data": parse_choice(data, check_content=check_content),
    }
    with this_context() as context:
        if dry:
            _dry(target, context, params, how, as_json=json)
        else:
            how |= {"signal_id": signal, "tags": parse_params(tag, "--tag")}
            made = _run(target, context, params, how, twice=twice, as_json=json, name=pipeline)
            if fail_if_refused:
                _fail_if_refused(made)


def _dry(
    target: Target, context: RunContext, params: dict[str, Any], how: dict[str, Any], *, as_json: bool
) -> None:
    from interlock.engine.plan import plan_graph

    steps = plan_graph(target.pipeline.trace(params), context, **how)
    if as_json:
        plan = [{"name": step.name, "state": step.state, "reason": step.reason} for step in steps]
        print_json({"plan": plan, "params": params})
    else:
        print_table("", ("step", "would be", "because"), [(s.name, s.state, s.reason) for s in steps])


def _run(
    target: Target,
    context: RunContext,
    params: dict[str, Any],
    how: dict[str, Any],
    *,
    twice: bool,
    as_json: bool,
    name: str,
) -> Build:
    from interlock.cli.progress import PrintedProgress
    from interlock.cli.report import refusal_report, run_report
    from interlock.models.build import Build, LeakageRefused, NoVersion, build

    try:
        with stoppable():
            made = build(target, context, params=params, progress=PrintedProgress(), echo=sys.stderr, **how)
    except LeakageRefused as refused:
        if as_json:
            print_json(refusal_report(refused, name, params))
        raise
    except NoVersion as unbundled:  # the run stands, and its report is owed
        if as_json:
            print_json(run_report(Build(unbundled.run)) | {"hint": unbundled.hint})
        raise
    moving = _twice(context, made) if twice and made.run.failure is None else None
    if as_json:
        print_json(run_report(made) | ({} if moving is None else {"not_deterministic": moving}))
    _say(made, quietly=as_json)
    if moving is not None:
        _say_moving(moving, quietly=as_json)
    return made


def _fail_if_refused(made: Build) -> None:
    if made.version is not None and made.version.status == "refused":
        name = f"{made.version.model}@{made.version.number}"
        raise VersionRefused(f"{name} did not pass its gates.", hint=f"See why: interlock show {name}")


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


def _say(made: Build, *, quietly: bool) -> None:
    failure = made.run.failure
    if failure is not None:
        if failure.in_user_code:
            sys.stderr.write(f"\n{failure.user_traceback}\n\n")
        raise failure
    if not quietly:
        _print_outcome(made)


def _print_outcome(made: Build) -> None:
    from interlock.cli.report import next_step

    out = console()
    if made.run.metrics:
        out.print(shown_metrics(made.run.metrics))
    for verdict in made.verdicts:
        mark, style = ("✓", "green") if verdict.passed else ("✗", "red")
        out.print(f"{mark} {verdict.gate}: {verdict.reason}", style=style)
    out.print(next_step(made))


def check(
    pipeline: Pipeline,
    param: Param = [],  # noqa: B006 - as above
    json: Json = False,
) -> None:
    """Look for structural leakage and wrong connections; nothing is run."""
    from interlock.cli.check import check_target

    found = check_target(pipeline, parse_params(param))
    if json:
        print_json(found)
    else:
        _print_check(found)
    if found["errors"] or any(leak["waived"] is None for leak in found["leaks"]):
        raise typer.Exit(1)


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
