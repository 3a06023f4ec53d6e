"""What one store lacks of what another one has: found out by comparing lists, before anything is copied."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from interlock.history.remotes import Remote
from interlock.history.selection import Selection, blobs_needed, digests_in
from interlock.records.incoming import Incoming
from interlock.records.numbering import lacking
from interlock.records.rebuild import KINDS, Manifest, choose

AT_ONCE = 8
"""How many objects travel at a time."""

_T = TypeVar("_T")
_R = TypeVar("_R")


def read_facts(source: Remote) -> tuple[list[Incoming], list[str]]:
    """Read the facts of a store, each in its latest state, and say which manifests cannot be used.

    Raises:
        CorruptObject: A manifest is damaged.
    """
    listed = [(kind, digest) for kind in KINDS for digest in sorted(source.manifests(kind))]
    chosen, skipped = choose(several(lambda one: manifest_of(source, *one), listed))
    partial = [(fact.kind, digest, lacking(fact.kind, body)) for fact, digest, body in chosen]
    skipped += [(kind, digest, f"it has no {names[0]!r}") for kind, digest, names in partial if names]
    facts = [Incoming(*one) for one, (_, _, names) in zip(chosen, partial, strict=True) if not names]
    return facts, [f"{kind} {digest}: {why}" for kind, digest, why in skipped]


def manifest_of(source: Remote, kind: str, digest: str) -> Manifest:
    """Read one manifest of a store; what is no object has no field that it needs.

    Raises:
        CorruptObject: It is damaged.
    """
    try:
        body = json.loads(source.read_manifest(kind, digest))
    except ValueError:
        body = None
    return kind, digest, body if isinstance(body, dict) else {}


@dataclass
class Missing:
    """What has to be copied: found out by comparing lists, before anything is.

    Attributes:
        blobs: Sizes of the blobs that the target lacks, by digest.
        manifests: Kind and digest of the manifests beside the facts that the target lacks.
        present: The blobs that the target has already.
        nowhere: What is needed, and on neither side.
    """

    blobs: dict[str, int]
    manifests: list[tuple[str, str]]
    present: list[str]
    nowhere: list[str] = field(default_factory=list)


def find_missing(source: Remote, target: Remote, selection: Selection) -> Missing:
    """Compare what the selected facts need with what both sides have."""
    there, here = source.blobs(), target.blobs()
    beside = sorted(selection.manifests())
    kinds = {kind for kind, _ in beside}
    known = {kind: (source.manifests(kind), target.manifests(kind)) for kind in kinds}
    gone = [f"{kind} {digest}" for kind, digest in beside if not any(digest in s for s in known[kind])]
    bodies = several(
        lambda one: manifest_of(source if one[1] in known[one[0]][0] else target, *one),
        [one for one in beside if any(one[1] in side for side in known[one[0]])],
    )
    named: set[str] = set()
    needed: set[str] = set()
    for kind, _, body in [*((one.fact.kind, one.digest, one.body) for one in selection.wanted), *bodies]:
        named |= digests_in(body)
        needed |= blobs_needed(kind, body)
    nowhere = gone + [f"blob {digest}" for digest in sorted(needed - there.keys() - here.keys())]
    return Missing(
        blobs={digest: there[digest] for digest in sorted(named & there.keys() - here.keys())},
        manifests=[one for one in beside if one[1] in known[one[0]][0] - known[one[0]][1]],
        present=sorted(named & here.keys()),
        nowhere=nowhere,
    )


def several(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Do the same with several things at once and return the results; the first error ends it."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(work, items))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
