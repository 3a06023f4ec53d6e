"""Copy runs, artifacts and models between two stores: only what is missing, verified, several objects at once.

Blobs come before the manifests that name them, and manifests before rows: whatever is killed on the way leaves
nothing that refers to nothing, and the next attempt goes on where this one was.
"""

from __future__ import annotations

import getpass
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from interlock.engine.context import RunContext
from interlock.engine.place import records_place
from interlock.history.missing import Missing, find_missing, manifest_of, read_facts, several
from interlock.history.outbox import Outbox
from interlock.history.remotes import CorruptObject, Folder, Remote, open_remote
from interlock.history.selection import Selection, select
from interlock.history.turns import turn
from interlock.models.registry import CHAMPION, promote
from interlock.records.incoming import TakenIn, take_in
from interlock.records.incoming_aliases import KeptAlias
from interlock.records.rebuild import KINDS, rebuild
from interlock.records.records import Records
from interlock.store.blobs import LocalStore

_TRIES = 4


@dataclass(frozen=True)
class Progress:
    """How far a transfer is: objects that are copied, of how many, and bytes of blobs, of how many."""

    done: int
    total: int
    bytes: int
    total_bytes: int


Watch = Callable[[Progress], None]


@dataclass(frozen=True)
class Wish:
    """What shall be transferred, and how.

    Attributes:
        names: Runs, model versions and models; none for everything.
        aliases: Whether aliases that point elsewhere at the target are moved.
        dry: Whether only to find out what would be done.
        watch: Who is told how far it is.
    """

    names: Sequence[str] = ()
    aliases: bool = False
    dry: bool = False
    watch: Watch = lambda progress: None


@dataclass(frozen=True)
class Transferred:
    """What was copied, or would be.

    Attributes:
        objects: Blobs and manifests that were missing at the target.
        bytes: Their size.
        present: Blobs that the target had already.
        new: New facts at the target by kind.
        renumbered: Name at the source -> name at the target, where the number was taken.
        kept: Aliases that stay where they are at the target.
        moved: Aliases that were taken over.
        left_out: Runs that are not over yet.
        missing: Blobs and manifests that are named, and that neither side has.
        skipped: Manifests that cannot be used, with the reason.
    """

    source: str
    target: str
    objects: int
    bytes: int
    present: int
    new: Mapping[str, int]
    renumbered: Mapping[str, str]
    kept: Sequence[KeptAlias]
    left_out: Sequence[str]
    missing: Sequence[str]
    skipped: Sequence[str]
    moved: Sequence[KeptAlias] = ()
    dry: bool = False


def push(context: RunContext, target: str, wish: Wish) -> Transferred:
    """Copy from the project's store to another one.

    Raises:
        UnknownName: A name stands for nothing here.
        InterlockError: The target cannot be written, or something here is damaged.
    """
    context.records.runs.mark_lost()
    there = open_remote(target, exists=False, cache=cache_of(context))
    return Transfer(own_store(context), there, context.project.home.tmp, wish, follow=True).run()


def pull(context: RunContext, source: str, wish: Wish) -> Transferred:
    """Copy from another store to the project's own.

    Raises:
        UnknownName: A name stands for nothing there.
        CorruptObject: Something there is damaged; nothing that needs it is brought.
        InterlockError: The source cannot be read, or the store here cannot be written.
    """
    there = open_remote(source, exists=True, cache=cache_of(context))
    return Transfer(there, own_store(context), context.project.home.tmp, wish, follow=False).run()


def own_store(context: RunContext) -> Remote:
    """Return the project's own store as one end of a transfer."""
    home, store = context.project.home, context.store
    if isinstance(store, LocalStore):
        return Folder(store, context.project.root.name, home, records_place(context.project))
    from interlock.history.bucket import Bucket  # only where it is one

    return Bucket(store, home, records_place(context.project))


def cache_of(context: RunContext) -> Path:
    """Return the folder in which manifests of other stores are kept, so that they are read once."""
    return context.project.home.store / "cache" / "remote"


class Transfer:
    """One transfer, in one direction or the other: they are the same.

    Args:
        source: Where things come from.
        target: Where they go.
        tmp: A folder for what may be thrown away.
        wish: What is asked for.
        follow: Whether aliases of the target follow to where their history goes on at the source.
    """

    def __init__(self, source: Remote, target: Remote, tmp: Path, wish: Wish, *, follow: bool) -> None:
        self._source = source
        self._target = target
        self._tmp = tmp
        self._wish = wish
        self._follow = follow

    def run(self) -> Transferred:
        """Look, then bring what is asked for."""
        facts, skipped = read_facts(self._source)
        done = self.bring(select(facts, self._wish.names, self._source.name))
        return replace(done, skipped=[*skipped, *done.skipped])

    def bring(self, selection: Selection) -> Transferred:
        """Copy what a selection needs, then take its facts in."""
        wanted = find_missing(self._source, self._target, selection)
        outbox = Outbox(self._target, dry=self._wish.dry)
        size = sum(wanted.blobs.values()) if self._wish.dry else self._copy(wanted)
        with self._records(outbox) as records:
            taken = take_in(
                records, selection.facts, self._source.name, follow=self._follow, dry=self._wish.dry
            )
            moved = self._take_over(records, taken)
        objects = len(wanted.blobs) + len(wanted.manifests) + outbox.objects
        return replace(
            _told(self._source.name, self._target.name, wanted, selection, taken),
            objects=objects,
            bytes=size + outbox.bytes,
            kept=[one for one in taken.kept if one not in moved],
            moved=moved,
            skipped=[f"{kind} {digest}: {why}" for kind, digest, why in taken.skipped],
            dry=self._wish.dry,
        )

    def _copy(self, wanted: Missing) -> int:
        counter = _Counter(wanted, self._wish.watch)
        several(self._keep_or_copy, wanted.present)
        several(lambda digest: counter.add(self._copy_blob(digest)), wanted.blobs)
        beside = several(lambda one: self._copy_manifest(*one), wanted.manifests)
        self._target.sync()
        return counter.state.bytes + sum(beside)

    def _keep_or_copy(self, digest: str) -> None:
        if not self._target.rely_on(digest):  # it was garbage there, and went since it was listed
            self._copy_blob(digest)

    def _copy_blob(self, digest: str) -> int:
        for _ in range(_TRIES - 1):  # what the way damaged comes whole the next time
            with suppress(CorruptObject):
                return self._target.write(digest, self._source.read(digest))
        return self._target.write(digest, self._source.read(digest))

    def _copy_manifest(self, kind: str, digest: str) -> int:
        data = self._source.read_manifest(kind, digest)
        self._target.write_manifest(kind, data)
        return len(data)

    @contextmanager
    def _records(self, outbox: Outbox) -> Iterator[Records]:
        """Open the records of the target, or make some for the moment of what its store holds."""
        home = self._target.home
        if home is not None:
            with Records.open(self._target.records or home.records, outbox) as records:
                yield records
            return
        folder = Path(tempfile.mkdtemp(prefix="records-", dir=self._tmp))
        try:
            with (
                nullcontext() if self._wish.dry else turn(self._target),
                Records.open(folder / "records.db", outbox) as records,
            ):
                listed = [(kind, digest) for kind in KINDS for digest in sorted(self._target.manifests(kind))]
                rebuild(records, several(lambda one: manifest_of(self._target, *one), listed))
                yield records
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _take_over(self, records: Records, taken: TakenIn) -> list[KeptAlias]:
        if not self._wish.aliases or self._wish.dry:
            return []
        for kept in taken.kept:
            why = f"taken over from {self._source.name}: {kept.reason}"
            actor = getpass.getuser()
            if kept.alias == CHAMPION and kept.there is not None:
                promote(records, kept.model, kept.there, reason=why, actor=actor)
            else:
                records.models.move_alias(kept.model, kept.alias, kept.there, why, actor, expected=kept.here)
        return list(taken.kept)


def _told(source: str, target: str, wanted: Missing, selection: Selection, taken: TakenIn) -> Transferred:
    return Transferred(
        source,
        target,
        objects=0,
        bytes=0,
        present=len(wanted.present),
        new=taken.new,
        renumbered=taken.renumbered,
        kept=taken.kept,
        left_out=selection.left_out,
        missing=wanted.nowhere,
        skipped=(),
    )


class _Counter:
    """Counts what several threads have copied."""

    def __init__(self, wanted: Missing, watch: Watch) -> None:
        self.state = Progress(0, len(wanted.blobs), 0, sum(wanted.blobs.values()))
        self._lock = threading.Lock()
        self._watch = watch

    def add(self, size: int) -> None:
        """Note one more object."""
        with self._lock:
            self.state = replace(self.state, done=self.state.done + 1, bytes=self.state.bytes + size)
            self._watch(self.state)
