"""Who needs what in a store: every blob and manifest, and the runs, versions and snapshots that reach it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from interlock.errors import InterlockError
from interlock.history.missing import several
from interlock.history.selection import NAMED, blobs_needed, digests_in
from interlock.records.ledger import Body
from interlock.records.rebuild import KINDS, choose
from interlock.records.records import Records
from interlock.records.schema import artifacts, cache, items, logs, metadata, metrics, steps
from interlock.stack.sockets import BlobStore
from interlock.store.blobs import CorruptBlob, MissingBlob
from interlock.store.found import Found
from interlock.store.keys import ASIDE, blob_path, digest_at, kind_at, manifest_path

FREED = "freed"
"""The kind of the manifests that say of which runs the artifacts were removed on purpose."""

_OF_RUNS = (steps, items, artifacts, cache)
_NAMELESS = (logs, metrics)


@dataclass(frozen=True, order=True)
class Owner:
    """What reaches something: a run, a model version, the snapshot of a dataset, or the records as a whole."""

    kind: Literal["run", "version", "snapshot", "records"]
    name: str


RECORDS = Owner("records", "records")


class UnreadableManifests(InterlockError):
    """What refers to what cannot be told, as manifests are damaged."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(
            "\n".join(["Nothing was removed: these manifests cannot be read:", *(f"  {p}" for p in paths)]),
            hint="Bring them back from another store (interlock pull), or remove them if nothing is lost with them.",
        )


@dataclass(frozen=True)
class Fact:
    """The manifest that holds for a thing, as far as it matters here."""

    kind: str
    digest: str
    body: Body

    @property
    def owner(self) -> Owner:
        """Return what the manifest is about."""
        if self.kind == "run":
            return Owner("run", str(self.body.get("id")))
        if self.kind == "version":
            return Owner("version", f"{self.body.get('model')}@{self.body.get('number')}")
        if self.kind == "snapshot":
            return Owner("snapshot", f"{self.body.get('dataset')}@{self.body.get('number')}")
        return RECORDS


@dataclass
class Contents:
    """All that lies in a store, and what its manifests say.

    Attributes:
        found: By path.
        facts: The manifests that hold.
        freed: The runs whose artifacts were removed on purpose.
        unreadable: Paths of manifests that are damaged.
    """

    found: Mapping[str, Found]
    facts: Sequence[Fact]
    freed: frozenset[str]
    unreadable: Sequence[str]
    by_digest: Mapping[str, Sequence[str]] = field(default_factory=dict)


def contents_of(store: BlobStore, found: Iterable[Found]) -> Contents:
    """Read every manifest from which records are made.

    Args:
        store: The store.
        found: What lies in it.
    """
    by_path = {one.path: one for one in found}
    by_digest = defaultdict(list)
    for path in by_path:
        digest = digest_at(path)
        if digest is not None:
            by_digest[digest].append(path)
    listed = [path for path in by_path if kind_at(path) in (*KINDS, FREED)]
    bodies = dict(zip(listed, several(lambda path: read_body(store, path), listed), strict=True))
    readable = {path: body for path, body in bodies.items() if body is not None}
    manifests = [(kind_at(path) or "", digest_at(path) or "", body) for path, body in readable.items()]
    chosen, _ = choose(one for one in manifests if one[0] != FREED)
    freed = {run for kind, _, body in manifests if kind == FREED for run in body.get("runs", ())}
    facts = [Fact(fact.kind, digest, body) for fact, digest, body in chosen]
    facts += [Fact(kind, digest, body) for kind, digest, body in manifests if kind == FREED]
    unreadable = sorted(path for path, body in bodies.items() if body is None and path in by_path)
    return Contents(by_path, facts, frozenset(freed), unreadable, by_digest)


def read_body(store: BlobStore, path: str) -> dict[str, Any] | None:
    """Return what the manifest at a path says; None where it is damaged or gone."""
    try:
        body = store.get_manifest(kind_at(path) or "", digest_at(path) or "")
    except (CorruptBlob, MissingBlob):
        return None
    return body


class Reach:
    """Who reaches what.

    Args:
        store: The store.
        contents: What lies in it.
        records: The records of this home: they know of steps of runs that are not over yet.
        freed: Runs whose artifacts count for nothing.

    Attributes:
        owners: Who reaches a path.
        missing: What is needed and not there -> who needs it.
    """

    def __init__(
        self, store: BlobStore, contents: Contents, records: Records, freed: frozenset[str] = frozenset()
    ) -> None:
        self._store = store
        self._contents = contents
        self._freed = freed | contents.freed
        self._bodies: dict[str, Body] = {}
        self.owners: dict[str, set[Owner]] = defaultdict(set)
        self.missing: dict[str, set[Owner]] = defaultdict(set)
        for fact in contents.facts:
            self._add(fact)
        self._add_rows(records)
        self._add_asides()

    def _add(self, fact: Fact) -> None:
        body = fact.body
        if fact.owner.name in self._freed and fact.kind == "run":
            body = {name: value for name, value in body.items() if name != "steps"}
        self.owners[manifest_path(fact.kind, fact.digest)].add(fact.owner)
        for name, kind in NAMED.get(fact.kind, {}).items():
            if body.get(name) and manifest_path(kind, body[name]) not in self._contents.found:
                self.missing[manifest_path(kind, body[name])].add(fact.owner)
        self._follow(fact.kind, body, fact.owner)

    def _follow(self, kind: str, body: Body, owner: Owner) -> None:
        for digest in blobs_needed(kind, body):
            if blob_path(digest) not in self._contents.found:
                self.missing[blob_path(digest)].add(owner)
        for digest in digests_in(body):
            for path in self._contents.by_digest.get(digest, ()):
                self._reach(path, owner)

    def _reach(self, path: str, owner: Owner) -> None:
        if owner in self.owners[path]:
            return
        self.owners[path].add(owner)
        kind = kind_at(path)
        if kind is not None and kind not in KINDS:
            self._follow(kind, self._body(path), owner)

    def _body(self, path: str) -> Body:
        if path not in self._bodies:
            body = read_body(self._store, path)
            if body is None:
                self.missing[path].add(RECORDS)
            self._bodies[path] = body or {}
        return self._bodies[path]

    def _add_rows(self, records: Records) -> None:
        """Add what only the rows name, above all the steps of runs that are not over."""
        for table in metadata.sorted_tables:
            if table in _NAMELESS:
                continue
            for row in records.database.rows(sa.select(table)):
                if table in _OF_RUNS and row["run_id"] in self._freed:
                    continue
                for digest in digests_in(row):
                    for path in self._contents.by_digest.get(digest, ()):
                        if not self.owners[path]:
                            self._reach(path, RECORDS)

    def _add_asides(self) -> None:
        """Keep what was set aside as damaged while somebody needs it and no whole one is back."""
        for path in self._contents.found:
            whole = path.removesuffix(ASIDE)
            if whole != path and whole not in self._contents.found and self.missing.get(whole):
                self.owners[path] |= self.missing[whole]

    def is_reached(self, path: str) -> bool:
        """Tell whether anybody reaches a path."""
        return bool(self.owners.get(path))
