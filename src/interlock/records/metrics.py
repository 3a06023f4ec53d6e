"""Series of numbers that steps log while they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from interlock.errors import InterlockError
from interlock.records.database import Database
from interlock.records.jsontext import lively
from interlock.records.model import MetricPoint
from interlock.records.schema import metrics
from interlock.records.unknown import unknown_run

_LARGEST = 2**63 - 1
_POINT = (metrics.c.run_id, metrics.c.node, metrics.c.name, metrics.c.step, metrics.c["value"], metrics.c.at)
_NEW = sa.insert(metrics)


class MetricOutOfRange(InterlockError):
    """A step number or a value does not fit into a database."""

    def __init__(self, point: MetricPoint) -> None:
        number = point.step if abs(point.step) > _LARGEST else point.value
        super().__init__(
            f"The metric {point.name!r} has {_shortened(number)}, which is no number of 64 bits.",
            where=f"step {point.node!r} of run {point.run_id!r}",
            hint="Log a float, and count steps from 0.",
        )
        self.point = point


class Metrics:
    """Add points to series and read them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, points: Sequence[MetricPoint]) -> None:
        """Add points, all or none.

        Raises:
            MetricOutOfRange: A number does not fit into 64 bits.
            UnknownRun: There is no such run.
        """
        rows = [_row(point) for point in points]
        if not rows:
            return
        try:
            self._database.write(lambda connection: write_points(connection, rows), alone=False)
        except IntegrityError as error:
            raise unknown_run(self._database, points[0].run_id) from error

    def series(self, run_id: str, name: str, node: str | None = None) -> list[MetricPoint]:
        """Return the points of a metric in the order of their steps."""
        query = sa.select(*_POINT).where(metrics.c.run_id == run_id, metrics.c.name == name)
        if node is not None:
            query = query.where(metrics.c.node == node)
        query = query.order_by(metrics.c.step, metrics.c.id)
        return [MetricPoint(**row) for row in self._database.rows(query)]

    def names(self, run_id: str, node: str | None = None) -> list[str]:
        """Return the names of the series of a run, or of one of its nodes."""
        query = sa.select(metrics.c.name).where(metrics.c.run_id == run_id)
        if node is not None:
            query = query.where(metrics.c.node == node)
        return self._database.column(query.distinct().order_by(metrics.c.name))


def write_points(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of points."""
    if rows:
        connection.execute(_NEW, rows)


def series_body(connection: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    """Return the series of a run for its manifest, each as three columns."""
    query = sa.select(*_POINT).where(metrics.c.run_id == run_id)
    points = [
        MetricPoint(*row)
        for row in connection.execute(query.order_by(metrics.c.node, metrics.c.name, metrics.c.id))
    ]
    return [
        _column_wise(node, name, list(found))
        for (node, name), found in groupby(points, lambda p: (p.node, p.name))
    ]


def rows_of_series(run_id: str, series: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Read what `series_body` wrote, as rows."""
    return [
        {
            "run_id": run_id,
            "node": one["node"],
            "name": one["name"],
            "step": step,
            "value": lively(value),
            "at": at,
        }
        for one in series
        for step, value, at in zip(one["steps"], one["values"], one["at"], strict=True)
    ]


def _column_wise(node: str, name: str, points: list[MetricPoint]) -> dict[str, Any]:
    columns = {
        "steps": [p.step for p in points],
        "values": [p.value for p in points],
        "at": [p.at for p in points],
    }
    return {"node": node, "name": name} | columns


def _row(point: MetricPoint) -> dict[str, Any]:
    try:
        value = float(point.value)
    except OverflowError:
        raise MetricOutOfRange(point) from None
    if abs(point.step) > _LARGEST:
        raise MetricOutOfRange(point)
    fields = {"run_id": point.run_id, "node": point.node, "name": point.name}
    return fields | {"step": int(point.step), "value": value, "at": point.at}


def _shortened(number: float) -> str:
    # Python refuses to print an int of more than 4300 digits.
    digits = number.bit_length() if isinstance(number, int) else 0
    return f"an integer of {digits} bits" if digits > 128 else repr(number)
