"""The manifest of a run, and the rows that are derived from it."""

from __future__ import annotations

import sqlalchemy as sa

from interlock.records.ledger import Body, Fact, Ledger, row_of, upsert
from interlock.records.metrics import rows_of_series, series_body, write_points
from interlock.records.model import RunRecord
from interlock.records.run_values import write_values
from interlock.records.schema import runs
from interlock.records.steps import steps_body, steps_of, write_fingerprints, write_steps

_SAVE = upsert(runs)
_FIELDS = tuple(c.name for c in runs.columns if c.name != "manifest")


def state_run(ledger: Ledger, connection: sa.Connection, run: RunRecord) -> str:
    """Put the manifest of a run as it now is and write its row; return the manifest's digest."""
    body = {name: getattr(run, name) for name in _FIELDS}
    recorded = steps_body(connection, run.id)
    return ledger.state(connection, RUN, body | recorded | {"series": series_body(connection, run.id)})


def write_run(connection: sa.Connection, body: Body, digest: str) -> None:
    """Write the row of the run itself and what it is found by; its steps and points were written as they happened."""
    connection.execute(_SAVE(connection), row_of(runs, body, digest))
    write_values(connection, body)


def write_whole_run(connection: sa.Connection, body: Body, digest: str) -> None:
    """Write all rows of a run: itself, its steps with artifacts and cache entries, its points."""
    write_run(connection, body, digest)
    write_steps(connection, body["id"], steps_of(body))
    write_fingerprints(connection, body["fingerprints"])
    write_points(connection, rows_of_series(body["id"], body["series"]))


RUN = Fact("run", ("id",), write_run)
WHOLE_RUN = Fact("run", ("id",), write_whole_run)
"""The same kind for a database that does not have the steps yet."""
