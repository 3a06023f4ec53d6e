"""`interlock diff`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.changes import environment_rows, print_change
from interlock.cli.console import console, print_json, print_table
from interlock.cli.options import Json, this_context

if TYPE_CHECKING:
    from interlock.history.attribute import Attribution
    from interlock.history.diff import RunDiff

Name = Annotated[
    str,
    typer.Argument(help="A run (delays/3), a model version (delays@champion), a version id or a git commit."),
]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(diff)


def diff(
    before: Name,
    after: Name,
    attribute: Annotated[
        bool, typer.Option("--attribute", help="Say how much of each metric's change each cause explains.")
    ] = False,
    here: Annotated[
        bool, typer.Option("--here", help="With --attribute: use the present environment for both.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what differs between two runs in data, code, configuration and environment."""
    from interlock.history.attribute import attribute as attributed
    from interlock.history.attribute import to_json
    from interlock.history.diff import diff_runs
    from interlock.history.names import run_named

    with this_context() as context:
        runs = [run_named(context.records, name) for name in (before, after)]
        found = diff_runs(context, runs[0], runs[1])
        explained = attributed(context, runs[0], runs[1], here=here) if attribute else None
    if json:
        print_json(_json(found) | ({"attribution": to_json(explained)} if explained else {}))
        return
    _print(found)
    if explained is not None:
        _print_attribution(explained)


def _json(found: RunDiff) -> dict[str, Any]:
    return {
        "before": {"run": found.before.id, "version_id": found.before.version_id},
        "after": {"run": found.after.id, "version_id": found.after.version_id},
        "changed": list(found.changed),
        **{name: [asdict(one) for one in getattr(found, name)] for name in ("data", "code", "configuration")},
        "environment": asdict(found.environment),
        "metrics": {name: list(pair) for name, pair in found.metrics.items()},
    }


def _print(found: RunDiff) -> None:
    out = console()
    names = [f"{run.id} ({run.version_id or 'no version id'})" for run in (found.before, found.after)]
    out.print(" → ".join(names), style="bold")
    for facet in ("data", "code", "configuration"):
        changes = getattr(found, facet)
        out.print(f"{facet}{'' if changes else ': the same'}", style="bold" if changes else "dim")
        for change in changes:
            print_change(change)
    told = [
        f"    {name}: {old or 'none'} → {new or 'none'}"
        for name, old, new in environment_rows(found.environment)
    ]
    out.print(f"environment{'' if told else ': the same'}", style="bold" if told else "dim")
    for line in told:
        out.print(line)
    for name, (old, new) in found.metrics.items():
        out.print(f"{name}: {_number(old)} → {_number(new)}{_moved(old, new)}")


def _print_attribution(found: Attribution) -> None:
    causes = [" + ".join(one) for one in found.causes]
    rows = [
        (name, f"{sum(shares.values()):+.4g}", *(f"{shares[cause]:+.4g}" for cause in causes))
        for name, shares in found.shares.items()
    ]
    print_table("", ("metric", "change", *causes), rows)
    if found.joined:
        console().print(f"Taken together, as a mixture cannot be run: {found.joined}", style="dim")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _moved(old: float | None, new: float | None) -> str:
    return "" if old is None or new is None else f" ({new - old:+.4g})"
