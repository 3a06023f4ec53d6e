"""`interlock data show` and `interlock data diff`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import console, print_json, print_table, shown_bytes
from interlock.cli.options import CheckContent, Json, this_context

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.engine.data_diff import ColumnChange, DataDiff
    from interlock.records.model import SnapshotRecord

Which = Annotated[
    str, typer.Argument(metavar="NAME[@N]", help="A snapshot; without a number the current one.")
]
Before = Annotated[str, typer.Argument(metavar="NAME@N", help="The earlier snapshot.")]
After = Annotated[
    str, typer.Argument(metavar="NAME[@N]", help="The later one; without a number the current one.")
]

_SHOWN = ("type", "null_share", "mean", "std", "min", "max", "distinct")


def show(snapshot: Which, check_content: CheckContent = False, json: Json = False) -> None:
    """Show a snapshot: its parts, rows, columns and their statistics."""
    from interlock.engine.snapshots import snapshot_named

    with this_context() as context:
        found = _described(context, snapshot_named(context, snapshot, check=check_content))
    if json:
        print_json(found)
        return
    out = console()
    rows = "" if found["rows"] is None else f", {found['rows']:,} rows"
    out.print(
        f"{found['snapshot']}  {found['uri']}  {len(found['parts'])} parts{rows}  {found['digest'][:20]}"
    )
    parts = [
        (one["path"], one["rows"], shown_bytes(one["size"]), one["digest"][:20]) for one in found["parts"]
    ]
    print_table("", ("part", "rows", "size", "digest"), parts)
    if found["columns"]:
        columns = [(name, *_statistics(one)) for name, one in found["columns"].items()]
        print_table("", ("column", *_SHOWN, "top"), columns)


def _described(context: RunContext, record: SnapshotRecord) -> dict[str, Any]:
    from interlock.engine.snapshots import profile_of

    snapshot = record.snapshot
    profile = profile_of(context, record)
    known = context.records.datasets.profiles([part.digest for part in snapshot.parts])
    return {
        "snapshot": f"{snapshot.dataset}@{record.number}",
        "digest": snapshot.digest,
        "uri": snapshot.uri,
        "format": snapshot.format,
        "recorded_at": record.recorded_at,
        "rows": profile.rows if profile else None,
        "parts": [
            {
                "path": part.path,
                "digest": part.digest,
                "size": part.size,
                "rows": known[part.digest].rows if part.digest in known else None,
                "in_store": context.store.has(part.bytes),
            }
            for part in snapshot.parts
        ],
        "columns": {column.name: column.statistics() for column in profile.columns} if profile else None,
    }


def diff(before: Before, after: After, json: Json = False) -> None:
    """Show what changed between two snapshots: parts, rows, columns and their values."""
    from interlock.engine.data_diff import diff_snapshots
    from interlock.engine.snapshots import snapshot_named

    with this_context() as context:
        found = diff_snapshots(context, snapshot_named(context, before), snapshot_named(context, after))
    if json:
        print_json(found.to_json())
    else:
        _print_diff(found)


def _print_diff(found: DataDiff) -> None:
    out = console()
    counts = {
        how: sum(part.change == how for part in found.parts)
        for how in ("added", "removed", "changed", "same")
    }
    parts = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
    out.print(f"{found.before} → {found.after}: parts {parts or 'none'}; rows {_pair(found.rows)}")
    changed = [(part.path, part.change, _pair(part.rows)) for part in found.parts if part.change != "same"]
    if changed:
        print_table("", ("part", "change", "rows"), changed)
    for one in found.columns:
        if one.change != "same":
            out.print(f"column {one.name}: {', '.join(_changes(one)) or one.change}")
    if not found.columns:
        out.print(
            "the rows of one of them are not known: its files are gone, and nothing was recorded of them"
        )


def _changes(column: ColumnChange) -> Iterator[str]:
    """Yield what is different, such as "mean 16.2 → 17.2"; of a column that came or went, its type."""
    if column.change != "changed":
        yield f"{column.change} ({(column.after or column.before or {})['type']})"
        return
    names = (*_SHOWN, "top")
    for name, before, after in zip(names, _statistics(column.before), _statistics(column.after), strict=True):
        if before != after:
            yield f"{name} {before or 'none'} → {after or 'none'}"


def _pair(pair: tuple[Any, Any]) -> str:
    before, after = ("" if one is None else f"{one:,}" for one in pair)
    return after if before == after else f"{before} → {after}".strip(" →" if not after or not before else " ")


def _statistics(column: Mapping[str, Any] | None) -> list[str]:
    known = column or {}
    shown = [_short(known.get(name)) for name in _SHOWN]
    if known.get("distinct_is_exact") is False:
        shown[-1] = f"≥ {shown[-1]}"
    return [*shown, ", ".join(f"{value} {count}" for value, count in known.get("top", [])[:3])]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
