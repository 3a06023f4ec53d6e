"""Which run is at work on which step: for people who look on, and so that what two runs want is computed once."""

from __future__ import annotations

import time
from typing import Literal

import sqlalchemy as sa

from interlock.records.database import Database
from interlock.records.ledger import insert_once, upsert
from interlock.records.model import Claim
from interlock.records.schema import cache, claims, runs

Taken = Literal["mine", "made", "held"]

_TAKE = insert_once(claims)
_TAKE_OVER = upsert(claims)
_HOLDER = (
    sa.select(claims.c.run_id, claims.c.node, runs.c.status)
    .join(runs, runs.c.id == claims.c.run_id)
    .where(claims.c.key == sa.bindparam("wanted"))
)
_RELEASE = sa.delete(claims).where(
    claims.c.run_id == sa.bindparam("run"), claims.c.node == sa.bindparam("wanted")
)
_MADE = sa.select(cache.c.key).where(cache.c.key == sa.bindparam("wanted"))
_OF_RUN = sa.select(claims.c.node, claims.c.key, claims.c.at).where(claims.c.run_id == sa.bindparam("run"))


class Claims:
    """Claim cache keys for a run. A claim is over when the step is recorded, or its run has ended.

    What no other run may share is claimed under a key that no other run has.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, key: str, run_id: str, node: str, *, unless_made: bool) -> Taken:
        """Claim a key for a run.

        Args:
            key: A cache key.
            run_id: The run.
            node: What it will be at work on.
            unless_made: Not where the cache has an entry by now.

        Returns:
            "mine", "made" (the cache has it by now), or "held": another run that runs has the claim. Whether the process
            of that run still lives is for `Runs.mark_lost` to find out.
        """
        row = {"key": key, "run_id": run_id, "node": node, "at": time.time()}

        def work(connection: sa.Connection) -> Taken:
            if unless_made and connection.execute(_MADE, {"wanted": key}).first() is not None:
                return "made"
            if connection.execute(_TAKE(connection), row).rowcount == 1:
                return "mine"
            holder = connection.execute(_HOLDER, {"wanted": key}).first()
            if holder is not None and holder.run_id != run_id and holder.status == "running":
                return "held"
            connection.execute(_TAKE_OVER(connection), row)
            return "mine"

        return self._database.write(work)

    def of(self, run_id: str) -> list[Claim]:
        """Return what a run is at work on."""
        return [Claim(run_id=run_id, **row) for row in self._database.rows(_OF_RUN, {"run": run_id})]

    def release_all(self, run_id: str) -> None:
        """End all claims of a run."""
        self._database.change(sa.delete(claims).where(claims.c.run_id == run_id))


def release(connection: sa.Connection, run_id: str, nodes: list[str]) -> None:
    """End claims of a run, in the transaction that records what came of them."""
    connection.execute(_RELEASE, [{"run": run_id, "wanted": node} for node in nodes])
