"""Alembic's entry: run the migrations on the connection, and in the transaction, that `upgrade` hands over."""

from __future__ import annotations

from alembic import context

from interlock.records.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
