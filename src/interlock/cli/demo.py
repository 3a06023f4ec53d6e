"""`interlock demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.console import console, print_json
from interlock.cli.options import Json
from interlock.extras import require_all

Months = Annotated[int, typer.Option(min=2, max=12, help="How many months of the year are lived through.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's project is made.")] = Path(
        "interlock-demo"
    ),
    months: Months = 12,
    json: Json = False,
) -> None:
    """Live through a year of flights: train, gate, serve, watch, retrain, while a client keeps asking."""
    require_all("httpx", "matplotlib", "pandas", "sklearn", "starlette", extra="demo")
    from interlock.demo.report import summary, write_report
    from interlock.demo.stage import play

    err = console(stderr=True)
    played = play(folder, months, say=err.print)
    page = write_report(played, folder / "report.html")
    if json:
        print_json(summary(played) | {"report": str(page)})
    else:
        _print_summary(summary(played), page)
    if played.tally.failed:
        raise typer.Exit(1)


def _print_summary(found: dict[str, object], page: Path) -> None:
    out = console()
    for line in found["lines"]:  # type: ignore[attr-defined]  # a list of text
        out.print(line)
    out.print(f"The whole story, with plots: {page}")
