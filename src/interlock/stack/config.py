"""The configuration of a project: `interlock.toml`, or `[tool.interlock]` of `pyproject.toml`.

All that is wrong with a file is said at once, each fault with its line and, for an unknown key, the nearest known one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from interlock.errors import InterlockError, did_you_mean
from interlock.stack.layout import Home
from interlock.stack.toml_lines import KeyPath, line_of

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class ConfigError(InterlockError):
    """The configuration of a project cannot be used."""

    def __init__(self, file: Path, faults: list[str]) -> None:
        super().__init__(
            "\n".join([f"{file.name} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:", *faults]),
            where=str(file),
        )
        self.file = file
        self.faults = faults


def seconds(value: object) -> float:
    """Read a duration: a number of seconds, or text such as "90s", "30m", "1h", "2d".

    Raises:
        ValueError: It is no duration.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError('a duration is written like "90s", "30m", "1h" or "2d"')
    return float(found[1]) * _UNITS[found[2]]


Seconds = Annotated[float, BeforeValidator(seconds)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataConfig(_Table):
    """`[data.NAME]`: where a dataset is."""

    uri: str = Field(min_length=1, description="A file, a folder or a pattern, relative to the project.")
    format: Literal["csv", "parquet", "arrow", "json"] | None = Field(
        default=None, description="How the files are read, where their names do not say it."
    )


class RetrainConfig(_Table):
    """`retrain` of a model: what wakes the loop."""

    on: tuple[str, ...] = Field(
        default=(),
        description='Any of "data", "drift", a live metric such as "auc < 0.68", and "cron: 0 3 * * 1".',
        strict=False,
    )
    cooldown: Seconds = Field(
        default=0.0, description="The shortest time between two runs that the loop starts."
    )


class DeployConfig(_Table):
    """`deploy` of a model: where the loop serves it."""

    to: Literal["local"] = Field(default="local", description="The deployer.")
    host: str = Field(
        default="127.0.0.1", description="The address to listen on; any other than loopback needs a token."
    )
    port: int = Field(default=0, ge=0, le=65535, description="The port; 0 takes a free one.")
    strategy: Literal["swap"] = Field(default="swap", description="How a new champion takes over.")


class TruthConfig(_Table):
    """`truth` of a model: the outcomes that arrive later."""

    data: str = Field(description="The dataset that holds the outcomes.")
    key: str = Field(
        default="row_id", description="The column that says which answered row an outcome belongs to."
    )


class DriftConfig(_Table):
    """`drift` of a model: when what is asked counts as drifted."""

    threshold: float = Field(
        default=0.2, gt=0, description="The PSI from which on a column counts as drifted."
    )
    min_rows: int = Field(default=500, ge=1, description="Rows below which nothing is judged.")


class ModelConfig(_Table):
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


class Config(_Table):
    """The whole file."""

    data: dict[str, DataConfig] = Field(default_factory=dict, description="Datasets by name.")
    model: dict[str, ModelConfig] = Field(default_factory=dict, description="Models by name.")

    @field_validator("model")
    @classmethod
    def _names(cls, models: dict[str, ModelConfig]) -> dict[str, ModelConfig]:
        for name in models:
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
                raise ValueError(f"{name!r} cannot name a model: use letters, digits, '_', '.' and '-'")
        return models


@dataclass(frozen=True)
class Project:
    """A project: its folder, where its state lies, and its configuration."""

    root: Path
    home: Home
    config: Config
    file: Path | None = None


def read_config(file: Path) -> Config:
    """Read the configuration from a file.

    Raises:
        ConfigError: It is no TOML, or says something that is not understood.
    """
    text = _text(file)
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, [f"  it is no TOML: {error}"]) from error
    prefix: KeyPath = ("tool", "interlock") if file.name == "pyproject.toml" else ()
    for name in prefix:
        body = body.get(str(name), {})
    try:
        return Config.model_validate(body)
    except ValidationError as error:
        raise ConfigError(file, list(_faults(error, text, prefix))) from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(file, [f"  it is not UTF-8 text: {error.reason} at byte {error.start}"]) from error
    except OSError as error:
        raise ConfigError(file, [f"  it cannot be read: {error.strerror}"]) from error


def _faults(error: ValidationError, text: str, prefix: KeyPath) -> Iterator[str]:
    for fault in error.errors():
        path = tuple(fault["loc"])
        line = line_of(text, (*prefix, *path))
        place = f"  line {line}: " if line else "  "
        name = ".".join(map(str, path))
        yield place + _words(name, path, fault)


def _words(name: str, path: KeyPath, fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"{name}: there is no such key. {did_you_mean(str(path[-1]), _known(path[:-1]))}"
    if fault["type"] == "missing":
        return f"{name} is missing"
    reason = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if path[-1] == "strategy":
        reason += " (canary and shadow roll-outs are not available in this version)"
    return (
        f"{name} is {fault['input']!r}, but should be {reason}"
        if "Input should" in fault["msg"]
        else f"{name}: {reason}"
    )


def _known(path: KeyPath) -> list[str]:
    """Return the keys that the table at a path may have."""
    table: Any = Config
    named = False  # the next part of the path is a name that the user chose, not a key
    for part in path:
        if named:
            named = False
            continue
        field = table.model_fields.get(str(part)) if table is not None else None
        table = _table_in(field.annotation) if field else None
        named = field is not None and str(field.annotation).startswith("dict[")
    return list(table.model_fields) if table is not None else []


def _table_in(annotation: Any) -> Any:
    """Return the table that an annotation holds: itself, or inside a dict or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_table_in(inner) for inner in getattr(annotation, "__args__", ()))
    return next((table for table in found if table is not None), None)
