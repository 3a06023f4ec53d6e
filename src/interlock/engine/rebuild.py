"""The records made anew from the manifests in the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from interlock.records.rebuild import KINDS, Manifest, Rebuilt, rebuild
from interlock.records.records import Records
from interlock.stack.config import Project
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


def rebuild_records(project: Project) -> dict[str, Any]:
    """Make a new records file from the store and put it in the place of the one that is there.

    The old file is kept as `records.db.before-<time>`. No other process should have it open.

    Raises:
        InterlockError: The store cannot be read or the new file cannot be written; the old one is untouched.
    """
    home = project.home.create()
    store = store_of(project)
    fresh = home.tmp / f"records-{time.time_ns()}.db"
    with Records.open(fresh, store) as records:
        made = rebuild(records, all_manifests(store))
    old = home.records.with_name(f"{home.records.name}.before-{int(time.time())}")
    for side in _SIDE_FILES:
        before = home.records.with_name(home.records.name + side)
        if before.exists():
            before.rename(old.with_name(old.name + side))
    for side in _SIDE_FILES:
        after = fresh.with_name(fresh.name + side)
        if after.exists():
            after.rename(home.records.with_name(home.records.name + side))
    return {"kinds": made.counts, "unreadable": [f"{k} {d}: {why}" for k, d, why in made.skipped]}


def rebuild_if_lost(records: Records, store: BlobStore) -> Rebuilt | None:
    """Fill records that were made just now from a store that holds manifests already."""
    if not records.created:
        return None
    return rebuild(records, all_manifests(store))
