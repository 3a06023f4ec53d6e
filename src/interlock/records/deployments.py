"""Which endpoints serve which alias. This describes living processes, so it is in no manifest."""

from __future__ import annotations

import time
from collections.abc import Sequence

import sqlalchemy as sa

from interlock.records.database import Database
from interlock.records.ledger import upsert
from interlock.records.model import Deployment
from interlock.records.schema import deployments

_SAVE = upsert(deployments)


class Deployments:
    """Keep one deployment for each alias of a model."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self, model: str, alias: str, url: str, pid: int | None, version: int | None, state: str
    ) -> Deployment:
        """Record the deployment of an alias as it now is, in place of what was recorded before."""
        deployment = Deployment(model, alias, url, pid, version, state, time.time())
        row = vars(deployment)
        self._database.write(lambda connection: connection.execute(_SAVE(connection), row), alone=False)
        return deployment

    def get(self, model: str, alias: str) -> Deployment | None:
        """Return the deployment of an alias; None when there is none."""
        query = sa.select(deployments).where(deployments.c.model == model, deployments.c.alias == alias)
        row = self._database.row(query)
        return None if row is None else Deployment(**row)

    def list(self, model: str | None = None) -> Sequence[Deployment]:
        """Return all deployments, or those of a model."""
        query = sa.select(deployments).order_by(deployments.c.model, deployments.c.alias)
        if model is not None:
            query = query.where(deployments.c.model == model)
        return [Deployment(**row) for row in self._database.rows(query)]

    def remove(self, model: str, alias: str) -> bool:
        """Forget the deployment of an alias; False when there was none."""
        gone = sa.delete(deployments).where(deployments.c.model == model, deployments.c.alias == alias)
        return self._database.change(gone) == 1
