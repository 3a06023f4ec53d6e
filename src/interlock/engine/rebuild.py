"""The records made anew from the manifests in the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from interlock.engine.place import records_place
from interlock.records.copying import copy_records
from interlock.records.ledger import ManifestSink
from interlock.records.place import Place, Server
from interlock.records.rebuild import KINDS, Manifest, Rebuilt, empty, fill, rebuild
from interlock.records.records import Records
from interlock.stack.config import Project
from interlock.stack.layout import Home
from interlock.stack.sockets import BlobStore
from interlock.store.opening import store_of

_SIDE_FILES = ("", "-wal", "-shm")


def all_manifests(store: BlobStore) -> Iterator[Manifest]:
    """Yield every manifest in the store from which records are made.

    Raises:
        InterlockError: A manifest is damaged.
    """
    for kind in KINDS:
        for digest in store.manifests(kind):
            yield kind, digest, store.get_manifest(kind, digest)


def open_records(place: Place, store: BlobStore, manifests: ManifestSink | None = None) -> Records:
    """Open the records at a place; where there are none yet, they begin with what the store holds.

    Raises:
        InterlockError: They cannot be used, or a manifest is damaged.
    """
    return Records.open(
        place, manifests or store, fill=lambda connection: fill(connection, all_manifests(store))
    )


def rebuild_records(project: Project) -> dict[str, Any]:
    """Make new records from the store and put them in the place of those that are there.

    What was there is kept: a file as `records.db.before-<time>`, the rows of a database in a file of that name.
    No other process should be at work meanwhile.

    Raises:
        InterlockError: The store cannot be read or the records cannot be written; the old ones are untouched.
    """
    home = project.home.create()
    store = store_of(project)
    kept = home.records.with_name(f"{home.records.name}.before-{int(time.time())}")
    place = records_place(project)
    made = _in_database(place, kept, store) if isinstance(place, Server) else _in_file(home, kept, store)
    return {"kinds": made.counts, "unreadable": [f"{k} {d}: {why}" for k, d, why in made.skipped]}


def _in_file(home: Home, kept: Path, store: BlobStore) -> Rebuilt:
    fresh = home.tmp / f"records-{time.time_ns()}.db"
    with Records.open(fresh, store) as records:
        made = rebuild(records, all_manifests(store))
    for side in _SIDE_FILES:
        before = home.records.with_name(home.records.name + side)
        if before.exists():
            before.rename(kept.with_name(kept.name + side))
    for side in _SIDE_FILES:
        after = fresh.with_name(fresh.name + side)
        if after.exists():
            after.rename(home.records.with_name(home.records.name + side))
    return made


def _in_database(place: Server, kept: Path, store: BlobStore) -> Rebuilt:
    with Records.open(place, store) as records:
        copy_records(records.database, kept)

        def work(connection: sa.Connection) -> Rebuilt:
            empty(connection)
            return fill(connection, all_manifests(store))

        return records.database.write(work, durable=True)
