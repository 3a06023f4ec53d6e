"""`interlock runs` and `interlock show`."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import (
    console,
    print_json,
    print_table,
    shown_bytes,
    shown_metrics,
    shown_seconds,
    shown_time,
)
from interlock.cli.options import Json, this_context
from interlock.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from interlock.engine.context import RunContext
    from interlock.records.conditions import Condition
    from interlock.records.model import AttemptRecord, Certificate, RunRecord, StepRecord


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(runs)
    app.command()(show)


def runs(
    pipeline: Annotated[str | None, typer.Argument(help="Only the runs of this model or pipeline.")] = None,
    status: Annotated[str | None, typer.Option(help="Only runs of this status.")] = None,
    where: Annotated[
        list[str], typer.Option(metavar="CONDITIONS", help="Such as: auc > 0.7 and params.rate = 0.1.")
    ] = [],  # noqa: B006 - typer reads it
    sort: Annotated[
        str,
        typer.Option(metavar="NAME", help="By what; -NAME for the highest first. By default, newest first."),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 20,
    offset: Annotated[int, typer.Option(min=0, max=1_000_000_000, help="How many are passed over.")] = 0,
    json: Json = False,
) -> None:
    """List the runs, newest first, or those that meet conditions, in an order."""
    from interlock.records.conditions import NEWEST, parse_order

    wanted = _checked_status(status)
    with this_context() as context:
        context.records.runs.mark_lost()
        pipeline = _pipeline(context, pipeline)
        if where or sort:
            conditions = _conditions(pipeline, status, where)
            order = parse_order(sort) if sort else NEWEST
            found = context.records.runs.search(conditions, order, limit=limit, offset=offset)
        else:
            found = context.records.runs.list(pipeline, wanted, limit=limit, offset=offset)
        if pipeline is not None and not found:
            _check_known(context, pipeline)
    if json:
        print_json([_run_json(run) for run in found])
        return
    columns = ("run", "status", "started", "took", "metrics", "params")
    print_table("", columns, [_run_row(run) for run in found])


def _conditions(pipeline: str | None, status: str | None, where: Sequence[str]) -> list[Condition]:
    """Return the conditions of `--where`, and those that the other words are."""
    from interlock.records.conditions import Condition, Field, parse_conditions
    from interlock.records.run_values import FIELD

    given = {"pipeline": pipeline, "status": status}
    named = [Condition(Field(FIELD, name), "=", value) for name, value in given.items() if value is not None]
    return [*named, *(condition for text in where for condition in parse_conditions(text))]


def _pipeline(context: RunContext, name: str | None) -> str | None:
    """Return the name that the runs of a model or of `package.module:pipeline` go by."""
    if name is None or ":" not in name:
        return name
    models = context.project.config.model
    named = [model for model, config in models.items() if config.pipeline == name]
    return named[0] if named else name.rpartition(":")[2]


def _check_known(context: RunContext, pipeline: str) -> None:
    """Refuse a name that no model and no recorded run has: a slip of the pen looks like an empty list."""
    from interlock.stack.targets import UnknownPipeline

    known = {*context.project.config.model, *context.records.runs.pipelines()}
    if pipeline not in known:
        raise UnknownPipeline(
            f"There is no model or pipeline {pipeline!r}.",
            where=str(context.project.file or context.project.root),
            hint=did_you_mean(pipeline, known) or "No run is recorded yet.",
        )


def _checked_status(status: str | None) -> Any:
    known = ("running", "succeeded", "stopped", "failed", "refused", "cancelled", "lost")
    if status is not None and status not in known:
        raise UsageError(f"There is no run status {status!r}.", hint=f"Known: {', '.join(known)}.")
    return status


def _run_row(run: RunRecord) -> tuple[str, ...]:
    took = shown_seconds(run.finished_at - run.started_at) if run.finished_at else ""
    params = "  ".join(f"{name}={value}" for name, value in run.params.items())
    return run.id, run.status, shown_time(run.started_at), took, shown_metrics(run.metrics), params


def _run_json(run: RunRecord) -> dict[str, Any]:
    return {
        name: value for name, value in asdict(run).items() if name not in ("sequence", "process", "manifest")
    }


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A run such as delays/3, a version such as delays@champion, or a model: its champion."
        ),
    ],
    logs: Annotated[bool, typer.Option("--logs", help="Print what the steps printed.")] = False,
    series: Annotated[str, typer.Option(metavar="NAME", help="Print the points of a logged series.")] = "",
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the logged figures and tables into a folder.")
    ] = None,
    patch: Annotated[bool, typer.Option("--patch", help="Print what was not committed, as a patch.")] = False,
    items: Annotated[
        str, typer.Option(metavar="STEP", help="List what a mapped step did for each item of its list.")
    ] = "",
    resources: Annotated[
        bool, typer.Option("--resources", help="Print what each attempt of each step took.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a run, or a model version and why its gates said what they said."""
    with this_context() as context:
        name = _meant(context, name)
        if "@" in name:
            from interlock.cli.models import show_version

            if logs or series or save or patch or items or resources:
                said = "--logs, --series, --save, --patch, --items and --resources go with a run."
                raise UsageError(said, hint="interlock show MODEL/NUMBER --logs")
            show_version(context, name, as_json=json)
            return
        context.records.runs.mark_lost()
        if patch:
            _show_patch(context, name, as_json=json)
        elif items:
            from interlock.cli.items import show_items

            show_items(context, name, items, as_json=json)
        elif resources and not json:
            _show_resources(context, name)
        elif series or save:
            _show_logged(context, name, series, save, as_json=json)
        else:
            _show_run(context, name, logs=logs, as_json=json)


def _show_patch(context: RunContext, run_id: str, *, as_json: bool) -> None:
    text = context.records.runs.patch(run_id)
    if as_json:
        print_json({"run": run_id, "patch": text})
    else:
        sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")


def _show_resources(context: RunContext, run_id: str) -> None:
    """Print a line for each attempt; those of the items of a mapped step under the number of the item."""
    context.records.runs.get(run_id)
    rows = []
    for step in context.records.steps.of(run_id):
        rows += [_attempt_row(step.node, one) for one in step.attempts]
        for item in context.records.items.of(run_id, step.node):
            rows += [_attempt_row(f"{step.node}[{item.item}]", one) for one in item.attempts]
    print_table("", _RESOURCES, rows)


_RESOURCES = ("attempt", "cpu", "memory", "children", "GPU", "read", "written")


def _attempt_row(name: str, one: AttemptRecord) -> tuple[str, ...]:
    children = one.children_memory or one.children_cpu_seconds
    return (
        name if one.number == 1 else f"{name} (try {one.number})",
        shown_seconds(one.cpu_seconds),
        shown_bytes(one.peak_memory),
        f"{shown_seconds(one.children_cpu_seconds)}, {shown_bytes(one.children_memory)}" if children else "",
        shown_bytes(one.gpu_memory) if one.gpu_memory else "",
        shown_bytes(one.bytes_read),
        shown_bytes(one.bytes_written),
    )


def _show_logged(context: RunContext, run_id: str, series: str, save: Path | None, *, as_json: bool) -> None:
    from interlock.cli.logged import logged_json, print_series, save_logged
    from interlock.engine.logged import logged_in

    logged = logged_in(context.records, run_id)
    if series:
        print_series(logged, run_id, series, as_json=as_json)
    if save:
        written = save_logged(context, logged, save)
        if not series and as_json:
            print_json({"logged": logged_json(logged), "saved": [str(path) for path in written]})
        elif not series:
            console().print("\n".join(map(str, written)))


def _meant(context: RunContext, name: str) -> str:
    """Return what a bare name stands for: a model's champion, else its newest version, else the latest run."""
    if "@" in name or "/" in name:
        return name
    versions, latest = context.records.models.list(name), context.records.runs.list(name, limit=1)
    if versions:
        champion = context.records.models.aliases(name).get("champion")
        return f"{name}@{champion or versions[0].number}"
    if not latest:
        _check_known(context, name)
    return latest[0].id if latest else name


def _show_run(context: RunContext, run_id: str, *, logs: bool, as_json: bool) -> None:
    from interlock.cli.logged import logged_json, print_logged
    from interlock.engine.logged import logged_in

    records = context.records
    run, steps = records.runs.get(run_id), records.steps.of(run_id)
    printed = records.logs.read(run_id) if logs else []
    certificates = records.certificates.of(run_id)
    logged = logged_in(records, run_id)
    if as_json:
        body = _run_json(run) | {"steps": [_step_json(step) for step in steps]}
        at_work = context.records.claims.of(run_id) if run.status == "running" else []
        body |= {"running": [{"step": one.node, "since": one.at} for one in at_work]}
        body |= {"certificates": [asdict(one) for one in certificates], "logged": logged_json(logged)}
        print_json(body | {"logs": [asdict(chunk) for chunk in printed]} if logs else body)
        return
    _print_run(run, certificates)
    rows = [*map(_step_row, steps), *_rows_under_way(context, run)]
    print_table("", ("step", "state", "took", "cpu", "memory", "because"), rows)
    print_logged(logged)
    for step in steps:
        if step.error:
            console().print(f"{step.node}:\n{step.error}", style="red")
    for chunk in printed:
        console().print(f"[{chunk.node} {chunk.stream}] {chunk.text}", end="")


def _print_run(run: RunRecord, certificates: Sequence[Certificate]) -> None:
    out = console()
    out.print(f"{run.id}  {run.status}", style="bold")
    facts = {
        "version id": run.version_id,
        "pipeline": run.ref,
        "started": shown_time(run.started_at),
        "params": "  ".join(f"{name}={value}" for name, value in run.params.items()),
        "metrics": shown_metrics(run.metrics),
        "tags": "  ".join(f"{name}={text}" for name, text in run.tags.items()),
        "data": "  ".join(f"{name} {digest[:20]}" for name, digest in run.snapshots.items()),
        "code": _git(run.git),
        "environment": (run.environment or "")[:20],
        "waived": "  ".join(f"{step}: {reason}" for step, reason in run.waivers.items()),
        "signal": run.signal_id,
        "model": f"{run.pipeline}@{run.model_version}" if run.model_version else "",
        "made again": "  ".join(f"{shown_time(one.at)} {one.verdict}" for one in certificates),
        "error": run.error,
    }
    for fact, text in facts.items():
        if text:
            out.print(f"  {fact:<12} {text}")


def _git(git: Any) -> str:
    if not git or not git.get("commit"):
        return ""
    return f"{git['commit'][:12]}{' with uncommitted changes (--patch)' if git.get('dirty') else ''}"


def _step_row(step: StepRecord) -> tuple[str, ...]:
    ran = step.state == "ran"
    return (
        step.node,
        step.state,
        shown_seconds(step.seconds),
        shown_seconds(step.cpu_seconds) if ran else "",
        shown_bytes(step.peak_memory) if ran else "",
        step.reason,
    )


def _rows_under_way(context: RunContext, run: RunRecord) -> list[tuple[str, ...]]:
    """Return a row for each step that a run is at work on."""
    if run.status != "running":
        return []
    counts, now = context.records.items.counts(run.id), time.time()
    return [
        (one.node, "running", shown_seconds(now - one.at), "", "", _items_done(counts.get(one.node, {})))
        for one in context.records.claims.of(run.id)
    ]


def _items_done(states: Mapping[str, int]) -> str:
    return f"{sum(states.values())} items done" if states else ""


def _step_json(step: StepRecord) -> dict[str, Any]:
    body = asdict(step)
    body["outputs"] = {name: artifact.to_json() for name, artifact in step.outputs.items()}
    return body
