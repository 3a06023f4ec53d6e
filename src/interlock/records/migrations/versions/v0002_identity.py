"""What names a run, certificates of runs, profiles of the parts of datasets, and pins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OF_RUNS = ("version_id", "facets", "code", "graph", "facts")


def upgrade() -> None:
    """Add the columns, which older runs do not have, and the tables."""
    for name in _OF_RUNS:
        op.add_column("runs", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("environments", sa.Column("origins", sa.Text(), nullable=True))
    _certificates()
    _datasets()


def _certificates() -> None:
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


def _datasets() -> None:
    op.create_table(
        "profiles",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.Float(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_profiles"),
    )
    op.create_table(
        "pins",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.Float(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", name="pk_pins"),
    )


def downgrade() -> None:
    """Drop the tables and the columns; what they hold of runs is in the manifests too."""
    for table in ("pins", "profiles", "certificates"):
        op.drop_table(table)
    op.drop_column("environments", "origins")
    for name in reversed(_OF_RUNS):
        op.drop_column("runs", name)
