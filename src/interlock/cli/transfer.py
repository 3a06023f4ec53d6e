"""`interlock push` and `interlock pull`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.console import console, print_json, shown_bytes
from interlock.cli.options import Json, this_context

if TYPE_CHECKING:
    from interlock.history.transfer import Progress, Transferred
    from interlock.records.incoming_aliases import KeptAlias

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="Runs (delays/3), versions (delays@champion), models; none for everything."
    ),
]
Aliases = Annotated[
    bool, typer.Option("--aliases", help="Move aliases to where they point at the other side.")
]
Dry = Annotated[bool, typer.Option("--dry", help="Say what would be copied, and stop.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(push)
    app.command()(pull)


def push(
    target: Annotated[str, typer.Argument(help="A folder, a project, or s3://bucket/prefix.")],
    names: Names = None,
    aliases: Aliases = False,
    dry: Dry = False,
    json: Json = False,
) -> None:
    """Copy runs, artifacts and models to another store: only what is missing there."""
    from interlock.history import transfer

    with this_context() as context:
        wish = transfer.Wish(names or (), aliases, dry, PrintedTransfer())
        _tell(transfer.push(context, target, wish), as_json=json)


def pull(
    source: Annotated[str, typer.Argument(help="A folder, a project, or s3://bucket/prefix.")],
    names: Names = None,
    aliases: Aliases = False,
    dry: Dry = False,
    json: Json = False,
) -> None:
    """Copy runs, artifacts and models from another store: only what is missing here."""
    from interlock.history import transfer

    with this_context() as context:
        wish = transfer.Wish(names or (), aliases, dry, PrintedTransfer())
        _tell(transfer.pull(context, source, wish), as_json=json)


class PrintedTransfer:
    """Prints how far a transfer is, to stderr: over and over where that is a terminal, else at each tenth."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._tenth = 0

    def __call__(self, progress: Progress) -> None:
        """Print it, if it is time to."""
        tenth = 10 * progress.done // progress.total
        if self._console.is_terminal or tenth > self._tenth:
            size = f"{shown_bytes(progress.bytes)} of {shown_bytes(progress.total_bytes)}"
            end = "\r" if self._console.is_terminal and progress.done < progress.total else "\n"
            self._console.print(f"  {progress.done}/{progress.total} objects, {size}", end=end, style="dim")
        self._tenth = tenth


def _tell(done: Transferred, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
    else:
        _print(done)
    if done.missing or done.skipped:
        raise typer.Exit(1)


def _print(done: Transferred) -> None:
    out, verb = console(), "would copy" if done.dry else "copied"
    out.print(
        f"{done.source} → {done.target}: {verb} {done.objects} objects, {shown_bytes(done.bytes)}; "
        f"{done.present} blobs were there already",
        style="bold",
    )
    if done.new:
        out.print(
            f"new in {done.target}: " + ", ".join(f"{count} {kind}" for kind, count in done.new.items())
        )
    for there, here in done.renumbered.items():
        out.print(f"{there} of {done.source} is {here} in {done.target}: the number was taken")
    for alias in done.moved:
        out.print(f"{_name(alias)} now points to version {alias.there}")
    for alias in done.kept:
        out.print(f"{_kept(alias, done)}", style="yellow")
    for run_id in done.left_out:
        out.print(f"{run_id} is not over yet: it was left out", style="yellow")
    for what in done.missing:
        out.print(f"missing: {what} is in neither store", style="red")
    for what in done.skipped:
        out.print(f"left out: {what}", style="red")


def _name(alias: KeptAlias) -> str:
    return f"{alias.model}@{alias.alias}"


def _kept(alias: KeptAlias, done: Transferred) -> str:
    there = "nowhere" if alias.there is None else f"to what is version {alias.there} in {done.target}"
    return (
        f"{_name(alias)} of {done.target} stays at version {alias.here}; in {done.source} it points "
        f"{there} ({alias.reason}). --aliases takes that over."
    )
