"""`interlock store`: what the store holds, whether it is whole, and the removal of what nobody needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.console import console, print_json, print_table, shown_bytes
from interlock.cli.options import Json, this_context
from interlock.errors import UsageError

if TYPE_CHECKING:
    from interlock.history.checked_store import CheckedStore
    from interlock.history.garbage import Collected
    from interlock.history.usage import Usage

Dry = Annotated[bool, typer.Option("--dry", help="Say what would go, and stop.")]
Grace = Annotated[str, typer.Option(metavar="TIME", help="How long what nobody needs is left alone.")]
Alone = Annotated[
    bool, typer.Option("--alone", help="Nobody else writes to the store now: any grace will do.")
]
KeepRuns = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Let go of the artifacts of all but the newest N runs of a pipeline."
    ),
]
OlderThan = Annotated[
    str | None, typer.Option(metavar="TIME", help="Let go of the artifacts of runs that are older.")
]
Top = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many rows, largest first.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="The store of artifacts.", no_args_is_help=True)
    group.command("verify")(verify)
    group.command("gc")(gc)
    group.command("du")(du)
    app.add_typer(group, name="store")


def verify(json: Json = False) -> None:
    """Read the whole store; say what is damaged, and what is needed and missing."""
    from interlock.history.checked_store import check_store

    with this_context() as context:
        checked = check_store(context)
    if json:
        print_json({**asdict(checked), "sound": checked.is_sound})
    else:
        _print_checked(checked)
    if not checked.is_sound:
        raise typer.Exit(1)


def _print_checked(checked: CheckedStore) -> None:
    out = console()
    for fault in checked.damaged:
        out.print(f"{fault.kind}: {fault.path}", style="red")
    for lost in checked.missing:
        out.print(f"missing: {lost.path}, needed by {', '.join(lost.needed_by)}", style="red")
    for note in checked.notes:
        out.print(f"{note.kind}: {note.path}", style="dim")
    if checked.freed:
        out.print(f"without artifacts, as gc was asked to: {', '.join(checked.freed)}", style="dim")
    told = (
        "all whole" if checked.is_sound else f"{len(checked.damaged)} damaged, {len(checked.missing)} missing"
    )
    out.print(f"{checked.objects} objects, {shown_bytes(checked.bytes)}: {told}", style="bold")


def gc(
    dry: Dry = False,
    grace: Grace = "1d",
    keep_runs: KeepRuns = None,
    older_than: OlderThan = None,
    alone: Alone = False,
    json: Json = False,
) -> None:
    """Remove what no run, model version, alias, pin, snapshot, deployment or certificate needs."""
    from interlock.history.garbage import GcWish, collect

    wish = GcWish(
        _seconds("--grace", grace),
        alone,
        dry,
        keep_runs,
        None if older_than is None else _seconds("--older-than", older_than),
    )
    with this_context() as context:
        done = collect(context, wish)
    if json:
        print_json(asdict(done))
    else:
        _print_collected(done)


def _seconds(option: str, text: str) -> float:
    from interlock.stack.config import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from None


def _print_collected(done: Collected) -> None:
    out, verb = console(), "would free" if done.dry else "freed"
    out.print(
        f"{verb} {shown_bytes(done.bytes)}: {done.blobs} blobs, {done.manifests} manifests", style="bold"
    )
    if done.runs:
        out.print(f"{len(done.runs)} runs without their artifacts: {', '.join(done.runs)}")
    if done.young:
        out.print(f"{shown_bytes(done.young)} more that nobody needs are younger than the grace", style="dim")


def du(top: Top = 20, json: Json = False) -> None:
    """Say what takes the space of the store."""
    from interlock.history.usage import usage_of

    with this_context() as context:
        usage = usage_of(context)
    if json:
        print_json(asdict(usage))
    else:
        _print_usage(usage, top)


def _print_usage(usage: Usage, top: int) -> None:
    rows = [
        (one.kind, one.name, shown_bytes(one.bytes), shown_bytes(one.alone)) for one in usage.shares[:top]
    ]
    print_table("", ("what", "name", "size", "alone"), rows)
    out = console()
    kinds = sorted(usage.kinds.items(), key=lambda one: -one[1])
    out.print(", ".join(f"{kind} {shown_bytes(size)}" for kind, size in kinds), style="dim")
    out.print(
        f"{shown_bytes(usage.total)} in {usage.objects} objects; {shown_bytes(usage.shared)} shared, "
        f"{shown_bytes(usage.unreached)} needed by nobody (interlock store gc)",
        style="bold",
    )
    if usage.near:
        out.print(f"{shown_bytes(usage.near)} of it are kept on this machine too")
