"""`interlock show RUN --items STEP`: what a mapped step did for each item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlock.cli.console import console, print_json, print_table, shown_bytes, shown_seconds
from interlock.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.records.model import ItemRecord


def show_items(context: RunContext, run_id: str, node: str, *, as_json: bool) -> None:
    """Print the items of a mapped step in a run.

    Raises:
        UnknownRun: There is no such run.
        UsageError: The run has no such step, or it is not mapped.
    """
    steps = context.records.steps.of(context.records.runs.get(run_id).id)
    found = list(context.records.items.of(run_id, node))
    if not found:
        mapped = context.records.items.counts(run_id)
        known = mapped or [step.node for step in steps]
        raise UsageError(
            f"Run {run_id} has no items of a step {node!r}.",
            hint=did_you_mean(node, known)
            if mapped
            else "None of its steps is mapped over a list, or has begun.",
        )
    if as_json:
        print_json([_json(one) for one in found])
        return
    rows = [_row(one) for one in found]
    print_table("", ("item", "state", "took", "cpu", "memory", "attempts"), rows)
    for one in found:
        if one.error:
            console().print(f"{node}[{one.item}]:\n{one.error}", style="red")


def _row(one: ItemRecord) -> tuple[str, ...]:
    ran = one.state != "cached"
    return (
        str(one.item),
        one.state,
        shown_seconds(one.seconds) if ran else "",
        shown_seconds(one.cpu_seconds) if ran else "",
        shown_bytes(one.peak_memory) if ran else "",
        str(len(one.attempts)) if ran else "",
    )


def _json(one: ItemRecord) -> dict[str, Any]:
    return {
        "item": one.item,
        "state": one.state,
        "seconds": one.seconds,
        "cpu_seconds": one.cpu_seconds,
        "peak_memory": one.peak_memory,
        "attempts": len(one.attempts),
        "error": one.error,
        "outputs": {name: artifact.to_json() for name, artifact in one.outputs.items()},
    }
