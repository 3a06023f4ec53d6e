"""`interlock init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.console import console, print_json
from interlock.cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where the project is made.")] = Path(),
    json: Json = False,
) -> None:
    """Make a small project that trains at once: a pipeline, interlock.toml, and some real flights."""
    from interlock.demo.projects import write_project

    made = write_project("starter", folder)
    if json:
        print_json({"folder": str(folder), "files": made})
        return
    out = console()
    for name in made:
        out.print(f"  {folder / name}")
    enter = f"cd {folder} && " if folder != Path() else ""
    out.print(f"Train it: {enter}interlock run delays")
