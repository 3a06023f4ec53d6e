"""`interlock records`."""

from __future__ import annotations

import typer

from interlock.cli.console import console, print_json
from interlock.cli.options import Json, this_project


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="The records: the index over what the store holds.", no_args_is_help=True)
    group.command("rebuild")(rebuild)
    app.add_typer(group, name="records")


def rebuild(json: Json = False) -> None:
    """Make the records anew from the store; the file there was is kept beside the new one."""
    from interlock.engine.rebuild import rebuild_records

    made = rebuild_records(this_project())
    if json:
        print_json(made)
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in made["kinds"].items() if count)
    console().print(f"rebuilt from the store: {counts or 'nothing was there'}")
    for fault in made["unreadable"]:
        console().print(f"left out: {fault}", style="yellow")
