"""`interlock records`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.console import console, print_json
from interlock.cli.options import Json, this_context, this_project

if TYPE_CHECKING:
    from interlock.records.place import Place


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="The records: the index over what the store holds.", no_args_is_help=True)
    group.command("rebuild")(rebuild)
    group.command("copy")(copy)
    group.command("downgrade")(downgrade)
    app.add_typer(group, name="records")


def rebuild(json: Json = False) -> None:
    """Make the records anew from the store; what there was is kept in a file beside."""
    from interlock.engine.rebuild import rebuild_records

    made = rebuild_records(this_project())
    if json:
        print_json(made)
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in made["kinds"].items() if count)
    console().print(f"rebuilt from the store: {counts or 'nothing was there'}")
    for fault in made["unreadable"]:
        console().print(f"left out: {fault}", style="yellow")


def copy(
    target: Annotated[
        str, typer.Argument(help="postgresql://user:${PASSWORD}@host/database, or a new file.")
    ],
    json: Json = False,
) -> None:
    """Copy the records whole to a place that holds none yet: a PostgreSQL database, or a SQLite file."""
    from interlock.records.copying import copy_records

    place = _place(target)
    with this_context() as context:
        counts = copy_records(context.records.database, place)
    if json:
        print_json({"target": str(place), "rows": counts})
        return
    console().print(f"{sum(counts.values())} rows copied to {place}")
    console().print("Name it in interlock.toml to use it:  [stack.default] records = …")


def _place(target: str) -> Place:
    from interlock.engine.place import records_server

    if "://" in target or target.startswith("${"):
        return records_server(target)
    return Path(target).expanduser().resolve()


def downgrade(
    version: Annotated[
        int, typer.Argument(help="The version of the tables, as the older Interlock names it.")
    ],
    json: Json = False,
) -> None:
    """Take the records back to the version of an older Interlock, which then opens them."""
    from interlock.engine.place import records_place
    from interlock.records.records import open_database
    from interlock.records.upgrade import downgrade as take_back

    place = records_place(this_project())
    database = open_database(place)
    try:
        before = take_back(database, version)
    finally:
        database.close()
    if json:
        print_json({"records": str(place), "before": before, "now": version})
    else:
        console().print(f"the records had version {before}, and have version {version} now: {place}")
