"""Watch the log of predictions for drift, window by window, and record what each window showed.

A window holds the rows that a version answered since its last window, once there are enough of them. So each
row is looked at once, and a quiet endpoint waits longer for its judgement instead of being judged on little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from interlock.engine.context import RunContext
from interlock.models.predictions import answer_of, given_of, read_predictions
from interlock.models.registry import CHAMPION
from interlock.monitor.drift import find_drift
from interlock.monitor.reference import load_reference
from interlock.records.model import ModelVersion, Window
from interlock.stack.config import DriftConfig

if TYPE_CHECKING:
    import pyarrow as pa

CHAMPIONS = 3
"""Champions whose rows are looked at: the present one and those whose last rows may not be judged yet."""


def watch_drift(context: RunContext, model: str) -> Sequence[Window]:
    """Judge the rows that were answered since the last look; return the windows that this made.

    Nothing happens where nothing was asked, or too little.

    Raises:
        CorruptBlob, MissingBlob: What a version was judged on is damaged or gone.
    """
    configured = context.project.config.model.get(model)
    settings = configured.drift if configured else DriftConfig()
    found = [_judge(context, version, settings) for version in recent_champions(context, model)]
    return [window for window in found if window is not None]


def recent_champions(context: RunContext, model: str) -> Sequence[ModelVersion]:
    """Return the versions that were champion last, the present one first."""
    moves = [move.version for move in context.records.models.moves(model) if move.alias == CHAMPION]
    numbers = dict.fromkeys(version for version in moves if version is not None)
    return [context.records.models.get(model, number) for number in list(numbers)[:CHAMPIONS]]


def _judge(context: RunContext, version: ModelVersion, settings: DriftConfig) -> Window | None:
    windows = context.records.windows
    last = windows.list(version.model, version.number, "drift", limit=1)
    table = _rows_after(context, version, last[0].ended_at if last else None)
    if table.num_rows < settings.min_rows:
        return None
    reference = load_reference(context, version.bundle)
    report = find_drift(
        reference.given,
        given_of(table),
        reference_answer=reference.answer,
        current_answer=answer_of(table),
        threshold=settings.threshold,
    )
    times = table["at"]
    return windows.add(
        version.model,
        version.number,
        "drift",
        started_at=times[0].as_py(),
        ended_at=times[-1].as_py(),
        rows=table.num_rows,
        values=report.to_json(),
        alarm=report.drifted,
    )


def _rows_after(context: RunContext, version: ModelVersion, last: float | None) -> pa.Table:
    import pyarrow.compute as pc  # heavy: only for those who watch

    table = read_predictions(context.project.home, version.model, last, version.number)
    return table if last is None else table.filter(pc.greater(table["at"], last))
