"""What steps printed. Logs are in the records only, not in the run's manifest: a rebuild starts without them."""

from __future__ import annotations

import time

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from interlock.records.database import Database
from interlock.records.jsontext import legible
from interlock.records.model import LogChunk
from interlock.records.schema import logs
from interlock.records.unknown import unknown_run

_NEW = sa.insert(logs)


class Logs:
    """Add and read output of steps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run_id: str, node: str, stream: str, text: str) -> None:
        """Keep a piece of output of a step; `stream` is "stdout" or "stderr".

        Raises:
            UnknownRun: There is no such run.
        """
        row = {"run_id": run_id, "node": node, "stream": stream, "text": legible(text), "at": time.time()}
        try:
            self._database.change(_NEW, row)
        except IntegrityError as error:
            raise unknown_run(self._database, run_id) from error

    def read(self, run_id: str, node: str | None = None) -> list[LogChunk]:
        """Return the output of a run, or of one of its nodes, in the order in which it came."""
        query = sa.select(logs.c.node, logs.c.stream, logs.c.text, logs.c.at).where(logs.c.run_id == run_id)
        if node is not None:
            query = query.where(logs.c.node == node)
        query = query.order_by(logs.c.id)
        return [LogChunk(**row) for row in self._database.rows(query)]
