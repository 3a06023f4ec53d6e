"""Alembic's entry: run the migrations on the connection, and in the transaction, that `upgrade` hands over."""

from __future__ import annotations

from alembic import context

from interlock.records.schema import metadata
from interlock.records.stamps import version_table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table=version_table(connection.dialect.name),
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
