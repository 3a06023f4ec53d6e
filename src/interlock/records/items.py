"""What mapped steps did for each item of their lists, in each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from interlock.identity.artifact import Artifact
from interlock.records.cache import write_entries
from interlock.records.database import Database
from interlock.records.jsontext import legible
from interlock.records.ledger import upsert
from interlock.records.model import AttemptRecord, ItemRecord
from interlock.records.schema import items
from interlock.records.steps import attempt_body
from interlock.records.unknown import unknown_run

_SAVE = upsert(items)
_FIELDS = tuple(column.name for column in items.columns if column.name != "run_id")


class Items:
    """Record items and find them again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_many(self, run_id: str, done: Sequence[ItemRecord]) -> None:
        """Record items with their cache entries, in one transaction.

        Raises:
            UnknownRun: There is no such run.
        """

        def work(connection: sa.Connection) -> None:
            connection.execute(_SAVE(connection), [{"run_id": run_id, **_row(one)} for one in done])
            write_entries(connection, run_id, done)

        try:
            self._database.write(work)
        except IntegrityError as error:
            raise unknown_run(self._database, run_id) from error

    def of(self, run_id: str, node: str) -> Iterator[ItemRecord]:
        """Yield the items of a node in a run, in the order of the list."""
        query = sa.select(items).where(items.c.run_id == run_id, items.c.node == node)
        for row in self._database.rows(query.order_by(items.c.item)):
            yield _item(row)

    def counts(self, run_id: str) -> dict[str, dict[str, int]]:
        """Return how many items of each node of a run are in which state."""
        query = sa.select(items.c.node, items.c.state, sa.func.count().label("count"))
        query = query.where(items.c.run_id == run_id).group_by(items.c.node, items.c.state)
        found: dict[str, dict[str, int]] = {}
        for row in self._database.rows(query):
            found.setdefault(row["node"], {})[row["state"]] = row["count"]
        return found


def _row(item: ItemRecord) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in _FIELDS}
    row["outputs"] = {name: artifact.to_json() for name, artifact in item.outputs.items()}
    row["attempts"] = [attempt_body(one) for one in item.attempts]
    row["error"] = item.error and legible(item.error)
    return row


def _item(row: Mapping[str, Any]) -> ItemRecord:
    fields = {name: row[name] for name in _FIELDS}
    fields["outputs"] = {name: Artifact.from_json(one) for name, one in row["outputs"].items()}
    fields["attempts"] = tuple(AttemptRecord(**one) for one in row["attempts"])
    return ItemRecord(**fields)
