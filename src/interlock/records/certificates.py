"""Certificates: what came of attempts to make runs again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from interlock.records.ledger import Body, Fact, Ledger, insert_once, later_than, next_number, row_of
from interlock.records.model import Certificate
from interlock.records.schema import certificates
from interlock.records.unknown import unknown_run

_SAVE = insert_once(certificates)


class Certificates:
    """Keep certificates beside the runs that they are about."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, run_id: str, verdict: str, body: Mapping[str, Any]) -> Certificate:
        """Keep a certificate; once this returns, it survives a power loss.

        Raises:
            UnknownRun: There is no such run.
        """

        def work(connection: sa.Connection) -> Certificate:
            number = next_number(connection, certificates.c.number, certificates.c.run_id == run_id)
            found: dict[str, Any] = {
                "run_id": run_id,
                "number": number,
                "verdict": verdict,
                "body": body,
                "at": later_than(),
            }
            return Certificate(**found, manifest=self._ledger.state(connection, CERTIFICATE, found))

        try:
            return self._ledger.report(work)
        except sa.exc.IntegrityError as error:
            raise unknown_run(self._ledger.database, run_id) from error

    def of(self, run_id: str) -> list[Certificate]:
        """Return the certificates of a run, the latest first."""
        query = sa.select(certificates).where(certificates.c.run_id == run_id)
        rows = self._ledger.database.rows(query.order_by(certificates.c.number.desc()))
        return [Certificate(**row) for row in rows]


def _write_certificate(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE(connection), row_of(certificates, body, digest))


CERTIFICATE = Fact("certificate", ("run_id", "number"), _write_certificate)
