"""The errors for names that nobody recorded, each with the nearest one that somebody did."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from interlock.errors import InterlockError, did_you_mean
from interlock.records.database import Database
from interlock.records.schema import runs

_SUGGESTED_FROM = 1000
"""The newest runs among which a near name is looked for."""


class UnknownRun(InterlockError):
    """No run has this id."""

    def __init__(self, run_id: str, known: list[str]) -> None:
        super().__init__(
            f"Unknown run {run_id!r}.", hint=did_you_mean(run_id, known) or "No run is recorded yet."
        )
        self.run_id = run_id


def unknown_run(database: Database, run_id: str) -> UnknownRun:
    """Return the error, with the nearest id that exists."""
    newest = sa.select(runs.c.id).order_by(runs.c.sequence.desc()).limit(_SUGGESTED_FROM)
    known = database.column(newest)
    return UnknownRun(run_id, known)


class UnknownModel(InterlockError):
    """No model of this name has a version."""

    def __init__(self, model: str, known: Iterable[str]) -> None:
        hint = did_you_mean(model, known) or "No model has a version yet."
        super().__init__(f"Unknown model {model!r}.", hint=hint)
        self.model = model


class UnknownVersion(InterlockError):
    """A model has no version of this number."""

    def __init__(self, model: str, number: int, known: Iterable[int]) -> None:
        super().__init__(
            f"Model {model!r} has no version {number}.",
            hint=f"It has the versions 1 to {max(known)}.",
        )
        self.model = model
        self.number = number


class UnknownAlias(InterlockError):
    """A model has no alias of this name."""

    def __init__(self, model: str, alias: str, known: Iterable[str]) -> None:
        hint = did_you_mean(alias, known) or f"No version of {model!r} has been promoted yet."
        super().__init__(f"Model {model!r} has no alias {alias!r}.", hint=hint)
        self.model = model
        self.alias = alias
