"""The check of a whole store: is every byte what its name says, and is everything there that is needed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interlock.engine.context import RunContext
from interlock.history.reach import RECORDS, Reach, contents_of
from interlock.store.removal import inventory
from interlock.store.verify import Damage

_HARMLESS = ("aside", "leftover", "foreign")


@dataclass(frozen=True)
class Lost:
    """Something that is needed and not there.

    Attributes:
        path: Where it should be.
        needed_by: The runs, model versions and snapshots that need it.
    """

    path: str
    needed_by: Sequence[str]


@dataclass(frozen=True)
class CheckedStore:
    """What a check found.

    Attributes:
        objects: How many blobs and manifests were read.
        bytes: Their size.
        damaged: What is not what its name says, or cannot be read.
        missing: What is needed and not there.
        notes: What does no harm: halves that dead processes left, what was set aside, what is not ours.
        freed: The runs whose artifacts were removed on purpose.
    """

    objects: int
    bytes: int
    damaged: Sequence[Damage]
    missing: Sequence[Lost]
    notes: Sequence[Damage]
    freed: Sequence[str]

    @property
    def is_sound(self) -> bool:
        """Tell whether all that is needed is there and whole."""
        return not self.damaged and not self.missing


def check_store(context: RunContext) -> CheckedStore:
    """Read the whole store of a project; nothing is changed but that what is read is verified.

    Raises:
        InterlockError: The store cannot be listed.
    """
    store = context.store
    faults = list(store.verify())
    damaged = [one for one in faults if one.kind not in _HARMLESS]
    contents = contents_of(store, inventory(store))
    reach = Reach(store, contents, context.records)
    missing = [
        Lost(path, sorted(owner.name for owner in owners if owner != RECORDS) or [RECORDS.name])
        for path, owners in sorted(reach.missing.items())
    ]
    ours = list(contents.found.values())
    return CheckedStore(
        len(ours),
        sum(one.size for one in ours),
        damaged,
        missing,
        [one for one in faults if one.kind in _HARMLESS],
        sorted(contents.freed),
    )
