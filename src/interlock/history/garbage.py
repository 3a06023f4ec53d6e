"""Remove from a store what nobody needs any more."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interlock.engine.context import RunContext
from interlock.errors import InterlockError, UsageError
from interlock.history.reach import FREED, Contents, Reach, UnreadableManifests, contents_of
from interlock.records.records import Records
from interlock.store.blobs import LocalStore
from interlock.store.found import Found
from interlock.store.keys import ASIDE, digest_at
from interlock.store.opening import Store
from interlock.store.pace import DAY
from interlock.store.removal import inventory, removal

GRACE = DAY
"""Seconds for which what nobody reaches is left alone, unless another time is asked for."""

_FOREVER = 30 * DAY
"""After which a run that began and never ended counts as dead, whoever it belongs to."""


class RunsUnderWay(InterlockError):
    """A run is not over, and the removal was promised to be alone."""

    def __init__(self, runs: Sequence[str]) -> None:
        super().__init__(
            f"{', '.join(runs)} is not over yet: --alone is for when nobody writes to the store.",
            hint="Wait until it is over, or leave --alone out.",
        )


@dataclass(frozen=True)
class GcWish:
    """What is to go.

    Attributes:
        grace: Seconds for which what nobody reaches is left alone.
        alone: Whether it is certain that nobody else writes to the store.
        dry: Whether only to say what would go.
        keep_runs: How many of the newest runs of each pipeline keep their artifacts; None: all.
        older_than: Seconds after which a run loses its artifacts; None: never.
    """

    grace: float = GRACE
    alone: bool = False
    dry: bool = False
    keep_runs: int | None = None
    older_than: float | None = None


@dataclass(frozen=True)
class Collected:
    """What went, or would go.

    Attributes:
        blobs: How many blobs.
        manifests: How many manifests.
        bytes: Their size.
        runs: The runs that lost their artifacts.
        young: Bytes that nobody reaches, and that are younger than the grace.
    """

    blobs: int
    manifests: int
    bytes: int
    runs: Sequence[str]
    young: int
    dry: bool


def collect(context: RunContext, wish: GcWish) -> Collected:
    """Remove what no run, model version, alias, pin, snapshot, deployment or certificate reaches.

    Raises:
        UsageError: The grace is too short beside others who write.
        RunsUnderWay: It should be alone, and is not.
        UnreadableManifests: A manifest is damaged, so that nobody knows what it reaches.
        AlreadyCollecting: Another process does it.
    """
    context.records.runs.mark_lost()
    store = context.store
    _check(context.records, store, wish)
    if wish.dry:
        looked = _look(context, store, wish, time.time())
        return _told(looked.garbage, looked, wish)
    with removal(store, alone=wish.alone) as removing:
        looked = _look(context, store, wish, removing.now)
        if looked.runs:  # said before it is done: what is missing then is no damage
            store.put_manifest(FREED, {"runs": sorted(looked.runs), "at": time.time()})
            store.sync()
        gone = removing.remove(looked.garbage, looked.before)
    if isinstance(store, LocalStore):
        store.sweep()
    return _told(gone, looked, wish)


@dataclass(frozen=True)
class _Looked:
    """What nobody reaches: what was written before a time, and bytes of what was written later."""

    garbage: Sequence[Found]
    before: float
    young: int
    runs: frozenset[str]


def _check(records: Records, store: Store, wish: GcWish) -> None:
    running = [run.id for run in records.runs.list(status="running", limit=10)]
    if wish.alone and running:
        raise RunsUnderWay(running)
    least = store.pace.shortest_grace
    if wish.grace < least and not wish.alone:
        raise UsageError(
            f"Beside others who write, the grace is at least {least / 3600:g} hours.",
            hint="Say --alone if nobody else writes to the store now.",
        )


def _look(context: RunContext, store: Store, wish: GcWish, now: float) -> _Looked:
    # First what lies there, then who needs it: what comes later is young, or was there and is refreshed.
    contents = contents_of(store, inventory(store))
    if contents.unreadable:
        raise UnreadableManifests(contents.unreadable)
    runs = frozenset(_runs_to_free(contents, wish, now)) - contents.freed
    reach = Reach(store, contents, context.records, runs)
    before = _cutoff(wish, now) if wish.alone else min([_cutoff(wish, now), *_begun(contents, now)])
    unreached = [
        one for one in contents.found.values() if _is_ours(one.path) and not reach.is_reached(one.path)
    ]
    garbage = [one for one in unreached if one.modified < before]
    young = sum(one.size for one in unreached) - sum(one.size for one in garbage)
    return _Looked(garbage, before, young, runs)


def _cutoff(wish: GcWish, now: float) -> float:
    return now + DAY if wish.alone and not wish.grace else now - wish.grace


def _begun(contents: Contents, now: float) -> Iterator[float]:
    """Yield when runs began that are not over: another machine's records may know of steps that ours do not."""
    for fact in contents.facts:
        began = float(fact.body.get("started_at", now))
        if fact.kind == "run" and fact.body.get("status") == "running" and began > now - _FOREVER:
            yield began


def _is_ours(path: str) -> bool:
    return digest_at(path.removesuffix(ASIDE)) is not None


def _runs_to_free(contents: Contents, wish: GcWish, now: float) -> Iterator[str]:
    """Yield the runs that lose their artifacts: old ones, whose versions no alias names."""
    if wish.keep_runs is None and wish.older_than is None:
        return
    bodies = [fact.body for fact in contents.facts if fact.kind == "run"]
    named = _runs_of_named_versions(contents)
    places: dict[str, int] = defaultdict(int)
    for body in sorted(bodies, key=lambda one: -float(one["started_at"])):
        place = places[body["pipeline"]]
        places[body["pipeline"]] += 1
        if body["status"] == "running" or body["id"] in named:
            continue
        beyond = wish.keep_runs is not None and place >= wish.keep_runs
        aged = wish.older_than is not None and float(body["started_at"]) < now - wish.older_than
        if wish.keep_runs is None or wish.older_than is None:
            if beyond or aged:
                yield body["id"]
        elif beyond and aged:
            yield body["id"]


def _runs_of_named_versions(contents: Contents) -> set[str]:
    last: dict[tuple[str, str], tuple[int, int | None]] = {}
    for fact in contents.facts:
        if fact.kind == "alias":
            key, number = (fact.body["model"], fact.body["alias"]), int(fact.body["number"])
            if number >= last.get(key, (-1, None))[0]:
                last[key] = (number, fact.body["version"])
    named = {(model, version) for (model, _), (_, version) in last.items()}
    return {
        fact.body["run_id"]
        for fact in contents.facts
        if fact.kind == "version" and (fact.body["model"], fact.body["number"]) in named
    }


def _told(gone: Sequence[Found], looked: _Looked, wish: GcWish) -> Collected:
    blobs = [one for one in gone if one.path.startswith("blobs/")]
    return Collected(
        len(blobs),
        len(gone) - len(blobs),
        sum(one.size for one in gone),
        sorted(looked.runs),
        looked.young,
        wish.dry,
    )
