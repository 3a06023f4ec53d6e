"""`interlock monitor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import console, print_json, print_table, shown_metrics, shown_time
from interlock.cli.options import Json, this_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interlock.engine.context import RunContext
    from interlock.monitor.drift import ColumnDrift
    from interlock.records.model import Window


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(monitor)


def monitor(
    model: Annotated[str, typer.Argument(help="A model, or one version of it: delays, delays@3.")],
    limit: Annotated[int, typer.Option(min=1, help="How many windows of each kind, newest first.")] = 20,
    json: Json = False,
) -> None:
    """Show what the monitors measured: drift of each column, and the metrics once outcomes are known."""
    with this_context() as context:
        version = _version(context, model)
        windows = context.records.windows
        name = model.partition("@")[0]
        drift = windows.list(name, version, "drift", limit=limit)
        metrics = windows.list(name, version, "metric", limit=limit)
    if json:
        print_json({"model": name, "drift": _bodies(drift), "metrics": _bodies(metrics)})
    else:
        _print_drift(drift)
        _print_metrics(metrics)


def _version(context: RunContext, name: str) -> int | None:
    """Return the version that is asked for, or None for all; check that there are any."""
    from interlock.models.registry import resolve
    from interlock.records.unknown import UnknownModel

    if "@" in name:
        return resolve(context.records, name).number
    if not context.records.models.list(name):
        raise UnknownModel(name, context.records.models.names())
    return None


def _bodies(windows: Sequence[Window]) -> list[dict[str, Any]]:
    shown = ("version", "started_at", "ended_at", "rows", "alarm", "values")
    return [{name: getattr(window, name) for name in shown} for window in windows]


def _print_drift(windows: Sequence[Window]) -> None:
    from interlock.monitor.drift import DriftReport

    if not windows:
        console().print("No drift was looked for yet: `interlock up` does, once enough rows were answered.")
        return
    reports = [DriftReport.from_json(window.values) for window in windows]
    rows = [
        (*_span(window), "drifted" if report.drifted else "", ", ".join(report.drifted_columns))
        for window, report in zip(windows, reports, strict=True)
    ]
    print_table("Drift", ("from", "to", "version", "rows", "verdict", "drifted columns"), rows)
    columns = ("column", "psi", "p", "missing", "verdict", "note")
    newest = (*reports[0].columns, *reports[0].answer)
    print_table("Columns of the newest window", columns, [_column_row(one) for one in newest])


def _column_row(column: ColumnDrift) -> tuple[str, ...]:
    measured = (f"{column.psi:.3f}", f"{column.adjusted_p:.2g}") if column.test else ("", "")
    missing = f"{column.missing_before:.1%} → {column.missing_now:.1%}"
    return (column.column, *measured, missing, "drifted" if column.drifted else "", column.note)


def _print_metrics(windows: Sequence[Window]) -> None:
    from interlock.models.bundle_manifest import numbers_of

    if not windows:
        console().print("No outcomes are known yet: `truth` of the model names the dataset that brings them.")
        return
    rows = [(*_span(window), shown_metrics(numbers_of(window.values["metrics"]))) for window in windows]
    print_table("Metrics of what was answered", ("from", "to", "version", "rows", "metrics"), rows)


def _span(window: Window) -> tuple[str, str, int, int]:
    return shown_time(window.started_at), shown_time(window.ended_at), window.version, window.rows
