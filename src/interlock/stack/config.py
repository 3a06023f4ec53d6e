"""The configuration of a project: the tables and keys of `interlock.toml`, and what their values may be.

A key of the design that has no user yet is in no table; where somebody may look for one, `not_yet` has the words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from interlock.errors import did_you_mean
from interlock.stack.layout import Home
from interlock.stack.plugins import plugins

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhdw])")
_LONGEST = 3650 * 86400
_COMPARISON = re.compile(r"[<>=]")


def seconds(value: object) -> float:
    """Read a duration: a number of seconds, or text such as "90s", "30m", "1h", "2d".

    Raises:
        ValueError: It is no duration.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        length = value
    else:
        found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
        length = float(found[1]) * _UNITS[found[2]] if found else math.nan
    if not 0 <= length < math.inf:  # NaN neither
        raise ValueError('a duration is written like "90s", "30m", "1h" or "2d"')
    if length > _LONGEST:  # a clock could not show when it ends
        raise ValueError("a duration is at most ten years")
    return float(length)


def trigger(text: str) -> str:
    """Return an entry of `retrain.on` that has the shape of a trigger; the loop reads what it says.

    Raises:
        ValueError: It is none of the words and no comparison.
    """
    words = ("data", "drift")
    if text.strip() in words or text.strip().startswith("cron:") or is_comparison(text):
        return text
    raise ValueError(
        f"{text!r} is no trigger. {did_you_mean(text, words)} "
        'Others are a metric such as "auc < 0.68", and "cron: 0 3 * * 1".'
    )


def is_comparison(trigger: str) -> bool:
    """Tell whether an entry of `retrain.on` is a bound on a live metric."""
    return not trigger.strip().startswith("cron:") and _COMPARISON.search(trigger) is not None


_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kMGT]?B)", re.ASCII)
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def size(value: object) -> int:
    """Read a size in bytes: a whole number, or text such as "500MB", "20GB".

    Raises:
        ValueError: It is no size.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError('a size is written like "500MB" or "20GB"')
    return int(float(found[1]) * _BYTES[found[2]])


_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_BUCKET = re.compile(r"(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[^?#\s]*)?")


def store_address(text: str) -> str:
    """Return the address of a store that has the shape of one: a folder, or a place in a bucket.

    Raises:
        ValueError: It is of another scheme, or names no bucket.
    """
    scheme = _SCHEME.match(text)
    if scheme is None or _BUCKET.fullmatch(text):
        return text
    if scheme[1] in ("s3", "gs", "az"):
        raise ValueError(f"a place in a bucket is written {scheme[1]}://bucket/prefix, without credentials")
    raise ValueError(
        f"there is no store for {scheme[0]}; it is a folder, or s3://bucket/prefix, gs://… or az://…"
    )


Seconds = Annotated[float, BeforeValidator(seconds)]
Size = Annotated[int, BeforeValidator(size)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100)]
"""What may name a dataset or a model: it becomes part of `delays@champion`, of addresses and of file names."""


class Table(BaseModel):
    """A table of the file: unknown keys are refused, and text is never taken for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    not_yet: ClassVar[Mapping[str, str]] = {}
    """Keys that later versions will have, with what to say of each today."""


class DataOptions(Table):
    """`options` of a dataset: how its bucket is reached. Credentials come from the environment only."""

    endpoint: str | None = Field(
        default=None, description="The address of the service, where it is not Amazon's own."
    )
    region: str | None = Field(default=None, description="The region of the bucket.")
    anonymous: bool = Field(default=False, description="Whether requests are not signed: public buckets.")


_DATABASE = re.compile(r"(?!s3:|file:)[a-z][a-z0-9+_]*://|duckdb:")


class DataConfig(Table):
    """`[data.NAME]`: where a dataset is."""

    not_yet = {"contract": "contracts of datasets are not available in this version"}
    uri: str = Field(
        min_length=1,
        description="A file, a folder or a pattern, relative to the project; s3://bucket/…; or a database.",
    )
    format: Literal["csv", "parquet", "arrow", "json"] | None = Field(
        default=None, description="How the files are read, where their names do not say it."
    )
    query: str | None = Field(default=None, min_length=1, description="What a database is asked.")
    part_by: str | None = Field(
        default=None,
        min_length=1,
        description="The column whose values divide the rows of a query into parts.",
    )
    check: Literal["stat", "content"] = Field(
        default="stat", description="Whether a part that looks unchanged is taken to be, or read."
    )
    keep: Literal["reference", "copy"] = Field(
        default="reference", description="Whether the contents of snapshots are copied into the store."
    )
    options: DataOptions = Field(default_factory=DataOptions, description="How a bucket is reached.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        asks = bool(_DATABASE.match(self.uri))
        if asks and self.query is None:
            scheme = self.uri.partition(":")[0]
            raise ValueError(f'no files are read from {scheme}:, and a database needs a query = "SELECT …"')
        if self.query is not None and not asks and not self.uri.startswith("${"):
            raise ValueError("a query needs the uri of a database, such as sqlite:///file.db or duckdb:")
        if self.part_by is not None and self.query is None:
            raise ValueError("part_by divides the rows of a query, and there is none")
        if self.format is not None and self.query is not None:
            raise ValueError("format is for files, and this is a query")
        return self


class RetrainConfig(Table):
    """`retrain` of a model: what wakes the loop."""

    on: tuple[Annotated[str, AfterValidator(trigger)], ...] = Field(
        default=(),
        description='Any of "data", "drift", a live metric such as "auc < 0.68", and "cron: 0 3 * * 1".',
        strict=False,
    )
    cooldown: Seconds = Field(
        default=0.0, description="The shortest time between two runs that the loop starts."
    )


class DeployConfig(Table):
    """`deploy` of a model: where the loop serves it."""

    not_yet = {"steps": "a new champion takes all traffic at once in this version"}
    to: Literal["local"] = Field(default="local", description="The deployer.")
    host: str = Field(
        default="127.0.0.1", description="The address to listen on; any other than loopback needs a token."
    )
    port: int = Field(default=0, ge=0, le=65535, description="The port; 0 takes a free one.")
    strategy: Literal["swap"] = Field(default="swap", description="How a new champion takes over.")


class TruthConfig(Table):
    """`truth` of a model: the outcomes that arrive later."""

    data: str = Field(description="The dataset that holds the outcomes.")
    key: str = Field(
        default="row_id", description="The column that says which answered row an outcome belongs to."
    )


class DriftConfig(Table):
    """`drift` of a model: when what is asked counts as drifted."""

    threshold: float = Field(
        default=0.2, gt=0, description="The PSI from which on a column counts as drifted."
    )
    min_rows: int = Field(default=500, ge=1, description="Rows below which nothing is judged.")
    every: Seconds = Field(
        default=60.0, description="How often the monitors look, where there is something new."
    )


class ModelConfig(Table):
    """`[model.NAME]`: a pipeline whose deployable goes to production."""

    pipeline: str = Field(description="Where the pipeline is: package.module:name.", pattern=r"^[\w.]+:\w+$")
    params: dict[str, Any] = Field(default_factory=dict, description="Params of the pipeline.")
    gates: tuple[str, ...] | None = Field(
        default=None,
        description='What a version must pass. Left out: ["no leakage", "parity"].',
        strict=False,
    )
    retrain: RetrainConfig = Field(default_factory=RetrainConfig, description="What wakes the loop.")
    deploy: DeployConfig = Field(
        default_factory=DeployConfig, description="Where the loop serves the champion."
    )
    truth: TruthConfig | None = Field(default=None, description="Outcomes that arrive later.")
    drift: DriftConfig = Field(default_factory=DriftConfig, description="When requests count as drifted.")


class EnvironmentConfig(Table):
    """`[environment]`: what the code reads of its surroundings."""

    variables: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = Field(
        default=(),
        description="Environment variables that steps read. They are recorded, and steps run anew when one changes.",
        strict=False,
    )


_ENGINES = ("in-process", "processes")


def engine_name(name: str) -> str:
    """Return the name of an engine: one that is built in, or of a plugin that is installed.

    Raises:
        ValueError: There is none of that name.
    """
    if name in _ENGINES or name in (others := plugins("engine")):
        return name
    raise ValueError(f"there is no engine {name!r}. {did_you_mean(name, [*_ENGINES, *others])}")


def _named_only(value: object) -> object:
    return {"use": value} if isinstance(value, str) else value


class EngineConfig(Table):
    """`engine` of a stack: what runs the steps. A name alone stands for `{ use = NAME }`."""

    use: Annotated[str, AfterValidator(engine_name)] = Field(
        default="in-process",
        description="Steps one after another here, side by side in processes, or on what a plugin brings: ray.",
    )
    workers: int | None = Field(
        default=None, ge=1, le=1024, description="How many worker processes; left out, one for each core."
    )
    address: str | None = Field(
        default=None,
        min_length=1,
        description='Where the cluster is: "auto", HOST:PORT; left out, a local one for each run.',
    )

    @property
    def is_local(self) -> bool:
        """Whether the steps run on this machine, whatever is installed."""
        return self.use in _ENGINES

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.workers is not None and self.use == "in-process":
            raise ValueError('workers are those of engine = { use = "processes" }')
        if self.address is not None and self.is_local:
            raise ValueError('an address is that of a cluster: engine = { use = "ray", address = "auto" }')
        if self.address is not None and self.workers is not None:
            raise ValueError("a cluster that is at an address has its own workers")
        return self


def _records_address(uri: str) -> str:
    if not uri.startswith(("postgresql://", "postgres://", "postgresql+psycopg://", "${")):
        raise ValueError(
            'records are kept in a database such as "postgresql://user:${PASSWORD}@host/database"'
        )
    return uri


class StackConfig(Table):
    """`[stack.NAME]`: the systems that a project works with. What is left out is embedded."""

    store: Annotated[str, AfterValidator(store_address)] | None = Field(
        default=None,
        min_length=1,
        description="Where artifacts are: a folder, or s3://bucket/prefix, gs://… or az://…",
    )
    cache: Size = Field(
        default=20 * 10**9,
        gt=0,
        description="How much of a store in a bucket is kept on this machine, unused things leaving first.",
    )
    records: Annotated[str, AfterValidator(_records_address)] | None = Field(
        default=None,
        description="The PostgreSQL database of the records: postgresql://user:${PASSWORD}@host/database.",
    )
    engine: Annotated[EngineConfig, BeforeValidator(_named_only)] = Field(
        default_factory=EngineConfig, description="What runs the steps."
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if "cache" in self.model_fields_set and "://" not in (self.store or ""):
            raise ValueError('a cache is that of a store in a bucket: store = "s3://bucket/prefix"')
        return self


class Config(Table):
    """The whole file."""

    data: dict[Name, DataConfig] = Field(default_factory=dict, description="Datasets by name.")
    model: dict[Name, ModelConfig] = Field(default_factory=dict, description="Models by name.")
    environment: EnvironmentConfig = Field(
        default_factory=EnvironmentConfig, description="What the code reads of its surroundings."
    )
    stack: dict[Name, StackConfig] = Field(
        default_factory=dict, description='Stacks by name; "default" is used where none is named.'
    )


@dataclass(frozen=True)
class Project:
    """A project: its folder, where its state lies, its configuration, and the stack that is in use."""

    root: Path
    home: Home
    config: Config
    file: Path | None = None
    stack: StackConfig = field(default_factory=StackConfig)

    @property
    def data_files(self) -> tuple[str, ...]:
        """The files of the configured datasets that lie in the project, as patterns relative to its folder."""
        uris = (config.uri.removeprefix("./").rstrip("/") for config in self.config.data.values())
        return tuple(sorted(uri for uri in uris if "://" not in uri and not uri.startswith("/")))
