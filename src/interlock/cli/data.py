"""`interlock data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import print_json, print_table, shown_bytes, shown_time
from interlock.cli.options import Json, this_context

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.records.model import SnapshotRecord


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(data)


def data(
    dataset: Annotated[str | None, typer.Argument(help="Show the snapshots of this dataset.")] = None,
    json: Json = False,
) -> None:
    """List the datasets with their newest snapshots, or the snapshots of one."""
    with this_context() as context:
        rows = _datasets(context) if dataset is None else _snapshots(context, dataset)
    if json:
        print_json(rows)
    elif rows:
        print_table("", tuple(rows[0]), [_row(row) for row in rows])
    else:
        print_table("", ("dataset",), [])


def _datasets(context: RunContext) -> list[dict[str, Any]]:
    """Take the snapshot of each configured dataset as it is now; one that cannot be read says why."""
    from interlock.engine.datasets import current_snapshot
    from interlock.errors import InterlockError

    rows = []
    for name, config in context.project.config.data.items():
        try:
            current_snapshot(context, name)
        except InterlockError as error:
            rows.append({"dataset": name, "uri": config.uri, "snapshot": None, "error": str(error)})
            continue
        latest = context.records.datasets.latest(name)
        rows.append(
            {"dataset": name, "uri": config.uri} | (_facts(latest) if latest else {}) | {"error": None}
        )
    return rows


def _snapshots(context: RunContext, dataset: str) -> list[dict[str, Any]]:
    from interlock.engine.datasets import current_snapshot

    current_snapshot(context, dataset)
    return [_facts(record) for record in context.records.datasets.list(dataset)]


def _facts(record: SnapshotRecord) -> dict[str, Any]:
    parts = record.snapshot.parts
    return {
        "snapshot": record.number,
        "digest": record.snapshot.digest,
        "parts": len(parts),
        "size": sum(part.size for part in parts),
        "recorded_at": record.recorded_at,
    }


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    shown = dict(row)
    if shown.get("digest"):
        shown |= {"digest": shown["digest"][:20], "size": shown_bytes(shown["size"])}
        shown["recorded_at"] = shown_time(shown["recorded_at"])
    return tuple(shown.values())
