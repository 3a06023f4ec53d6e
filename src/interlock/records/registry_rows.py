"""The manifests of the registry, and the rows that are derived from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from interlock.records.ledger import Body, Fact, row_of, upsert
from interlock.records.model import AliasMove, ModelVersion, VerdictRecord
from interlock.records.schema import alias_moves, aliases, model_versions, verdicts

_SAVE_VERSION = upsert(model_versions)
_SAVE_MOVE = upsert(alias_moves)
_SAVE_ALIAS = upsert(aliases)
_NEW_VERDICT = sa.insert(verdicts)


def version_body(version: ModelVersion, said: Sequence[VerdictRecord]) -> dict[str, Any]:
    """Return the body of a version's manifest."""
    fields = {name: value for name, value in vars(version).items() if name != "manifest"}
    return fields | {"verdicts": [asdict(verdict) for verdict in said]}


def move_body(move: AliasMove) -> dict[str, Any]:
    """Return the body of the manifest of an alias's move."""
    return {name: value for name, value in vars(move).items() if name != "manifest"} | {
        "recorded_at": move.at
    }


def _write_version(connection: sa.Connection, body: Body, digest: str) -> None:
    connection.execute(_SAVE_VERSION(connection), row_of(model_versions, body, digest))
    place = {"model": body["model"], "number": body["number"]}
    connection.execute(
        sa.delete(verdicts).where(verdicts.c.model == body["model"], verdicts.c.number == body["number"])
    )
    said = [place | {"position": position, **verdict} for position, verdict in enumerate(body["verdicts"])]
    if said:
        connection.execute(_NEW_VERDICT, said)


def _write_move(connection: sa.Connection, body: Body, digest: str) -> None:
    """Write the move and let the alias follow; moves must come in the order of their numbers."""
    connection.execute(_SAVE_MOVE(connection), row_of(alias_moves, body, digest))
    if body["version"] is not None:
        connection.execute(
            _SAVE_ALIAS(connection), {name: body[name] for name in ("model", "alias", "version")}
        )
    else:
        gone = sa.delete(aliases).where(aliases.c.model == body["model"], aliases.c.alias == body["alias"])
        connection.execute(gone)


VERSION = Fact("version", ("model", "number"), _write_version)
MOVE = Fact("alias", ("model", "number"), _write_move)
