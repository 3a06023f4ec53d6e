"""Make the tables again from the manifests in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from interlock.errors import InterlockError
from interlock.records.certificates import CERTIFICATE
from interlock.records.database import savepoint
from interlock.records.datasets import PIN, PROFILE, SNAPSHOT
from interlock.records.environments import ENVIRONMENT
from interlock.records.ledger import BODY_VERSION, Body, Fact
from interlock.records.patches import PATCH
from interlock.records.records import Records
from interlock.records.registry_rows import MOVE, VERSION
from interlock.records.run_manifest import WHOLE_RUN
from interlock.records.schema import metadata
from interlock.records.signals import DECISION, SIGNAL
from interlock.records.windows import WINDOW

FACTS = (
    ENVIRONMENT,
    PATCH,
    PROFILE,
    SNAPSHOT,
    PIN,
    SIGNAL,
    WHOLE_RUN,
    CERTIFICATE,
    VERSION,
    MOVE,
    DECISION,
    WINDOW,
)
"""In the order in which rows refer to each other."""

KINDS = tuple(fact.kind for fact in FACTS)
"""The kinds of manifests to hand to `rebuild`."""

Manifest = tuple[str, str, Body]
"""Kind, digest and body."""


class RecordsNotEmpty(InterlockError):
    """The tables hold something already; a rebuild would have to guess what to do with it."""

    def __init__(self, where: str) -> None:
        super().__init__(
            "Records can only be filled where there are none yet.",
            where=where,
            hint="Name another file or database, or move away what is there.",
        )


@dataclass(frozen=True)
class Rebuilt:
    """How many manifests of each kind the tables now hold, and which could not be read, with the reason."""

    counts: dict[str, int]
    skipped: list[tuple[str, str, str]] = field(default_factory=list)


def rebuild(records: Records, manifests: Iterable[Manifest]) -> Rebuilt:
    """Fill empty records from manifests, all in one transaction.

    What is in no manifest does not come back: logs, deployments, leases, claims of signals, and
    what a run did that was killed and never found to be lost. A manifest whose transaction was
    never committed comes back as if it had been; nobody was told that it was not.

    Raises:
        RecordsNotEmpty: There are rows already.
    """
    known = list(manifests)

    def work(connection: sa.Connection) -> Rebuilt:
        if not is_empty(connection):
            raise RecordsNotEmpty(records.database.place)
        return fill(connection, known)

    return records.database.write(work, durable=True)


def fill(connection: sa.Connection, manifests: Iterable[Manifest]) -> Rebuilt:
    """Write the rows of manifests into empty tables."""
    chosen, faults = choose(manifests)
    counts: Counter[str] = Counter()
    for fact, digest, body in chosen:
        why = _write(connection, fact, digest, body)
        if why:
            faults.append((fact.kind, digest, why))
        else:
            counts[fact.kind] += 1
    return Rebuilt(dict(counts), faults)


def empty(connection: sa.Connection) -> None:
    """Delete every row of every table."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(sa.delete(table))


def is_empty(connection: sa.Connection) -> bool:
    """Tell whether no table holds a row."""
    return not any(
        connection.execute(sa.select(sa.exists(sa.select(table)))).scalar()
        for table in metadata.sorted_tables
    )


def choose(manifests: Iterable[Manifest]) -> tuple[list[tuple[Fact, str, Body]], list[tuple[str, str, str]]]:
    """Return, in order, the manifest that holds for each thing, and those that are not ours to read."""
    latest: dict[tuple[Any, ...], tuple[float, str, Body]] = {}
    skipped: list[tuple[str, str, str]] = []
    facts = {fact.kind: (place, fact) for place, fact in enumerate(FACTS)}
    for kind, digest, body in manifests:
        why = _unreadable(kind, body)
        if why:
            skipped.append((kind, digest, why))
            continue
        place, fact = facts[kind]
        # Paired with its type, as identities of damaged bodies could not be put in order otherwise.
        key = (place, *((type(body[name]).__name__, body[name]) for name in fact.identity))
        state = (float(body.get("recorded_at", 0.0)), digest, body)
        if key not in latest or latest[key][:2] < state[:2]:
            latest[key] = state
    ordered = sorted(latest.items(), key=lambda item: item[0])
    return [(FACTS[key[0]], digest, body) for key, (_, digest, body) in ordered], skipped


def _unreadable(kind: str, body: Body) -> str:
    fact = next((fact for fact in FACTS if fact.kind == kind), None)
    if fact is None:
        return "it is of another kind"
    if body.get("body_version", 0) > BODY_VERSION:
        return "a later Interlock wrote it"
    missing = [name for name in fact.identity if name not in body]
    return f"it has no {missing[0]!r}" if missing else ""


def _write(connection: sa.Connection, fact: Fact, digest: str, body: Body) -> str:
    """Write the rows of one manifest, or none of them and return why not."""
    try:
        with savepoint(connection):
            fact.write_rows(connection, body, digest)
    except (LookupError, TypeError, ValueError, AttributeError, InterlockError, SQLAlchemyError) as error:
        return f"{type(error).__name__}: {error}"
    return ""
