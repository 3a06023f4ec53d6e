"""Environments that runs were made in: interpreter, platform and distributions."""

from __future__ import annotations

import sqlalchemy as sa

from interlock.identity.environment import Environment
from interlock.records.ledger import Body, Fact, Ledger, insert_once, row_of
from interlock.records.schema import environments

_ENVIRONMENT = tuple(column for column in environments.columns if column.name != "manifest")
_SAVE = insert_once(environments)


class Environments:
    """Keep each environment once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, environment: Environment) -> str:
        """Keep an environment and return its digest; one that is kept already costs a look-up."""
        if self.get(environment.digest) is None:
            self._ledger.database.write(lambda c: self._ledger.state(c, ENVIRONMENT, environment.to_json()))
        return environment.digest

    def get(self, digest: str) -> Environment | None:
        """Return an environment; None when no run was made in it."""
        query = sa.select(*_ENVIRONMENT).where(environments.c.digest == digest)
        row = self._ledger.database.row(query)
        return None if row is None else Environment.from_json(row)


def _write_environment(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE(connection), row_of(environments, body, digest))


ENVIRONMENT = Fact("environment", ("digest",), _write_environment)
