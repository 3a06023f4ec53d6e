"""Runs of pipelines: started, alive, finished, lost."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from interlock.errors import InterlockError
from interlock.records.database import first_of
from interlock.records.jsontext import legible
from interlock.records.ledger import Ledger, later_than, next_number
from interlock.records.model import Commit, EndStatus, RunRecord, RunStatus
from interlock.records.patches import put_patch, read_patch
from interlock.records.processes import is_alive, process_identity
from interlock.records.run_manifest import state_run
from interlock.records.schema import runs
from interlock.records.search import NEWEST, Condition, Order, search_runs
from interlock.records.unknown import unknown_run

_BY_ID = sa.select(runs).where(runs.c.id == sa.bindparam("wanted"))


class RunNotRunning(InterlockError):
    """A run was to be finished that has an end already."""

    def __init__(self, run_id: str, status: str) -> None:
        super().__init__(
            f"Run {run_id!r} has already ended as {status!r}.",
            hint="A run ends once; start another one.",
        )
        self.run_id = run_id
        self.status = status


HEARTBEAT = 30.0
"""Seconds between two signs of life of a run."""

SILENCE = 2 * HEARTBEAT
"""Seconds without any after which a run on another host is lost."""

RESUMABLE = ("failed", "cancelled", "lost")
"""How a run may have ended that can be resumed."""


class RunNotResumable(InterlockError):
    """A run cannot be resumed: it runs, or there is nothing left to do."""

    def __init__(self, run_id: str, status: str) -> None:
        hint = "Wait for it, or stop it first." if status == "running" else "Start another one: interlock run"
        super().__init__(f"Run {run_id!r} cannot be resumed: it is {status}.", hint=hint)
        self.run_id = run_id
        self.status = status


class Runs:
    """Start and end runs, and find them again.

    A run has a manifest from the moment its number is told to anybody. The manifest is put again with
    the end of the run, and then holds all of it: fields, steps, fingerprints, series; not its logs.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._database = ledger.database

    def start(  # noqa: PLR0913 (each is a fact of the run, and all are given by name)
        self,
        pipeline: str,
        *,
        ref: str = "",
        params: Mapping[str, Any] | None = None,
        git: Mapping[str, Any] | None = None,
        environment: str | None = None,
        commit: Commit | None = None,
        facts: Mapping[str, Any] | None = None,
        signal_id: int | None = None,
        waivers: Mapping[str, str] | None = None,
        leaks: Any = None,
        tags: Mapping[str, str] | None = None,
        snapshots: Mapping[str, str] | None = None,
        pid: int | None = None,
        host: str | None = None,
    ) -> RunRecord:
        """Give a run its number and record it as running.

        Args:
            git: State of the work tree; the text under "patch" is kept once and apart, see `patch`.
            commit: What names the run: its version id, and where its code and its graph are kept.
            facts: What else was so on the machine.
            snapshots: What is read of each dataset.
            pid: The process that does the work; this one when not given.
        """
        pid = os.getpid() if pid is None else pid
        given: dict[str, Any] = {
            "params": params or {},
            "tags": tags or {},
            "waivers": waivers or {},
            "leaks": leaks,
            "git": None if git is None else {name: git[name] for name in git if name != "patch"},
            "environment": environment,
            "facts": facts or {},
            "signal_id": signal_id,
            "snapshots": snapshots or {},
            **(asdict(commit) if commit else {}),
        }

        def work(connection: sa.Connection) -> RunRecord:
            number = next_number(connection, runs.c.number, runs.c.pipeline == pipeline)
            now = later_than()
            begun = RunRecord(
                id=f"{pipeline}/{number}",
                pipeline=pipeline,
                number=number,
                sequence=next_number(connection, runs.c.sequence),
                ref=ref,
                status="running",
                pid=pid,
                host=socket.gethostname() if host is None else host,
                process=process_identity(pid),
                started_at=now,
                heartbeat_at=now,
                recorded_at=now,
                patch=put_patch(self._ledger, connection, git),
                **given,
            )
            return self._state(connection, begun)

        return self._database.write(work)

    def finish(
        self,
        run_id: str,
        status: EndStatus,
        *,
        metrics: Mapping[str, float] | None = None,
        error: str | None = None,
        snapshots: Mapping[str, str] | None = None,
        model_version: int | None = None,
    ) -> RunRecord:
        """End a run; once this returns, all of it survives a power loss.

        A run that was taken for lost may still be finished by the process that turned out to live.

        Raises:
            RunNotRunning: It has an end already.
            UnknownRun: There is no such run.
        """
        end: dict[str, Any] = {
            "metrics": metrics or {},
            "error": error and legible(error),
            **({} if snapshots is None else {"snapshots": snapshots}),
            "model_version": model_version,
        }

        def work(connection: sa.Connection) -> RunRecord:
            run = self._read(connection, run_id)
            if run.status not in {"running", "lost"}:
                raise RunNotRunning(run_id, run.status)
            now = later_than(run.recorded_at)
            return self._state(
                connection, replace(run, status=status, finished_at=now, recorded_at=now, **end)
            )

        return self._ledger.report(work)

    def reopen(self, run_id: str) -> RunRecord:
        """Record that this process goes on with a run that ended before its last step.

        Raises:
            RunNotResumable: It runs, or it has come to its end.
            UnknownRun: There is no such run.
        """
        pid = os.getpid()

        def work(connection: sa.Connection) -> RunRecord:
            run = self._read(connection, run_id)
            if run.status not in RESUMABLE:
                raise RunNotResumable(run_id, run.status)
            now = later_than(run.recorded_at)
            again = replace(
                run,
                status="running",
                pid=pid,
                host=socket.gethostname(),
                process=process_identity(pid),
                heartbeat_at=now,
                recorded_at=now,
                finished_at=None,
                error=None,
            )
            return self._state(connection, again)

        return self._database.write(work)

    def heartbeat(self, run_id: str) -> bool:
        """Record that the run's process lives; False when the run is not running (any more)."""
        alive = sa.update(runs).where(runs.c.id == run_id, runs.c.status == "running")
        alive = alive.values(heartbeat_at=later_than())
        return self._database.change(alive) == 1

    def mark_lost(self) -> list[str]:
        """End, as lost, the runs whose process is dead; return their ids.

        On this host the system knows which processes live. A run on another host is lost when it has not been heard of
        for `SILENCE` seconds. What its steps had finished stays in the cache.
        """
        host = socket.gethostname()
        query = sa.select(runs.c.id, runs.c.pid, runs.c.process, runs.c.host, runs.c.heartbeat_at)
        running = self._database.rows(query.where(runs.c.status == "running").order_by(runs.c.sequence))
        now = time.time()
        dead = [
            run["id"]
            for run in running
            if (
                not is_alive(run["pid"], run["process"])
                if run["host"] == host
                else run["heartbeat_at"] < now - SILENCE
            )
        ]
        return [run_id for run_id in dead if self._ledger.report(partial(self._lose, run_id))]

    def _lose(self, run_id: str, connection: sa.Connection) -> bool:
        run = self._read(connection, run_id)
        if run.status != "running":
            return False  # another process was quicker
        error = (
            f"Process {run.pid} on {run.host} died before the run ended."
            if run.host == socket.gethostname()
            else f"Nothing was heard of the run on {run.host} for {SILENCE:g} seconds."
        )
        now = later_than(run.recorded_at)
        lost = replace(run, status="lost", finished_at=run.heartbeat_at, recorded_at=now, error=error)
        self._state(connection, lost)
        return True

    def set_model_version(self, run_id: str, number: int) -> RunRecord:
        """Record which version of its model came of a run, which may be one that an earlier run made.

        Raises:
            UnknownRun: There is no such run.
        """

        def work(connection: sa.Connection) -> RunRecord:
            run = self._read(connection, run_id)
            made = replace(run, model_version=number, recorded_at=later_than(run.recorded_at))
            return self._state(connection, made)

        return self._ledger.report(work)

    def tag(self, run_id: str, /, **tags: str) -> RunRecord:
        """Add or replace tags of a run, also after its end.

        Raises:
            UnknownRun: There is no such run.
        """

        def work(connection: sa.Connection) -> RunRecord:
            run = self._read(connection, run_id)
            tagged = replace(run, tags={**run.tags, **tags}, recorded_at=later_than(run.recorded_at))
            return self._state(connection, tagged)

        return self._database.write(work)

    def get(self, run_id: str) -> RunRecord:
        """Return a run.

        Raises:
            UnknownRun: There is no such run.
        """
        return self._database.read(lambda connection: self._read(connection, run_id))

    def _read(self, connection: sa.Connection, run_id: str) -> RunRecord:
        row = first_of(connection, _BY_ID, {"wanted": run_id})
        if row is None:
            raise unknown_run(self._database, run_id)
        return _record(row)

    def _state(self, connection: sa.Connection, run: RunRecord) -> RunRecord:
        state_run(self._ledger, connection, run)
        return self._read(connection, run.id)

    def list(
        self,
        pipeline: str | None = None,
        status: RunStatus | None = None,
        *,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[RunRecord]:
        """Return runs, the newest first."""
        query = sa.select(runs).order_by(runs.c.sequence.desc()).limit(limit).offset(offset)
        if pipeline is not None:
            query = query.where(runs.c.pipeline == pipeline)
        if status is not None:
            query = query.where(runs.c.status == status)
        return [_record(row) for row in self._database.rows(query)]

    def search(
        self, conditions: Sequence[Condition] = (), order: Order = NEWEST, *, limit: int = 50, offset: int = 0
    ) -> Sequence[RunRecord]:
        """Return the runs for which all conditions hold, in an order; a run without a value has no place in it.

        Raises:
            UnknownValue: A condition or the order is about something that no run has.
        """
        return [_record(row) for row in search_runs(self._database, conditions, order, limit, offset)]

    def of_version_id(self, version_id: str) -> RunRecord | None:
        """Return the latest run of a version id, or None."""
        query = sa.select(runs).where(runs.c.version_id == version_id)
        row = self._database.row(query.order_by(runs.c.sequence.desc()).limit(1))
        return None if row is None else _record(row)

    def of_commit(self, commit: str) -> Sequence[RunRecord]:
        """Return the runs that succeeded at a commit of git, given by its first digits, the latest first."""
        # Digits need no quoting, and every database knows how to look for text.
        here = sa.type_coerce(runs.c.git, sa.Text).contains(f'"commit":"{commit}')
        query = sa.select(runs).where(here, runs.c.status == "succeeded")
        return [_record(row) for row in self._database.rows(query.order_by(runs.c.sequence.desc()))]

    def pipelines(self) -> Sequence[str]:
        """Return the names of all pipelines that have runs."""
        return self._database.column(sa.select(runs.c.pipeline).distinct().order_by(runs.c.pipeline))

    def patch(self, run_id: str) -> str:
        """Return the difference between the commit and the work tree that the run used; empty when clean.

        Raises:
            UnknownRun: There is no such run.
        """
        digest = self.get(run_id).patch
        return (
            "" if digest is None else self._database.read(lambda connection: read_patch(connection, digest))
        )


def _record(row: Mapping[str, Any]) -> RunRecord:
    # Runs that are older than a column have nothing in it.
    return RunRecord(**{name: value for name, value in row.items() if value is not None})
