"""The tables. What they hold is derived from manifests, except where a comment says otherwise."""

from __future__ import annotations

import math
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from interlock.records.jsontext import dumps, loads

SCHEMA_VERSION = 4
"""Counts up with every migration; kept in the file as `user_version` and as Alembic's revision."""

APPLICATION_ID = 0x494C4B31
"""Marks a SQLite file as records of Interlock ("ILK1"); part of the file format, never changes."""


class JsonText(TypeDecorator[Any]):
    """A JSON value in a text column; None is NULL."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Write the value."""
        return None if value is None else dumps(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002 (as above)
        """Read the value."""
        return None if value is None else loads(value)


class AnyFloat(TypeDecorator[float]):
    """A float that may be NaN. SQLite turns NaN into NULL by itself; here that is the stored form."""

    impl = sa.Float
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> float | None:  # noqa: ARG002 (as above)
        """Write NaN as NULL."""
        return None if value is None or math.isnan(value) else value

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> float:  # noqa: ARG002 (as above)
        """Read NULL as NaN."""
        return math.nan if value is None else value


# Every constraint has a name of its own: a later migration on SQLite can only drop what it can name.
_NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
}
metadata = sa.MetaData(naming_convention=_NAMES)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _maybe_text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=True)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, JsonText, nullable=True)


def _int(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _maybe_int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=True)


def _real(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=False)


def _maybe_real(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=True)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _number(name: str = "id") -> sa.Column[int]:
    # SQLite gives numbers by itself to INTEGER only, which has 64 bits there.
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


runs = sa.Table(
    "runs",
    metadata,
    _text("id", primary_key=True),
    _text("pipeline"),
    _int("number"),
    _int("sequence"),
    _text("ref"),
    _text("status"),
    *(_json(name) for name in ("params", "tags", "metrics", "snapshots", "git", "waivers", "leaks")),
    _maybe_text("patch"),
    _maybe_text("environment"),
    _maybe_text("version_id"),
    _json("facets"),
    _maybe_text("code"),
    _maybe_text("graph"),
    _json("facts"),
    _maybe_int("signal_id"),
    _int("pid"),
    _text("host"),
    _text("process"),
    _real("started_at"),
    _real("heartbeat_at"),
    _maybe_real("finished_at"),
    _maybe_text("error"),
    _maybe_int("model_version"),
    _real("recorded_at"),
    _maybe_text("manifest"),
    sa.UniqueConstraint("pipeline", "number"),
    sa.Index("runs_by_sequence", "sequence"),
    # With the third column a list of one pipeline's runs of one status reads the index alone.
    sa.Index("runs_by_pipeline", "pipeline", "sequence", "status"),
    sa.Index("runs_by_status", "status", "sequence"),
    sa.Index("runs_by_version_id", "version_id"),
)

run_values = sa.Table(  # what runs are searched by: metrics, params, tags, last points of series
    "run_values",
    metadata,
    _text("run_id", primary_key=True),
    _text("kind", primary_key=True),
    _text("name", primary_key=True),
    _maybe_real("number"),
    _maybe_text("text"),
    _int("sequence"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
    # A search reads one of these and no table; `sequence` is that of the run, the order of a list.
    sa.Index("run_values_by_number", "kind", "name", "number", "sequence", "run_id"),
    sa.Index("run_values_by_text", "kind", "name", "text", "sequence", "run_id"),
    sqlite_with_rowid=False,  # looked up by its key, which then is where the row lies
)

steps = sa.Table(
    "steps",
    metadata,
    _text("run_id", primary_key=True),
    _text("node", primary_key=True),
    _int("position"),
    _text("step"),
    _text("kind"),
    _text("state"),
    _maybe_text("key"),
    _flag("cacheable"),
    _maybe_text("fingerprint"),
    *(_json(name) for name in ("inputs", "outputs", "attempts")),
    _real("seconds"),
    _real("cpu_seconds"),
    _int("peak_memory"),
    _text("reason"),
    _maybe_text("error"),
    _real("started_at"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
)

items = sa.Table(  # of mapped steps; in no manifest: a rebuild has the lists that came of them
    "items",
    metadata,
    _text("run_id", primary_key=True),
    _text("node", primary_key=True),
    sa.Column("item", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("state"),
    _text("key"),
    _flag("cacheable"),
    *(_json(name) for name in ("outputs", "attempts")),
    _real("seconds"),
    _real("cpu_seconds"),
    _int("peak_memory"),
    _maybe_text("error"),
    _real("started_at"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
)

claims = sa.Table(  # which run is at work on what; in no manifest: it is over when the run is
    "claims",
    metadata,
    _text("key", primary_key=True),
    _text("run_id"),
    _text("node"),
    _real("at"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
    sa.Index("claims_by_run", "run_id"),
)

artifacts = sa.Table(  # the outputs in `steps` by digest: who made this?
    "artifacts",
    metadata,
    _text("run_id", primary_key=True),
    _text("node", primary_key=True),
    _text("output", primary_key=True),
    _text("digest"),
    _maybe_text("blob"),
    _text("format"),
    _text("type"),
    _int("size"),
    sa.ForeignKeyConstraint(["run_id", "node"], ["steps.run_id", "steps.node"]),
    sa.Index("artifacts_by_digest", "digest"),
)

fingerprints = sa.Table("fingerprints", metadata, _text("digest", primary_key=True), _json("parts"))

cache = sa.Table(
    "cache",
    metadata,
    _text("key", primary_key=True),
    _text("run_id"),
    _text("node"),
    _json("outputs"),
    _real("created_at"),
)

metrics = sa.Table(
    "metrics",
    metadata,
    _number(),
    _text("run_id"),
    _text("node"),
    _text("name"),
    _int("step"),
    sa.Column("value", AnyFloat, nullable=True),
    _real("at"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
    sa.Index("metrics_by_run", "run_id", "name"),
)

logs = sa.Table(  # in no manifest: large, and no later run depends on it
    "logs",
    metadata,
    _number(),
    _text("run_id"),
    _text("node"),
    _text("stream"),
    _text("text"),
    _real("at"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
    sa.Index("logs_by_run", "run_id"),
)

environments = sa.Table(
    "environments",
    metadata,
    _text("digest", primary_key=True),
    _text("python"),
    _text("platform"),
    _json("distributions"),
    _json("origins"),
    _text("manifest"),
)

certificates = sa.Table(
    "certificates",
    metadata,
    _text("run_id", primary_key=True),
    _int("number", primary_key=True, autoincrement=False),
    _text("verdict"),
    _json("body"),
    _real("at"),
    _text("manifest"),
    sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
)

patches = sa.Table("patches", metadata, _text("digest", primary_key=True), _text("text"))

snapshots = sa.Table(
    "snapshots",
    metadata,
    _text("dataset", primary_key=True),
    _int("number", primary_key=True, autoincrement=False),
    _text("digest"),
    _text("uri"),
    _text("format"),
    _json("parts"),
    _real("recorded_at"),
    _text("manifest"),
    sa.UniqueConstraint("dataset", "digest"),
    sa.Index("snapshots_by_digest", "digest"),
)

profiles = sa.Table(  # the rows of parts in numbers, by the digest of their content
    "profiles",
    metadata,
    _text("digest", primary_key=True),
    _json("profile"),
    _real("recorded_at"),
    _text("manifest"),
)

pins = sa.Table(  # the snapshot that runs read until it is unpinned; no number: unpinned
    "pins",
    metadata,
    _text("dataset", primary_key=True),
    _maybe_int("number"),
    _real("recorded_at"),
    _text("manifest"),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    _text("model", primary_key=True),
    _int("number", primary_key=True, autoincrement=False),
    _text("run_id"),
    _text("bundle"),
    _json("metrics"),
    _text("status"),
    _maybe_int("signal_id"),
    _real("created_at"),
    _real("recorded_at"),
    _text("manifest"),
    # What makes a version exactly once: a caller that never got the answer may ask again.
    sa.UniqueConstraint("model", "run_id", "bundle"),
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    _text("model", primary_key=True),
    _int("number", primary_key=True, autoincrement=False),
    _int("position", primary_key=True, autoincrement=False),
    _text("gate"),
    _flag("passed"),
    _json("numbers"),
    _text("reason"),
    sa.ForeignKeyConstraint(["model", "number"], ["model_versions.model", "model_versions.number"]),
)

aliases = sa.Table(
    "aliases",
    metadata,
    _text("model", primary_key=True),
    _text("alias", primary_key=True),
    _int("version"),
    sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.number"]),
)

alias_moves = sa.Table(
    "alias_moves",
    metadata,
    _text("model", primary_key=True),
    _int("number", primary_key=True, autoincrement=False),
    _text("alias"),
    _maybe_int("previous"),
    _maybe_int("version"),
    _text("reason"),
    _text("actor"),
    _real("at"),
    _text("manifest"),
    sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.number"]),
)

signals = sa.Table(
    "signals",
    metadata,
    _number(),
    _text("model"),
    _text("kind"),
    _json("evidence"),
    _text("key"),
    _text("state"),
    _maybe_int("epoch"),
    _maybe_text("run_id"),
    _maybe_int("version"),
    _real("created_at"),
    _maybe_real("closed_at"),
    _real("recorded_at"),
    _text("manifest"),
    sa.UniqueConstraint("model", "key"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _number(),
    _text("model"),
    _maybe_int("signal_id"),
    _text("kind"),
    _text("reason"),
    _maybe_text("run_id"),
    _maybe_int("version"),
    _real("at"),
    _text("manifest"),
    sa.Index("decisions_by_model", "model"),
)

deployments = sa.Table(  # in no manifest: it describes a living process
    "deployments",
    metadata,
    _text("model", primary_key=True),
    _text("alias", primary_key=True),
    _text("url"),
    _maybe_int("pid"),
    _maybe_int("version"),
    _text("state"),
    _real("updated_at"),
)

windows = sa.Table(
    "windows",
    metadata,
    _number(),
    _text("model"),
    _int("version"),
    _text("kind"),
    _real("started_at"),
    _real("ended_at"),
    _int("rows"),
    _json("values"),
    _flag("alarm"),
    _real("at"),
    _text("manifest"),
    sa.Index("windows_by_model", "model", "version"),
)

leases = sa.Table(  # in no manifest: it describes a living process
    "leases",
    metadata,
    _text("name", primary_key=True),
    _maybe_text("holder"),
    _int("epoch"),
    _real("expires_at"),
    _real("seconds"),
)
