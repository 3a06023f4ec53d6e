"""The values by which runs are searched, indexes for long lists, and numbers of 64 bits on servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from interlock.records.jsontext import loads
from interlock.records.run_values import value_rows

revision = "0003"
down_revision = "0002"

_NUMBERED = ("metrics", "logs", "signals", "decisions", "windows")
_AT_ONCE = 500


def upgrade() -> None:
    """Add the table with what is known of older runs, and the indexes."""
    op.drop_index("runs_by_status", "runs")
    op.create_index("runs_by_status", "runs", ["status", "sequence"])
    op.create_index("runs_by_pipeline", "runs", ["pipeline", "sequence", "status"])
    op.create_index("runs_by_version_id", "runs", ["version_id"])
    table = op.create_table(
        "run_values",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_values_runs")),
        sa.PrimaryKeyConstraint("run_id", "kind", "name", name=op.f("pk_run_values")),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind(), table)
    for column in ("number", "text"):
        op.create_index(
            f"run_values_by_{column}", "run_values", ["kind", "name", column, "sequence", "run_id"]
        )
    if op.get_bind().dialect.name == "postgresql":
        for name in _NUMBERED:
            op.execute(f"ALTER TABLE {name} ALTER COLUMN id TYPE bigint")
            op.execute(f"ALTER SEQUENCE {name}_id_seq AS bigint")


def _fill(connection: sa.Connection, table: sa.Table) -> None:
    columns = "id, sequence, pipeline, status, started_at, finished_at, metrics, params, tags"
    runs = connection.exec_driver_sql(f"SELECT {columns} FROM runs").mappings().all()  # noqa: S608 - all ours
    rows: list[dict[str, Any]] = []
    for run in runs:
        read = {name: loads(run[name]) for name in ("metrics", "params", "tags") if run[name]}
        rows += value_rows({**run, **read, "series": list(_series(connection, run["id"]))})
        if len(rows) > _AT_ONCE:
            connection.execute(sa.insert(table), rows)
            rows = []
    if rows:
        connection.execute(sa.insert(table), rows)


def _series(connection: sa.Connection, run_id: str) -> Iterator[dict[str, Any]]:
    """Yield the points of a run, each as a series of one."""
    query = sa.text("SELECT name, step, value FROM metrics WHERE run_id = :run ORDER BY node, name, id")
    for name, step, value in connection.execute(query, {"run": run_id}):
        yield {"name": name, "steps": [step], "values": [float("nan") if value is None else value]}


def downgrade() -> None:
    """Drop what can be derived again."""
    if op.get_bind().dialect.name == "postgresql":
        for name in _NUMBERED:
            op.execute(f"ALTER SEQUENCE {name}_id_seq AS integer")
            op.execute(f"ALTER TABLE {name} ALTER COLUMN id TYPE integer")
    op.drop_table("run_values")
    op.drop_index("runs_by_version_id", "runs")
    op.drop_index("runs_by_pipeline", "runs")
    op.drop_index("runs_by_status", "runs")
    op.create_index("runs_by_status", "runs", ["status"])
