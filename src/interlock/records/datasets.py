"""Snapshots of datasets, numbered as they were first seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from interlock.identity.artifact import Part, Snapshot
from interlock.records.database import rows_of
from interlock.records.ledger import Body, Fact, Ledger, later_than, next_number, row_of, upsert
from interlock.records.model import SnapshotRecord
from interlock.records.schema import snapshots

_SAVE = upsert(snapshots)


class Datasets:
    """Keep snapshots and find them again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add_snapshot(self, snapshot: Snapshot) -> int:
        """Keep a snapshot and return its number in its dataset; the same content keeps its number.

        Parts that were touched without a change of content are kept with their new times, so that they
        need not be read again.
        """

        def work(connection: sa.Connection) -> int:
            same = sa.and_(snapshots.c.dataset == snapshot.dataset, snapshots.c.digest == snapshot.digest)
            known = [_record(row) for row in rows_of(connection, sa.select(snapshots).where(same))]
            if known and known[0].snapshot == snapshot:
                return known[0].number
            ours = snapshots.c.dataset == snapshot.dataset
            number = known[0].number if known else next_number(connection, snapshots.c.number, ours)
            recorded_at = later_than(known[0].recorded_at if known else 0.0)
            body = snapshot.to_json() | {"number": number, "recorded_at": recorded_at}
            self._ledger.state(connection, SNAPSHOT, body)
            return number

        return self._ledger.database.write(work)

    def latest(self, dataset: str) -> SnapshotRecord | None:
        """Return the snapshot with the highest number; None when the dataset was never read."""
        return self._first(snapshots.c.dataset == dataset)

    def by_digest(self, digest: str, dataset: str | None = None) -> SnapshotRecord | None:
        """Return the snapshot with this content, of `dataset` where two datasets have the same content."""
        ours = sa.true() if dataset is None else snapshots.c.dataset == dataset
        return self._first(sa.and_(snapshots.c.digest == digest, ours))

    def list(self, dataset: str) -> Sequence[SnapshotRecord]:
        """Return all snapshots of a dataset, the newest first."""
        return self._all(sa.select(snapshots).where(snapshots.c.dataset == dataset))

    def names(self) -> Sequence[str]:
        """Return the names of all datasets that were ever read."""
        query = sa.select(snapshots.c.dataset).distinct().order_by(snapshots.c.dataset)
        return self._ledger.database.column(query)

    def known_parts(self, dataset: str) -> tuple[Part, ...]:
        """Return the parts of the latest snapshot: those that look unchanged need not be read again."""
        latest = self.latest(dataset)
        return latest.snapshot.parts if latest else ()

    def _first(self, where: sa.ColumnElement[bool]) -> SnapshotRecord | None:
        found = self._all(sa.select(snapshots).where(where).limit(1))
        return found[0] if found else None

    def _all(self, query: sa.Select[Any]) -> Sequence[SnapshotRecord]:
        ordered = query.order_by(snapshots.c.number.desc())
        return [_record(row) for row in self._ledger.database.rows(ordered)]


def _record(row: Mapping[str, Any]) -> SnapshotRecord:
    of_snapshot = {name: row[name] for name in ("dataset", "digest", "uri", "format", "parts")}
    return SnapshotRecord(row["number"], Snapshot.from_json(of_snapshot), row["recorded_at"], row["manifest"])


def _write_snapshot(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE, row_of(snapshots, body, digest))


SNAPSHOT = Fact("snapshot", ("dataset", "number"), _write_snapshot)
