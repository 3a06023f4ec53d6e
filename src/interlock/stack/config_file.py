"""From the text of `interlock.toml` (or `[tool.interlock]` of `pyproject.toml`) to a `Config`.

All that is wrong with a file is said at once, each fault with its line and, for an unknown key, the nearest known one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from interlock.errors import InterlockError, did_you_mean, shown
from interlock.stack.config import Config, Table, is_comparison
from interlock.stack.toml_lines import KeyPath, Lines

LARGEST = 1 << 20
"""Bytes beyond which a file is not read: nobody writes that much by hand."""

SHOWN = 20
"""How many faults one message lists."""

_SPOKEN = {
    "a valid string": "text",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid tuple": "a list",
    "a valid dictionary": "a table",
    "at least 1 character": "text that is not empty",
}
"""The validator's names for types, in the words of TOML."""


class ConfigError(InterlockError):
    """The configuration of a project cannot be used."""

    def __init__(self, file: Path, faults: list[str]) -> None:
        more = [f"  and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        super().__init__(
            "\n".join([f"{file.name} has {count}:", *faults[:SHOWN], *more]),
            where=str(file),
        )
        self.file = file
        self.faults = faults


def read_config(file: Path) -> Config:
    """Read the configuration from a file.

    Raises:
        ConfigError: It is no TOML, or says something that is not understood.
    """
    text = _text(file)
    try:
        body: Any = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(file, [f"  it is no TOML: {error}"]) from error
    prefix: KeyPath = ("tool", "interlock") if file.name == "pyproject.toml" else ()
    for name in prefix:
        body = body.get(name, {})
    return _validated(file, text, prefix, body)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise ConfigError(file, [f"  it is larger than {LARGEST:,} bytes"])
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(file, [f"  it is not UTF-8 text: {error.reason} at byte {error.start}"]) from error
    except OSError as error:
        raise ConfigError(file, [f"  it cannot be read: {error.strerror}"]) from error


def _validated(file: Path, text: str, prefix: KeyPath, body: Any) -> Config:
    faults = list(_loose_ends(body))
    try:
        config = Config.model_validate(body)
    except ValidationError as error:
        faults += [_fault(one) for one in error.errors()]
    if not faults:
        return config
    lines = Lines(text)
    placed = [(lines.of((*prefix, *path)) or 0, words) for path, words in faults]
    raise ConfigError(
        file, [f"  line {line}: {words}" if line else f"  {words}" for line, words in sorted(placed)]
    )


def _loose_ends(body: Any) -> Iterator[tuple[KeyPath, str]]:
    """Yield what one table says of another that is not there."""
    datasets = _table(_table(body).get("data"))
    for name, model in _table(_table(body).get("model")).items():
        dataset = _table(_table(model).get("truth")).get("data")
        if isinstance(dataset, str) and dataset not in datasets:
            key = f"model.{name}.truth.data"
            hint = did_you_mean(dataset, datasets) or f"Say where it is in [data.{dataset}]."
            yield ("model", name, "truth", "data"), f"{key}: there is no dataset {dataset!r}. {hint}"
        if "truth" not in _table(model):
            yield from _blind_triggers(name, _table(_table(model).get("retrain")).get("on"))


def _blind_triggers(model: str, on: Any) -> Iterator[tuple[KeyPath, str]]:
    """Yield the triggers on a live metric of a model that never learns any outcome."""
    for text in on if isinstance(on, list) else ():
        if isinstance(text, str) and is_comparison(text):
            words = (
                f"model.{model}.retrain.on: {text!r} is a live metric, which needs the outcomes that arrive later. "
                'Name their dataset: truth = { data = "outcomes" }'
            )
            yield ("model", model, "retrain", "on"), words


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _fault(fault: Mapping[str, Any]) -> tuple[KeyPath, str]:
    """Return where a fault is, and the words for it."""
    path: KeyPath = tuple(fault["loc"])
    if path and path[-1] == "[key]":
        words = f"{shown(path[-2])} cannot be a name: use letters, digits, '_', '.' and '-', at most 100"
        return path[:-1], words
    name = ".".join(map(str, path)) or "[tool.interlock]"
    if fault["type"] == "extra_forbidden":
        return path, f"{name}: {_unknown_key(path)}"
    if fault["type"] == "missing":
        return path, f"{name} is missing"
    if fault["type"] == "string_pattern_mismatch":
        return path, f"{name} is {shown(fault['input'])}, but should be package.module:name"
    return path, _wrong_value(name, path, fault)


def _unknown_key(path: KeyPath) -> str:
    table = _table_at(path[:-1])
    key = str(path[-1])
    if key in table.not_yet:
        return table.not_yet[key]
    return f"there is no such key. {did_you_mean(key, table.model_fields)}"


def _wrong_value(name: str, path: KeyPath, fault: Mapping[str, Any]) -> str:
    reason = str(fault["msg"]).removeprefix("Value error, ")
    if reason == fault["msg"]:  # pydantic's own words, which do not say what was found
        reason = reason.removeprefix("Input should be ").removeprefix("String should have ")
        if fault["type"] == "model_type":
            reason = "a table"
        if path and path[-1] == "strategy":
            reason += " (canary and shadow roll-outs are not available in this version)"
        return f"{name} is {shown(fault['input'])}, but should be {_SPOKEN.get(reason, reason)}"
    return f"{name}: {reason}"


def _table_at(path: KeyPath) -> type[Table]:
    """Return the table that stands at a path of the file."""
    found: Any = Config
    for part in path:
        # A dict holds tables by names that the user chose; a table holds keys that we chose.
        found = get_args(found)[1] if get_origin(found) is dict else found.model_fields[str(part)].annotation
        if get_origin(found) is not dict:  # a table, or a table that may be left out
            found = next(one for one in (found, *get_args(found)) if isinstance(one, type))
    table: type[Table] = found
    return table
