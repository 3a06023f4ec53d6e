"""The datasets of a lock: whether their snapshots can still be read, and making runs read them."""

from __future__ import annotations

from interlock.engine.context import RunContext
from interlock.engine.datasets import look_at, reader_of, record_snapshot
from interlock.errors import InterlockError
from interlock.history.lockfile import LockedData
from interlock.identity.artifact import Snapshot


def problem_with(context: RunContext, name: str, locked: LockedData) -> str:
    """Say why runs cannot read the locked snapshot; empty when they can, from the originals or from copies."""
    known = context.records.datasets.by_digest(locked.digest, name)
    try:
        if known is not None:
            reader_of(context, name).locate(known.snapshot)
            return ""
        now = look_at(context, name)
    except InterlockError as error:
        return f"snapshot {locked.snapshot} ({locked.digest[:19]}…) cannot be read: {error.what}"
    if now.digest == locked.digest:
        return ""
    return f"its files are not those of snapshot {locked.snapshot} ({locked.digest[:19]}…): {_changes(locked, now)}"


def bring_back(context: RunContext, name: str, locked: LockedData) -> str:
    """Let runs read the locked snapshot until further notice, and say what was done for it."""
    problem = problem_with(context, name, locked)
    if problem:
        raise InterlockError(f"The dataset {name!r} changed meanwhile: {problem}.")
    known = context.records.datasets.by_digest(locked.digest, name)
    number = known.number if known else record_snapshot(context, look_at(context, name))
    context.records.datasets.pin(name, number)
    return f"pinned to {name}@{number}"


def _changes(locked: LockedData, now: Snapshot) -> str:
    return f"it has {len(now.parts)} parts, {locked.parts} then"
