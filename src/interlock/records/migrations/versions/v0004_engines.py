"""The items of mapped steps, and which run is at work on what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "items",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("item", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cacheable", sa.Boolean(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("cpu_seconds", sa.Float(), nullable=False),
        sa.Column("peak_memory", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_items_runs")),
        sa.PrimaryKeyConstraint("run_id", "node", "item", name=op.f("pk_items")),
    )
    op.create_table(
        "claims",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_claims_runs")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_claims")),
    )
    op.create_index("claims_by_run", "claims", ["run_id"])


def downgrade() -> None:
    """Drop what is gone with the runs that were at work, and what the cache has too."""
    op.drop_table("claims")
    op.drop_table("items")
