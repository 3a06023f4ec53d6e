"""Facts: a manifest in the store first, then the rows that are derived from it, then the commit.

The manifests are the truth and the tables an index of them. So that the index can be made again and
come out the same, a row of a fact is written by one function only, which gets nothing but the body
of the manifest and its digest; the live write and the rebuild both call that one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from interlock.records.database import Database, Work
from interlock.records.jsontext import plain

T = TypeVar("T")
Body = Mapping[str, Any]
Statement = Callable[[sa.Connection], sa.Insert]
"""A statement that each database has its own form of; called with the connection that it is for."""
WriteRows = Callable[[sa.Connection, Body, str], None]
"""Derives the rows of one fact from the body of its manifest and the manifest's digest."""

BODY_VERSION = 1
"""Version of the bodies; counts up when an older Interlock could no longer read them."""


class ManifestSink(Protocol):
    """Where manifests are kept: content-addressed, enumerable by kind."""

    def put_manifest(self, kind: str, body: Body) -> str:
        """Keep `body` and return its digest."""
        ...

    def sync(self) -> None:
        """Return when everything put so far survives a power loss."""
        ...


@dataclass(frozen=True)
class Fact:
    """One kind of manifest.

    Attributes:
        kind: Name of the kind, in the store and in the body.
        identity: Fields of the body that say which thing it is about. Of two manifests about one thing
            the one with the later `recorded_at` holds: the other is its former state, or what a
            process left that died before its commit.
        write_rows: Derives the rows.
    """

    kind: str
    identity: tuple[str, ...]
    write_rows: WriteRows


class Ledger:
    """Write facts, manifest before rows, in the transactions of one database."""

    def __init__(self, database: Database, sink: ManifestSink) -> None:
        self.database = database
        self._sink = sink

    def state(self, connection: sa.Connection, fact: Fact, body: Body) -> str:
        """Put the manifest, write the rows derived from it, return the manifest's digest."""
        written: dict[str, Any] = plain({**body, "body_version": BODY_VERSION})
        digest = self._sink.put_manifest(fact.kind, written)
        fact.write_rows(connection, written, digest)
        return digest

    def report(self, work: Work[T]) -> T:
        """Run `work` in a transaction whose facts survive a power loss once this returns.

        Manifests and blobs reach the disk before the commit does, so that no row that survived refers
        to something that did not.
        """

        def synced(connection: sa.Connection) -> T:
            result = work(connection)
            self._sink.sync()
            return result

        return self.database.write(synced, durable=True)


def later_than(previous: float = 0.0) -> float:
    """Return the time, or just after `previous` when the clock was set back since."""
    return max(time.time(), previous + 1e-6)


def next_number(connection: sa.Connection, column: sa.Column[int], *where: sa.ColumnElement[bool]) -> int:
    """Return the number after the highest in use; dense, as this transaction is the only one that writes."""
    highest: int | None = connection.execute(sa.select(sa.func.max(column)).where(*where)).scalar_one()
    return (highest or 0) + 1


def by_dialect(build: Callable[[Any], sa.Insert]) -> Statement:
    """Return the statement that `build` makes of a dialect's own `insert`, made once for each dialect."""

    @cache
    def made(dialect: str) -> sa.Insert:
        return build(import_module(f"sqlalchemy.dialects.{dialect}").insert)

    return lambda connection: made(connection.dialect.name)


def upsert(table: sa.Table) -> Statement:
    """Return the INSERT that replaces the row of the same primary key."""
    key = [column.name for column in table.primary_key]

    def build(insert: Any) -> sa.Insert:
        new = insert(table)
        rest = {c.name: new.excluded[c.name] for c in table.columns if c.name not in key}
        replacing: sa.Insert = new.on_conflict_do_update(index_elements=key, set_=rest)
        return replacing

    return by_dialect(build)


def insert_once(table: sa.Table) -> Statement:
    """Return the INSERT that leaves a row of the same primary key as it is."""

    def build(insert: Any) -> sa.Insert:
        new: sa.Insert = insert(table).on_conflict_do_nothing()
        return new

    return by_dialect(build)


def row_of(table: sa.Table, body: Body, digest: str) -> dict[str, Any]:
    """Return the row of a table whose columns are fields of the body, and `manifest` its digest.

    A column that may be NULL may be missing from the body: manifests are older than some columns.
    """
    found = {
        c.name: body.get(c.name) if c.nullable else body[c.name]
        for c in table.columns
        if c.name != "manifest"
    }
    return found | ({"manifest": digest} if "manifest" in table.columns else {})
