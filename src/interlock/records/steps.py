"""What each node did in each run. `record` is on the path of every step of every run: keep it short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from interlock.identity.artifact import Artifact
from interlock.records.cache import write_entries
from interlock.records.claims import release
from interlock.records.database import Database, rows_of
from interlock.records.jsontext import legible
from interlock.records.ledger import insert_once, upsert
from interlock.records.model import AttemptRecord, Producer, RunRecord, StepRecord
from interlock.records.schema import artifacts, fingerprints, runs, steps
from interlock.records.unknown import unknown_run

_SAVE_STEP = upsert(steps)
_SAVE_ARTIFACT = upsert(artifacts)
_SAVE_FINGERPRINT = insert_once(fingerprints)
_STEP_FIELDS = tuple(c.name for c in steps.columns if c.name != "run_id")
_ATTEMPT_FIELDS = tuple(one.name for one in fields(AttemptRecord))
_WITH_PARTS = sa.select(steps, fingerprints.c.parts.label("fingerprint_parts")).select_from(
    steps.outerjoin(fingerprints, steps.c.fingerprint == fingerprints.c.digest)
)
_OF_RUN = _WITH_PARTS.where(steps.c.run_id == sa.bindparam("run")).order_by(steps.c.position)


class Steps:
    """Record steps and find them again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: set[str] = set()  # fingerprints whose parts are in the database already

    def record(self, run_id: str, step: StepRecord) -> None:
        """Record a step, its artifacts and, when it ran and may be reused, its cache entry.

        Raises:
            UnknownRun: There is no such run.
        """
        self.record_many(run_id, (step,))

    def record_many(self, run_id: str, done: Sequence[StepRecord]) -> None:
        """Record several steps in one transaction, such as a chain of cache hits.

        Raises:
            UnknownRun: There is no such run.
        """
        fresh = {
            s.fingerprint: s.fingerprint_parts
            for s in done
            if s.fingerprint and s.fingerprint not in self._known
        }

        worked_on = [s.node for s in done if s.state in ("ran", "failed")]

        def work(connection: sa.Connection) -> None:
            write_steps(connection, run_id, done)
            write_fingerprints(connection, fresh)
            if worked_on:
                release(connection, run_id, worked_on)

        try:
            self._database.write(work, alone=False)
        except IntegrityError as error:
            raise unknown_run(self._database, run_id) from error
        self._known.update(fresh)

    def of(self, run_id: str) -> list[StepRecord]:
        """Return the steps of a run in the order of its graph."""
        return self._database.read(lambda connection: read_steps(connection, run_id))

    def get(self, run_id: str, node: str) -> StepRecord | None:
        """Return what `node` did in a run; None when it was not reached."""
        query = _WITH_PARTS.where(steps.c.run_id == run_id, steps.c.node == node)
        return self._first(query)

    def before(self, run: RunRecord, node: str) -> tuple[str, StepRecord] | None:
        """Return what `node` last did before a run, in a run of the same pipeline, and which run that was."""
        query = _WITH_PARTS.join(runs, steps.c.run_id == runs.c.id).where(
            runs.c.pipeline == run.pipeline,
            runs.c.sequence < run.sequence,
            steps.c.node == node,
            steps.c.key.is_not(None),
        )
        row = self._database.row(query.order_by(runs.c.sequence.desc()).limit(1))
        return None if row is None else (row["run_id"], step_of(row))

    def maker(self, run: RunRecord, step: StepRecord) -> tuple[str, str] | None:
        """Return the run and the node that made what a step of `run` took from the cache; None if it is gone."""
        query = sa.select(steps.c.run_id, steps.c.node).join(runs, steps.c.run_id == runs.c.id)
        query = query.where(steps.c.key == step.key, steps.c.state == "ran", runs.c.sequence <= run.sequence)
        row = self._database.row(query.order_by(runs.c.sequence.desc()).limit(1))
        return None if row is None else (row["run_id"], row["node"])

    def _first(self, query: sa.Select[Any]) -> StepRecord | None:
        row = self._database.row(query)
        return None if row is None else step_of(row)

    def producers(self, digest: str) -> list[Producer]:
        """Return every output that had this value, the earliest run first."""
        query = (
            sa.select(artifacts.c.run_id, artifacts.c.node, artifacts.c.output)
            .join(runs, artifacts.c.run_id == runs.c.id)
            .where(artifacts.c.digest == digest)
            .order_by(runs.c.sequence)
        )
        return [Producer(**row) for row in self._database.rows(query)]


def write_steps(connection: sa.Connection, run_id: str, done: Sequence[StepRecord]) -> None:
    """Write the rows of steps: the steps, their artifacts by digest, their cache entries."""
    if not done:
        return
    bodies = [step_body(step) for step in done]
    connection.execute(_SAVE_STEP(connection), [{"run_id": run_id, **body} for body in bodies])
    made = [row for step in done for row in _artifact_rows(run_id, step)]
    if made:
        connection.execute(_SAVE_ARTIFACT(connection), made)
    write_entries(connection, run_id, done)


def write_fingerprints(connection: sa.Connection, parts: Mapping[str, Mapping[str, str]]) -> None:
    """Write what fingerprints were made of, once each."""
    if parts:
        rows = [{"digest": digest, "parts": dict(made_of)} for digest, made_of in parts.items()]
        connection.execute(_SAVE_FINGERPRINT(connection), rows)


def read_steps(connection: sa.Connection, run_id: str) -> list[StepRecord]:
    """Read the steps of a run inside a transaction."""
    return [step_of(row) for row in rows_of(connection, _OF_RUN, {"run": run_id})]


def step_body(step: StepRecord) -> dict[str, Any]:
    """Return the step as JSON and as a row, all but the parts of its fingerprint."""
    body = {name: getattr(step, name) for name in _STEP_FIELDS}
    body["inputs"] = dict(step.inputs)
    body["outputs"] = {name: artifact.to_json() for name, artifact in step.outputs.items()}
    body["attempts"] = [attempt_body(attempt) for attempt in step.attempts]
    body["reason"] = legible(step.reason)
    body["error"] = step.error and legible(step.error)
    return body


def attempt_body(attempt: AttemptRecord) -> dict[str, Any]:
    """Return an attempt as JSON."""
    return {name: getattr(attempt, name) for name in _ATTEMPT_FIELDS}


def step_of(body: Mapping[str, Any]) -> StepRecord:
    """Read what `step_body` wrote, with `fingerprint_parts` where the body has them."""
    found = {name: body[name] for name in _STEP_FIELDS}
    found["outputs"] = {name: Artifact.from_json(artifact) for name, artifact in body["outputs"].items()}
    found["attempts"] = tuple(AttemptRecord(**attempt) for attempt in body["attempts"])
    return StepRecord(**found, fingerprint_parts=body.get("fingerprint_parts") or {})


def steps_body(connection: sa.Connection, run_id: str) -> dict[str, Any]:
    """Return the steps of a run for its manifest; parts that steps share are written once."""
    rows = rows_of(connection, _OF_RUN, {"run": run_id})
    parts = {
        row["fingerprint"]: row["fingerprint_parts"] for row in rows if row["fingerprint_parts"] is not None
    }
    return {"steps": [{name: row[name] for name in _STEP_FIELDS} for row in rows], "fingerprints": parts}


def steps_of(body: Mapping[str, Any]) -> list[StepRecord]:
    """Read what `steps_body` wrote."""
    parts = body["fingerprints"]
    found = [step_of(step) for step in body["steps"]]
    return [replace(step, fingerprint_parts=parts.get(step.fingerprint, {})) for step in found]


def _artifact_rows(run_id: str, step: StepRecord) -> list[dict[str, Any]]:
    place = {"run_id": run_id, "node": step.node}
    return [
        place
        | {
            "output": name,
            "digest": a.digest,
            "blob": a.blob,
            "format": a.format,
            "type": a.type,
            "size": a.size,
        }
        for name, a in step.outputs.items()
    ]
