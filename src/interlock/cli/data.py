"""`interlock data`: datasets, their snapshots, and what changed between two of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import console, print_json, print_table, shown_bytes, shown_time
from interlock.cli.data_diff import diff, show
from interlock.cli.options import CheckContent, Json, this_context
from interlock.errors import InterlockError, UsageError

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.records.model import SnapshotRecord

Dataset = Annotated[str, typer.Argument(metavar="NAME", help="A dataset of interlock.toml.")]
Which = Annotated[
    str, typer.Argument(metavar="NAME[@N]", help="A snapshot; without a number the current one.")
]
To = Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the files are written.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files of other content.")]
Off = Annotated[bool, typer.Option("--off", help="Let runs read the current state again.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="The datasets and their snapshots.", invoke_without_command=True)
    group.callback()(data)
    for command in (log, show, diff, pin, restore):
        group.command()(command)
    app.add_typer(group, name="data")


def data(context: typer.Context, json: Json = False) -> None:
    """List the datasets with their newest snapshots; other commands look at one of them."""
    if context.invoked_subcommand is not None:
        return
    with this_context() as opened:
        rows = [_dataset(opened, name) for name in opened.project.config.data]
    if json:
        print_json(rows)
    else:
        columns = ("dataset", "uri", "snapshot", "parts", "size", "recorded_at", "pinned", "error")
        print_table("", columns, [_cells(row, columns) for row in rows])


def _dataset(context: RunContext, name: str) -> dict[str, Any]:
    """Take the snapshot of a dataset as it is now; one that cannot be read says why."""
    from interlock.engine.datasets import current_snapshot
    from interlock.store.sources.address import recorded

    datasets = context.records.datasets
    row = {"dataset": name, "uri": recorded(context.project.config.data[name].uri)}
    pinned = datasets.pinned(name)
    try:
        record = datasets.by_digest(current_snapshot(context, name).digest, name)
    except InterlockError as error:
        return row | {"snapshot": None, "pinned": pinned, "error": str(error)}
    return row | (_facts(record) if record else {}) | {"pinned": pinned, "error": None}


def log(dataset: Dataset, check_content: CheckContent = False, json: Json = False) -> None:
    """List the snapshots of a dataset, the newest first."""
    from interlock.engine.datasets import current_snapshot, dataset_config

    with this_context() as context:
        records = context.records.datasets
        try:
            current_snapshot(context, dataset, check=check_content)
        except InterlockError:
            if not records.list(dataset):
                dataset_config(context.project, dataset)
                raise  # of a dataset that cannot be read now, what was recorded is still shown
        pinned = records.pinned(dataset)
        rows = [_facts(one) | {"pinned": one.number == pinned} for one in records.list(dataset)]
    if json:
        print_json(rows)
    else:
        columns = ("snapshot", "digest", "parts", "size", "recorded_at", "pinned")
        print_table("", columns, [_cells(row, columns) for row in rows])


def pin(
    snapshot: Annotated[
        str, typer.Argument(metavar="NAME@N", help="The snapshot that runs read from now on.")
    ],
    off: Off = False,
    json: Json = False,
) -> None:
    """Let later runs read one snapshot of a dataset, until `--off`."""
    from interlock.engine.datasets import dataset_config, find_snapshot
    from interlock.engine.snapshots import parse_snapshot

    name, number = parse_snapshot(snapshot)
    if (number is None) != off:
        raise UsageError("pin takes NAME@N, as in flights@3; and NAME --off.")
    with this_context() as context:
        if number is not None:
            find_snapshot(context, name, number)
        elif context.records.datasets.pinned(name) is None:
            dataset_config(context.project, name)
        context.records.datasets.pin(name, number)
    if json:
        print_json({"dataset": name, "pinned": number})
    else:
        console().print(f"runs read {snapshot}" if number else f"runs read the current state of {name}")


def restore(snapshot: Which, to: To, force: Force = False, json: Json = False) -> None:
    """Write the files of a snapshot into a folder, verified byte by byte."""
    from interlock.engine.snapshots import restore_to, snapshot_named

    with this_context() as context:
        record = snapshot_named(context, snapshot)
        written = restore_to(context, record, to, force=force)
    name = f"{record.snapshot.dataset}@{record.number}"
    if json:
        print_json({"snapshot": name, "folder": str(to), "files": written})
        return
    there = sum(not fresh for fresh in written.values())
    left = f"; {there} were there already" if there else ""
    console().print(f"{name}: {len(written) - there} files written to {to}{left}")


def _facts(record: SnapshotRecord) -> dict[str, Any]:
    parts = record.snapshot.parts
    return {
        "snapshot": record.number,
        "digest": record.snapshot.digest,
        "parts": len(parts),
        "size": sum(part.size for part in parts),
        "recorded_at": record.recorded_at,
    }


def _cells(row: dict[str, Any], columns: tuple[str, ...]) -> list[Any]:
    shown = dict(row)
    if shown.get("digest"):
        shown |= {"digest": shown["digest"][:20], "size": shown_bytes(shown["size"])}
        shown["recorded_at"] = shown_time(shown["recorded_at"])
    if isinstance(shown["pinned"], bool):
        shown["pinned"] = "pinned" if shown["pinned"] else ""
    return [shown.get(name) for name in columns]
