"""Which run is at work on which step: for people who look on, and so that what two runs want is computed once."""

from __future__ import annotations

import time

import sqlalchemy as sa

from interlock.records.database import Database
from interlock.records.ledger import insert_once, upsert
from interlock.records.model import Claim
from interlock.records.schema import claims, runs

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
_OF_RUN = sa.select(claims.c.node, claims.c.key, claims.c.at).where(claims.c.run_id == sa.bindparam("run"))


class Claims:
    """Claim cache keys for a run. A claim is over when the step is recorded, or its run has ended.

    What no other run may share is claimed under a key that no other run has.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, key: str, run_id: str, node: str) -> str | None:
        """Claim a key for a run; return the run that has it, where that is another one that runs.

        Whether the process of that run still lives is for `Runs.mark_lost` to find out.
        """
        row = {"key": key, "run_id": run_id, "node": node, "at": time.time()}

        def work(connection: sa.Connection) -> str | None:
            if connection.execute(_TAKE(connection), row).rowcount == 1:
                return None
            holder = connection.execute(_HOLDER, {"wanted": key}).first()
            if holder is not None and holder.run_id != run_id and holder.status == "running":
                return str(holder.run_id)
            connection.execute(_TAKE_OVER(connection), row)
            return None

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
