"""The values by which runs are searched: one row for each metric, param and tag, derived from the run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from interlock.records.jsontext import dumps, lively
from interlock.records.ledger import Body
from interlock.records.schema import run_values

METRIC, PARAM, TAG, FIELD = "metric", "param", "tag", "field"
FIELDS = ("status", "pipeline", "started", "took")
"""What every run has; `took`, in seconds, from its end on."""

_LONGEST = 200
"""Signs of a text that are searched: an index holds no novels."""
_NEW = sa.insert(run_values)


def write_values(connection: sa.Connection, body: Body) -> None:
    """Write the values of a run in place of those that it had."""
    connection.execute(sa.delete(run_values).where(run_values.c.run_id == body["id"]))
    rows = list(value_rows(body))
    if rows:
        connection.execute(_NEW, rows)


def value_rows(body: Body) -> Iterable[dict[str, Any]]:
    """Yield the rows of a run's values; a metric of the run hides a series of the same name."""
    metrics = {**_last_points(body.get("series") or ()), **(body.get("metrics") or {})}
    kinds = (METRIC, metrics), (PARAM, body.get("params")), (TAG, body.get("tags")), (FIELD, _fields(body))
    for kind, values in kinds:
        for name, value in (values or {}).items():
            number, text = as_value(lively(value))
            place = {"run_id": body["id"], "kind": kind, "name": str(name), "sequence": body["sequence"]}
            yield place | {"number": number, "text": text}


def as_value(value: Any) -> tuple[float | None, str | None]:
    """Return a value as a number or as a text; NaN, which compares with nothing, is neither."""
    if isinstance(value, (bool, str)) or value is None:
        return None, (value if isinstance(value, str) else dumps(value))[:_LONGEST]
    if isinstance(value, (int, float)):
        try:
            number = float(value)
        except OverflowError:
            return None, f"an integer of {int(value).bit_length()} bits"
        return (None if math.isnan(number) else number), None
    return None, dumps(value)[:_LONGEST]


def _fields(body: Body) -> dict[str, Any]:
    began, ended = body["started_at"], body.get("finished_at")
    known = {"status": body["status"], "pipeline": body["pipeline"], "started": began}
    return known | ({} if ended is None else {"took": ended - began})


def _last_points(series: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the value of the last step of each series; of equal steps the later point."""
    last: dict[str, tuple[int, Any]] = {}
    for one in series:
        for step, value in zip(one["steps"], one["values"], strict=True):
            if one["name"] not in last or step >= last[one["name"]][0]:
                last[one["name"]] = step, value
    return {name: value for name, (_, value) in last.items()}
