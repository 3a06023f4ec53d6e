"""What takes the space of a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from interlock.engine.context import RunContext
from interlock.history.reach import Owner, Reach, contents_of
from interlock.store.bucket_store import BucketStore
from interlock.store.found import found_below
from interlock.store.keys import digest_at, kind_at
from interlock.store.removal import inventory


@dataclass(frozen=True)
class Share:
    """What a run, a model or a dataset takes.

    Attributes:
        bytes: All that it reaches.
        alone: What nothing else reaches.
    """

    kind: str
    name: str
    bytes: int
    alone: int


@dataclass(frozen=True)
class Usage:
    """What takes the space of a store, in bytes.

    Attributes:
        total: All of it.
        objects: How many files or objects.
        kinds: Blobs, and manifests by kind.
        shares: Runs, models (all their versions) and datasets (all their snapshots), the largest first.
        shared: What more than one of these reaches.
        unreached: What none of them, and nothing in the records, reaches.
        near: Copies on this machine of a store in a bucket.
    """

    total: int
    objects: int
    kinds: Mapping[str, int]
    shares: Sequence[Share]
    shared: int
    unreached: int
    near: int = 0


def usage_of(context: RunContext) -> Usage:
    """Return what takes the space of a project's store.

    Raises:
        InterlockError: The store cannot be listed.
    """
    store = context.store
    contents = contents_of(store, inventory(store))
    reach = Reach(store, contents, context.records)
    sums = _Sums()
    for path, one in contents.found.items():
        sums.add(path, one.size, reach.owners.get(path, set()))
    near = found_below(store.near.root) if isinstance(store, BucketStore) else ()
    return Usage(
        total=sum(one.size for one in contents.found.values()),
        objects=len(contents.found),
        kinds=dict(sorted(sums.kinds.items())),
        shares=sums.shares(),
        shared=sums.shared,
        unreached=sums.unreached,
        near=sum(one.size for one in near),
    )


@dataclass
class _Sums:
    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    all: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    alone: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    shared: int = 0
    unreached: int = 0

    def add(self, path: str, size: int, owners: set[Owner]) -> None:
        self.kinds[_kind(path)] += size
        groups = {_group(owner) for owner in owners if owner.kind != "records"}
        for group in groups:
            self.all[group] += size
        if len(groups) == 1:
            self.alone[next(iter(groups))] += size
        elif groups:
            self.shared += size
        elif not owners:
            self.unreached += size

    def shares(self) -> list[Share]:
        found = [Share(*group, size, self.alone[group]) for group, size in self.all.items()]
        return sorted(found, key=lambda one: (-one.bytes, one.kind, one.name))


def _group(owner: Owner) -> tuple[str, str]:
    if owner.kind == "run":
        return "run", owner.name
    name = owner.name.rpartition("@")[0]
    return ("model" if owner.kind == "version" else "dataset"), name


def _kind(path: str) -> str:
    if digest_at(path) is None:
        return "other"
    kind = kind_at(path)
    return "blobs" if kind is None else f"manifests of {kind}"
