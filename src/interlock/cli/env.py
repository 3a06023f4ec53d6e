"""`interlock env`: the environments of runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from interlock.cli.changes import environment_rows
from interlock.cli.console import console, print_json, print_table
from interlock.cli.options import Json, this_context

Run = Annotated[
    str, typer.Argument(help="A run such as delays/3, or a model version such as delays@champion.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="Look at the environments that runs were made in.", no_args_is_help=True)
    group.command()(show)
    group.command()(diff)
    group.command()(export)
    app.add_typer(group, name="env")


def show(run: Run, json: Json = False) -> None:
    """Show the interpreter, the packages and the machine of a run."""
    from interlock.history.environments import environment_of
    from interlock.history.names import run_named

    with this_context() as context:
        record = run_named(context.records, run)
        found = environment_of(context.records, record)
    if json:
        print_json({"run": record.id, **found.to_json(), "facts": record.facts})
        return
    console().print(f"{found.python} on {found.platform}", style="bold")
    print_table(
        "",
        ("package", "version", "from"),
        [(name, version, found.origins.get(name, "")) for name, version in found.distributions.items()],
    )
    print_table("", ("fact", "value"), [(name, _text(value)) for name, value in record.facts.items()])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, list):
        return "  ".join(" ".join(map(str, one.values())) for one in value)
    return str(value)


def diff(before: Run, after: Run, json: Json = False) -> None:
    """Show what differs between the environments of two runs."""
    from interlock.history.environments import environment_diff
    from interlock.history.names import run_named

    with this_context() as context:
        runs = [run_named(context.records, name) for name in (before, after)]
        found = environment_diff(context.records, *runs)
    if json:
        print_json({"before": runs[0].id, "after": runs[1].id, **asdict(found)})
        return
    if found.empty:
        console().print("The environments are the same.")
        return
    print_table("", ("what", runs[0].id, runs[1].id), environment_rows(found))


def export(
    run: Run,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; else stdout.")
    ] = None,
) -> None:
    """Write the packages of a run as a requirements file that uv and pip install from."""
    from interlock.history.environments import environment_of
    from interlock.history.environments import export as exported
    from interlock.history.names import run_named

    with this_context() as context:
        record = run_named(context.records, run)
        text = exported(environment_of(context.records, record), record.id)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
