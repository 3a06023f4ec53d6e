"""What the steps of a run logged, as `interlock show` prints and saves it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.cli.console import print_json, print_table, shown_time
from interlock.errors import InterlockError, did_you_mean

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.engine.logged import Logged


class UnknownSeries(InterlockError):
    """A series is named that no step of the run logged."""


def logged_json(logged: Sequence[Logged]) -> list[dict[str, Any]]:
    """Return what was logged, without the points of the series: last value and count."""
    return [
        {
            "step": one.node,
            "run": one.run,
            "series": {
                name: {"last": points[-1].value, "count": len(points)} for name, points in one.metrics.items()
            },
            "figures": list(one.figures),
            "tables": list(one.tables),
        }
        for one in logged
    ]


def print_logged(logged: Sequence[Logged]) -> None:
    """Print a line for each series, figure and table."""
    rows = [row for one in logged for row in _rows(one)]
    if rows:
        print_table("", ("step", "logged", "name", "last", "points"), rows)


def _rows(one: Logged) -> list[tuple[str, ...]]:
    series = [
        (one.node, "series", name, f"{points[-1].value:.6g}", str(len(points)))
        for name, points in one.metrics.items()
    ]
    figures = [(one.node, "figure", name, "", "") for name in one.figures]
    return [*series, *figures, *((one.node, "table", name, "", "") for name in one.tables)]


def print_series(logged: Sequence[Logged], run_id: str, name: str, *, as_json: bool) -> None:
    """Print all points of a series.

    Raises:
        UnknownSeries: No step logged it.
    """
    points = [point for one in logged for point in one.metrics.get(name, ())]
    if not points:
        known = {series for one in logged for series in one.metrics}
        raise UnknownSeries(f"No step of {run_id} logged a series {name!r}.", hint=did_you_mean(name, known))
    if as_json:
        print_json([asdict(point) for point in points])
        return
    rows = [(point.node, point.step, point.value, shown_time(point.at)) for point in points]
    print_table("", ("step", "at", name, "when"), rows)


def save_logged(context: RunContext, logged: Sequence[Logged], folder: Path) -> list[Path]:
    """Write the figures and tables into a folder, under the names of the step and their own; return the paths."""
    from interlock.engine.logged import load_logged

    folder.mkdir(parents=True, exist_ok=True)
    found: dict[Path, bytes] = {}
    for one in logged:
        for name, figure in load_logged(context.artifacts, one.figures).items():
            found[_place(folder, one.node, name, _suffix(figure))] = figure
        for name, table in load_logged(context.artifacts, one.tables).items():
            found[_place(folder, one.node, name, ".csv")] = _csv(table).encode()
    for path, content in found.items():
        path.write_bytes(content)
    return list(found)


def _place(folder: Path, node: str, name: str, suffix: str) -> Path:
    return folder / (re.sub(r"[^\w.-]", "_", f"{node}.{name}").lstrip(".") + suffix)


def _suffix(figure: bytes) -> str:
    known: Mapping[bytes, str] = {
        b"\x89PNG": ".png",
        b"\xff\xd8\xff": ".jpg",
        b"%PDF": ".pdf",
        b"<svg": ".svg",
    }
    found = next((suffix for magic, suffix in known.items() if figure.startswith(magic)), None)
    return found or (".html" if figure.lstrip()[:1] == b"<" else ".bin")


def _csv(table: Any) -> str:
    if hasattr(table, "write_csv"):
        return str(table.write_csv())
    import pandas as pd  # only here

    frame = pd.DataFrame(table.to_pandas() if hasattr(table, "to_pandas") else table)
    return str(frame.to_csv(index=not isinstance(frame.index, pd.RangeIndex)))
