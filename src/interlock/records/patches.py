"""What a dirty work tree had changed: kept once for each content, and apart, as it may be large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from interlock.records.ledger import Body, Fact, Ledger, insert_once
from interlock.records.schema import patches

_SAVE = insert_once(patches)


def put_patch(ledger: Ledger, connection: sa.Connection, git: Mapping[str, Any] | None) -> str | None:
    """Keep the patch of a work tree and return its digest; None when there is none."""
    patch = (git or {}).get("patch")
    return ledger.state(connection, PATCH, {"text": patch}) if patch else None


def read_patch(connection: sa.Connection, digest: str) -> str:
    """Return the text of a patch."""
    text: str = connection.execute(sa.select(patches.c.text).where(patches.c.digest == digest)).scalar_one()
    return text


def _write_patch(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE(connection), {"digest": digest, "text": body["text"]})


PATCH = Fact("patch", ("text",), _write_patch)
