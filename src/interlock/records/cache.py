"""Which outputs a step with a given key would have: one indexed look-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from interlock.identity.artifact import Artifact
from interlock.records.database import Database
from interlock.records.jsontext import loads
from interlock.records.ledger import by_dialect
from interlock.records.model import CacheEntry, ItemRecord, StepRecord
from interlock.records.schema import cache, runs, steps


def _saving(insert: Any) -> sa.Insert:
    new = insert(cache)
    saving: sa.Insert = new.on_conflict_do_update(
        index_elements=["key"],
        set_={name: new.excluded[name] for name in ("run_id", "node", "outputs", "created_at")},
        # The later one holds, whichever is written first: runs overlap, and a rebuild has an order of its own.
        where=new.excluded.created_at >= cache.c.created_at,
    )
    return saving


_SAVE = by_dialect(_saving)
_OUTPUTS = sa.select(cache.c.outputs).where(cache.c.key == sa.bindparam("wanted"))
_RAW = [
    sa.type_coerce(one, sa.Text).label(one.name) if one.name == "outputs" else one for one in cache.columns
]
_ENTRY = sa.select(cache).where(cache.c.key == sa.bindparam("wanted"))


_AT_ONCE = 500
"""How many keys one question holds; databases bound the number of values in one."""


class Entries:
    """Entries that were read at once; what they hold is decoded when it is asked for."""

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = rows

    def get(self, key: str) -> CacheEntry | None:
        """Return the entry of a key, or None where it is not among these."""
        row = self._rows.get(key)
        return None if row is None else CacheEntry(**{**row, "outputs": _artifacts(loads(row["outputs"]))})


class Cache:
    """Look up what steps made before. Entries are written by `Steps.record`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lookup(self, key: str) -> dict[str, Artifact] | None:
        """Return the outputs under `key` by name; None when no step with that key has run."""
        found = self._database.column(_OUTPUTS, {"wanted": key})
        return _artifacts(found[0]) if found else None

    def entry(self, key: str) -> CacheEntry | None:
        """Return the entry with the run and node that made it; what `why` tells about a hit."""
        row = self._database.row(_ENTRY, {"wanted": key})
        return None if row is None else CacheEntry(**row | {"outputs": _artifacts(row["outputs"])})

    def entries(self, keys: Sequence[str]) -> Entries:
        """Return the entries for some keys."""
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(keys), _AT_ONCE):
            query = sa.select(*_RAW).where(cache.c.key.in_(keys[start : start + _AT_ONCE]))
            found |= {row["key"]: row for row in self._database.rows(query)}
        return Entries(found)

    def latest(self, pipeline: str) -> Entries:
        """Return the entries for the keys of a pipeline's latest run, read at once.

        Most look-ups of the next run are among them.
        """
        last = sa.select(runs.c.id).where(runs.c.pipeline == pipeline)
        keyed = sa.select(steps.c.run_id).where(steps.c.run_id == runs.c.id, steps.c.key.is_not(None))
        last = last.where(keyed.exists())
        wanted = last.order_by(runs.c.sequence.desc()).limit(1).scalar_subquery()
        query = sa.select(*_RAW).join(steps, steps.c.key == cache.c.key).where(steps.c.run_id == wanted)
        return Entries({row["key"]: row for row in self._database.rows(query)})

    def forget(self, key: str) -> bool:
        """Drop the entry, for outputs whose bytes turned out to be gone or damaged."""
        gone = sa.delete(cache).where(cache.c.key == key)
        return self._database.change(gone) == 1


def write_entries(
    connection: sa.Connection, run_id: str, done: Iterable[StepRecord] | Iterable[ItemRecord]
) -> None:
    """Write the entries of steps, or of items, that ran and may be reused."""
    rows = [_row(run_id, s) for s in done if s.state == "ran" and s.cacheable and s.key]
    if rows:
        connection.execute(_SAVE(connection), rows)


def _row(run_id: str, step: StepRecord | ItemRecord) -> dict[str, Any]:
    outputs = {name: artifact.to_json() for name, artifact in step.outputs.items()}
    place = {"key": step.key, "run_id": run_id, "node": step.node}
    return place | {"outputs": outputs, "created_at": step.finished_at}


def _artifacts(outputs: dict[str, Any]) -> dict[str, Artifact]:
    return {name: Artifact.from_json(artifact) for name, artifact in outputs.items()}
