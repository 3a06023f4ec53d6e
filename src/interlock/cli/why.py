"""`interlock why`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.changes import print_change
from interlock.cli.console import console, print_json
from interlock.cli.options import Json, this_context

if TYPE_CHECKING:
    from interlock.history.why import Reason


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(why)


def why(
    run: Annotated[
        str, typer.Argument(help="A run such as delays/3, or a model version such as delays@champion.")
    ],
    step: Annotated[str | None, typer.Argument(help="Only this step.")] = None,
    against: Annotated[str | None, typer.Option(help="The run to compare with; else the one before.")] = None,
    json: Json = False,
) -> None:
    """Say why each step of a run ran or was taken from the cache, and what had changed."""
    from interlock.history.names import run_named
    from interlock.history.why import explain  # brings the records: not for --help

    with this_context() as context:
        named = run_named(context.records, run).id
        other = run_named(context.records, against).id if against else None
        reasons = explain(context, named, step, against=other)
    if json:
        print_json({"run": named, "steps": [asdict(reason) for reason in reasons]})
        return
    for reason in reasons:
        _print(reason)


def _print(reason: Reason) -> None:
    out = console()
    style = {"ran": "bold", "failed": "bold red"}.get(reason.state, "dim")
    since = f" (since {reason.since})" if reason.since and reason.changes else ""
    out.print(f"{reason.step}  {reason.state}: {reason.words}{since}", style=style)
    for change in reason.changes:
        print_change(change, change.kind)
