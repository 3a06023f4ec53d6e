"""`interlock resume` and `interlock step`: go on with a run, or do one step of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.building import Report, build_told, reported, say
from interlock.cli.console import console, print_json, shown_seconds
from interlock.cli.options import Json, this_context, this_project
from interlock.cli.report import run_report
from interlock.cli.stdout import reserved_stdout
from interlock.errors import UsageError

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.engine.single import SingleStep
    from interlock.records.model import RunRecord
    from interlock.stack.targets import Target

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run, such as delays/3.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(resume)
    app.command()(step)


def resume(run: RunId, json: Json = False) -> None:
    """Go on with a run that failed, was cancelled or lost its process, from what it has finished."""
    reported(partial(_resume, run), json=json)


def step(
    run: RunId,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step, by the name that the run shows.")],
    json: Json = False,
) -> None:
    """Do the work of one step of a run in this process, with the inputs that the run recorded."""
    if json:
        with reserved_stdout() as out:
            made = _step(run, step)
            print_json(_body(made), out)
    else:
        made = _step(run, step)
        if made.outcome.failure is None:
            _say(made)
    if made.outcome.failure is not None:
        raise made.outcome.failure


def _resume(run_id: str, report: Report | None) -> None:
    from interlock.engine.snapshots import choice_of

    with this_context() as context:
        record, target = _found(context, run_id)
        params = _params(target, record)
        data = choice_of(context, target.pipeline.trace(params), record.snapshots)
        how = {"resume": record.id, "seed": int(record.facts.get("seed", 0)), "data": data}
        made = build_told(target, context, params, how, report, target.model)
        if report:
            report.print(run_report(made))
        say(made, quietly=report is not None)


def _step(run_id: str, name: str) -> SingleStep:
    from interlock.engine.single import do_step

    with this_context() as context:
        record, target = _found(context, run_id)
        graph = target.pipeline.trace(_params(target, record))
        return do_step(replace(graph, name=target.model), context, record, name)


def _found(context: RunContext, run_id: str) -> tuple[RunRecord, Target]:
    """Return a run and the pipeline that it is a run of."""
    from interlock.history.names import run_named
    from interlock.stack.targets import load_pipeline

    context.records.runs.mark_lost()
    record = run_named(context.records, run_id)
    if record.ref.startswith("__main__:"):
        raise UsageError(
            f"Run {record.id} was started by a script of its own.",
            hint="Run the script again: what the run has finished is taken from the cache.",
        )
    project = this_project()
    known = record.pipeline in project.config.model
    return record, load_pipeline(project, record.pipeline if known else record.ref)


def _params(target: Target, record: RunRecord) -> dict[str, Any]:
    from interlock.engine.recorded_params import recorded_params

    return recorded_params(target.pipeline, record.params)


def _body(made: SingleStep) -> dict[str, Any]:
    outcome = made.outcome
    return {
        "step": outcome.task.node,
        "state": outcome.state,
        "seconds": outcome.usage.seconds,
        "outputs": {name: artifact.digest for name, artifact in outcome.artifacts.items()},
        "recorded": made.recorded,
        "same": dict(made.same),
        "error": str(outcome.failure) if outcome.failure else None,
    }


def _say(made: SingleStep) -> None:
    out, outcome = console(), made.outcome
    for name, artifact in outcome.artifacts.items():
        word = {True: "as recorded", False: "not as recorded"}.get(made.same.get(name), "")  # type: ignore[arg-type]
        out.print(f"{outcome.task.node}.{name}  {artifact.type}  {artifact.digest[:19]}  {word}".rstrip())
    if outcome.stopped is not None:
        out.print(f"stopped: {outcome.stopped}")
    sys.stderr.write(f"ran in {shown_seconds(outcome.usage.seconds)}\n")
    out.print("recorded in the run" if made.recorded else "the run has come to its end, and stays as it is")
