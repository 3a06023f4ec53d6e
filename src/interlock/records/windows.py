"""What monitors measured, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from interlock.records.ledger import Body, Fact, Ledger, later_than, next_number, row_of, upsert
from interlock.records.model import Window, WindowKind
from interlock.records.schema import windows

_SAVE = upsert(windows)


class Windows:
    """Keep the results of monitors."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(
        self,
        model: str,
        version: int,
        kind: WindowKind,
        *,
        started_at: float,
        ended_at: float,
        rows: int,
        values: Mapping[str, Any],
        alarm: bool,
    ) -> Window:
        """Record what was measured over a span of time."""

        def work(connection: sa.Connection) -> Window:
            number = next_number(connection, windows.c.id)
            measured = Window(
                number, model, version, kind, started_at, ended_at, rows, values, alarm, later_than()
            )
            body = {name: value for name, value in vars(measured).items() if name != "manifest"}
            digest = self._ledger.state(connection, WINDOW, body | {"recorded_at": measured.at})
            return replace(measured, manifest=digest)

        return self._ledger.database.write(work)

    def list(
        self, model: str, version: int | None = None, kind: WindowKind | None = None, *, limit: int = 1000
    ) -> Sequence[Window]:
        """Return the windows of a model, the newest first."""
        query = sa.select(windows).where(windows.c.model == model).order_by(windows.c.id.desc()).limit(limit)
        if version is not None:
            query = query.where(windows.c.version == version)
        if kind is not None:
            query = query.where(windows.c.kind == kind)
        return [Window(**row) for row in self._ledger.database.rows(query)]


def _write_window(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE(connection), row_of(windows, body, digest))


WINDOW = Fact("window", ("id",), _write_window)
