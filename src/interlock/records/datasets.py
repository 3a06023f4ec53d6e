"""Snapshots of datasets, numbered as they were first seen; profiles of their parts; and pins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from interlock.identity.artifact import Part, Snapshot
from interlock.identity.profile import Profile, joined
from interlock.records.database import rows_of
from interlock.records.ledger import Body, Fact, Ledger, later_than, next_number, row_of, upsert
from interlock.records.model import SnapshotRecord
from interlock.records.schema import pins, profiles, snapshots

_SAVE = upsert(snapshots)
_SAVE_PROFILE = upsert(profiles)
_SAVE_PIN = upsert(pins)
_AT_ONCE = 500


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
            self._put_profiles(connection, snapshot.parts)
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

    def numbered(self, dataset: str, number: int) -> SnapshotRecord | None:
        """Return one snapshot of a dataset."""
        return self._first(sa.and_(snapshots.c.dataset == dataset, snapshots.c.number == number))

    def profile(self, snapshot: Snapshot) -> Profile | None:
        """Return all rows of a snapshot in numbers; None where a part of it was never understood."""
        found = self.profiles([part.digest for part in snapshot.parts])
        known = [found.get(part.digest) for part in snapshot.parts]
        return None if None in known else joined(one for one in known if one is not None)

    def profiles(self, digests: Sequence[str]) -> Mapping[str, Profile]:
        """Return the profiles of contents, as far as they are known."""
        wanted = sorted(set(digests))
        rows = [
            row
            for start in range(0, len(wanted), _AT_ONCE)
            for row in self._ledger.database.rows(
                sa.select(profiles).where(profiles.c.digest.in_(wanted[start : start + _AT_ONCE]))
            )
        ]
        return {row["digest"]: Profile.from_json(row["profile"]) for row in rows}

    def pin(self, dataset: str, number: int | None) -> None:
        """Let runs read one snapshot of a dataset until further notice; None lets them read the current one."""

        def work(connection: sa.Connection) -> None:
            before = rows_of(connection, sa.select(pins).where(pins.c.dataset == dataset))
            recorded_at = later_than(before[0]["recorded_at"] if before else 0.0)
            body = {"dataset": dataset, "number": number, "recorded_at": recorded_at}
            self._ledger.state(connection, PIN, body)

        self._ledger.report(work)

    def pinned(self, dataset: str) -> int | None:
        """Return the number of the snapshot that a dataset is pinned to."""
        rows = self._ledger.database.rows(sa.select(pins).where(pins.c.dataset == dataset))
        number: int | None = rows[0]["number"] if rows else None
        return number

    def add_profiles(self, parts: Sequence[Part]) -> None:
        """Keep the profiles that some parts have with them."""
        self._ledger.database.write(lambda connection: self._put_profiles(connection, parts))

    def _put_profiles(self, connection: sa.Connection, parts: Sequence[Part]) -> None:
        fresh = {part.digest: part.profile for part in parts if part.profile is not None}
        for digest, profile in fresh.items():
            if not rows_of(connection, sa.select(profiles.c.digest).where(profiles.c.digest == digest)):
                body = {"digest": digest, "profile": profile.to_json(), "recorded_at": later_than()}
                self._ledger.state(connection, PROFILE, body)

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
    connection.execute(_SAVE(connection), row_of(snapshots, body, digest))


def _write_profile(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE_PROFILE(connection), row_of(profiles, body, digest))


def _write_pin(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE_PIN(connection), row_of(pins, body, digest))


PROFILE = Fact("profile", ("digest",), _write_profile)
PIN = Fact("pin", ("dataset",), _write_pin)
SNAPSHOT = Fact("snapshot", ("dataset", "number"), _write_snapshot)
