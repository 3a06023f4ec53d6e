"""Models, their versions with the gates' verdicts, and the aliases that say which version is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from interlock.errors import InterlockError
from interlock.records.database import first_of
from interlock.records.leases import require
from interlock.records.ledger import Ledger, later_than, next_number
from interlock.records.model import (
    UNSET,
    AliasMove,
    Fence,
    ModelVersion,
    Unset,
    VerdictRecord,
    VersionStatus,
)
from interlock.records.registry_rows import MOVE, VERSION, move_body, version_body
from interlock.records.schema import alias_moves, aliases, model_versions, verdicts
from interlock.records.unknown import UnknownAlias, UnknownModel, UnknownVersion


class StalePromotion(InterlockError):
    """An alias moved between the look at it and the move of it."""

    def __init__(self, model: str, alias: str, expected: int | None, found: int | None) -> None:
        super().__init__(
            f"The alias {alias!r} of {model!r} points {_where(found)}; it was expected to point {_where(expected)}.",
            hint="Somebody moved it meanwhile: compare with what it points at now, and decide again.",
        )
        self.model = model
        self.alias = alias
        self.expected = expected
        self.found = found


def _where(version: int | None) -> str:
    return "nowhere" if version is None else f"at version {version}"


_ALIASED = sa.select(model_versions).join(
    aliases,
    sa.and_(aliases.c.model == model_versions.c.model, aliases.c.version == model_versions.c.number),
)


class Models:
    """The registry. A version and a move of an alias survive a power loss once they are returned."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._database = ledger.database

    def add_version(
        self,
        model: str,
        run_id: str,
        bundle: str,
        metrics: Mapping[str, float],
        status: VersionStatus,
        *,
        signal_id: int | None = None,
        verdicts: Sequence[VerdictRecord] = (),
        fence: Fence | None = None,
    ) -> ModelVersion:
        """Give a run's bundle the next number of the model and record what the gates said.

        The same bundle of the same run is one version however often it is added: who never got the
        answer may ask again.

        Raises:
            LeaseLost: `fence` is no longer valid.
        """

        def work(connection: sa.Connection) -> ModelVersion:
            require(connection, fence)
            same = _columns(model_versions, model=model, run_id=run_id, bundle=bundle)
            known = first_of(connection, sa.select(model_versions).where(same))
            if known is not None:
                return ModelVersion(**known)
            number = next_number(connection, model_versions.c.number, model_versions.c.model == model)
            now = later_than()
            made = ModelVersion(model, number, run_id, bundle, metrics, status, signal_id, now, now)
            return self._state(connection, made, verdicts)

        return self._ledger.report(work)

    def set_status(
        self, model: str, number: int, status: VersionStatus, said: Sequence[VerdictRecord] | None = None
    ) -> ModelVersion:
        """Change whether a version counts as passed, with new verdicts where it was judged again.

        Raises:
            UnknownModel, UnknownVersion: There is no such version.
        """

        def work(connection: sa.Connection) -> ModelVersion:
            now = self._read(connection, model, number)
            fields = {**vars(now), "status": status, "recorded_at": later_than(now.recorded_at)}
            kept = _read_verdicts(connection, model, number) if said is None else said
            return self._state(connection, ModelVersion(**fields), kept)

        return self._ledger.report(work)

    def get(self, model: str, number: int) -> ModelVersion:
        """Return a version.

        Raises:
            UnknownModel, UnknownVersion: There is no such version.
        """
        return self._database.read(lambda connection: self._read(connection, model, number))

    def list(self, model: str) -> Sequence[ModelVersion]:
        """Return the versions of a model, the newest first; none when the model is unknown."""
        query = sa.select(model_versions).where(model_versions.c.model == model)
        query = query.order_by(model_versions.c.number.desc())
        return [ModelVersion(**row) for row in self._database.rows(query)]

    def names(self) -> Sequence[str]:
        """Return the names of all models that have a version."""
        return self._database.read(_read_names)

    def verdicts(self, model: str, number: int) -> Sequence[VerdictRecord]:
        """Return what the gates said about a version, in the order in which they were asked."""
        return self._database.read(lambda connection: _read_verdicts(connection, model, number))

    def move_alias(
        self,
        model: str,
        alias: str,
        version: int | None,
        reason: str,
        actor: str,
        *,
        expected: int | Unset | None = UNSET,
        fence: Fence | None = None,
    ) -> AliasMove:
        """Point an alias at a version, or take it away with None.

        Args:
            reason: Why, in words; shown in the history.
            actor: Who or what did it.
            expected: Where the alias must point now, None for nowhere; not checked when not given.
            fence: The lease under which this happens.

        Raises:
            StalePromotion: The alias points elsewhere than `expected`.
            UnknownModel, UnknownVersion: There is no such version.
            UnknownAlias: An alias that does not exist was to be taken away.
            LeaseLost: `fence` is no longer valid.
        """

        def work(connection: sa.Connection) -> AliasMove:
            require(connection, fence)
            previous = self._checked(connection, model, alias, version, expected)
            number = next_number(connection, alias_moves.c.number, alias_moves.c.model == model)
            move = AliasMove(model, number, alias, previous, version, reason, actor, later_than())
            digest = self._ledger.state(connection, MOVE, move_body(move))
            return AliasMove(**{**vars(move), "manifest": digest})

        return self._ledger.report(work)

    def _checked(
        self,
        connection: sa.Connection,
        model: str,
        alias: str,
        version: int | None,
        expected: int | Unset | None,
    ) -> int | None:
        if version is not None:
            self._read(connection, model, version)
        points = _read_aliases(connection, model)
        previous = points.get(alias)
        if not isinstance(expected, Unset) and previous != expected:
            raise StalePromotion(model, alias, expected, previous)
        if version is None and previous is None:
            raise UnknownAlias(model, alias, points)
        return previous

    def alias(self, model: str, alias: str) -> ModelVersion | None:
        """Return the version that an alias points at; None when it points nowhere."""
        query = _ALIASED.where(aliases.c.model == model, aliases.c.alias == alias)
        row = self._database.row(query)
        return None if row is None else ModelVersion(**row)

    def resolve(self, model: str, alias: str) -> ModelVersion:
        """Return the version that an alias points at, or say what is missing.

        Raises:
            UnknownModel: The model has no versions.
            UnknownAlias: The model has no such alias.
        """
        found = self.alias(model, alias)
        if found is not None:
            return found
        if not self.list(model):
            raise UnknownModel(model, self.names())
        raise UnknownAlias(model, alias, self.aliases(model))

    def aliases(self, model: str) -> dict[str, int]:
        """Return all aliases of a model and the versions that they point at."""
        return self._database.read(lambda connection: _read_aliases(connection, model))

    def moves(self, model: str) -> Sequence[AliasMove]:
        """Return how the aliases of a model moved, the latest first."""
        query = (
            sa.select(alias_moves).where(alias_moves.c.model == model).order_by(alias_moves.c.number.desc())
        )
        return [AliasMove(**row) for row in self._database.rows(query)]

    def _state(
        self, connection: sa.Connection, version: ModelVersion, said: Sequence[VerdictRecord]
    ) -> ModelVersion:
        self._ledger.state(connection, VERSION, version_body(version, said))
        return self._read(connection, version.model, version.number)

    def _read(self, connection: sa.Connection, model: str, number: int) -> ModelVersion:
        query = sa.select(model_versions).where(_columns(model_versions, model=model, number=number))
        row = first_of(connection, query)
        if row is not None:
            return ModelVersion(**row)
        of_model = sa.select(model_versions.c.number).where(model_versions.c.model == model)
        numbers = connection.execute(of_model).scalars().all()
        if not numbers:
            raise UnknownModel(model, _read_names(connection))
        raise UnknownVersion(model, number, numbers)


def _columns(table: sa.Table, **values: Any) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == value for name, value in values.items()))


def _read_names(connection: sa.Connection) -> Sequence[str]:
    query = sa.select(model_versions.c.model).distinct().order_by(model_versions.c.model)
    return connection.execute(query).scalars().all()


def _read_aliases(connection: sa.Connection, model: str) -> dict[str, int]:
    query = (
        sa.select(aliases.c.alias, aliases.c.version)
        .where(aliases.c.model == model)
        .order_by(aliases.c.alias)
    )
    return {row.alias: row.version for row in connection.execute(query)}


def _read_verdicts(connection: sa.Connection, model: str, number: int) -> Sequence[VerdictRecord]:
    said = (verdicts.c.gate, verdicts.c.passed, verdicts.c.numbers, verdicts.c.reason)
    query = (
        sa.select(*said).where(_columns(verdicts, model=model, number=number)).order_by(verdicts.c.position)
    )
    return [VerdictRecord(*row) for row in connection.execute(query)]
