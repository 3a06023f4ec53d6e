"""`interlock reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import console, print_json, print_table, shown_seconds
from interlock.cli.options import Json, this_context

if TYPE_CHECKING:
    from interlock.records.model import Certificate

EXIT_CODES = {"identical": 0, "equal": 0, "different": 1, "not reproducible": 3}


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(reproduce)


def reproduce(
    run: Annotated[
        str, typer.Argument(help="A run such as delays/3, or a model version such as delays@champion.")
    ],
    here: Annotated[
        bool, typer.Option("--here", help="Use the present environment, and say how it differs.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Relative difference up to which numbers count as equal.")
    ] = 1e-9,
    keep: Annotated[
        Path | None, typer.Option(help="A folder in which the code is left to be looked at.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a run again from its code, data and environment, and compare it artifact by artifact."""
    from interlock.history.names import run_named
    from interlock.history.reproduce import How
    from interlock.history.reproduce import reproduce as make_again

    with this_context() as context:
        record = run_named(context.records, run)
        certificate = make_again(context, record.id, How(here, tolerance, keep))
    if json:
        print_json({"number": certificate.number, "at": certificate.at, **certificate.body})
    else:
        _print(certificate)
    raise typer.Exit(EXIT_CODES[certificate.verdict])


def _print(certificate: Certificate) -> None:
    out, body = console(), certificate.body
    style = "bold green" if EXIT_CODES[certificate.verdict] == 0 else "bold red"
    out.print(f"{certificate.run_id}: {certificate.verdict}", style=style)
    for one in body["missing"]:
        out.print(f"  {one}")
    if body["steps"]:
        rows = [(s["step"], s["verdict"], shown_seconds(s["seconds"]), _apart(s)) for s in body["steps"]]
        print_table("", ("step", "verdict", "took", "difference"), rows)
    if body["first"]:
        _print_first(body["first"])
    for line in _moved(body["differences"]):
        out.print(f"  {line}")


def _apart(step: dict[str, Any]) -> str:
    found = [one for one in step["outputs"] if one["verdict"] in ("different", "equal")]
    return "  ".join(f"{one['where']}: {one['words']}" for one in found)


def _print_first(first: dict[str, Any]) -> None:
    out = console()
    out.print(f"The first difference is in {first['step']}.", style="bold")
    if first["output"]:
        out.print(f"  {first['output']['where']}: {first['output']['words']}")
    if first["error"]:
        out.print(f"  {first['error']}")
    if first.get("cause"):
        out.print(f"  likely cause: {first['cause']['kind']}: {first['cause']['evidence']}")


def _moved(differences: dict[str, Any]) -> list[str]:
    moved = {**differences["distributions"], **differences["facts"], "python": differences["python"]}
    return [f"{name}: {pair[0] or 'none'} → {pair[1] or 'none'}" for name, pair in moved.items() if pair]
