"""What names a run: its version, the code it was made of, the facts of its machine; certificates of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OF_RUNS = ("version", "facets", "code", "graph", "facts")


def upgrade() -> None:
    """Add the columns, which older runs do not have, and the table of certificates."""
    for name in _OF_RUNS:
        op.add_column("runs", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("environments", sa.Column("origins", sa.Text(), nullable=True))
    op.create_table(
        "certificates",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_certificates_runs")),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_certificates")),
    )
