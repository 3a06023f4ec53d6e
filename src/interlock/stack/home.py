"""Which project a folder belongs to, and where the project's state lies."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path

from interlock.errors import InterlockError, did_you_mean, shown
from interlock.stack.config import Config, Project, StackConfig
from interlock.stack.config_file import ConfigError, read_config
from interlock.stack.layout import HOME_VARIABLE, STACK_VARIABLE, Home, HomeNotWritable

__all__ = ["Home", "find_project"]

DEFAULT_STACK = "default"
"""The stack that is used where none is named."""


class UnknownStack(InterlockError):
    """A stack is named that the configuration does not have."""

    exit_code = 2

    def __init__(self, name: str, known: Iterable[str], where: str) -> None:
        super().__init__(
            f"There is no stack {shown(name)}.",
            where=where,
            hint=did_you_mean(name, known) or f"Say what it is in [stack.{name}] of interlock.toml.",
        )
        self.name = name


def find_project(start: Path) -> Project:
    """Return the project that a folder belongs to.

    Its root is the nearest folder, this one or above, with an `interlock.toml` or a `pyproject.toml` that has
    `[tool.interlock]`; without any, the folder itself. `INTERLOCK_HOME` moves the `.interlock` folder,
    `INTERLOCK_STACK` names the stack.

    Raises:
        ConfigError: The configuration cannot be used.
        UnknownStack: It has no stack of that name.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        file = _config_file(folder)
        if file is not None:
            config = read_config(file)
            return Project(folder, _home(folder), config, file, _stack(config, file))
    return Project(start, _home(start), Config(), stack=_stack(Config(), start))


def _stack(config: Config, where: Path) -> StackConfig:
    name = os.environ.get(STACK_VARIABLE, "")
    if name and name not in {DEFAULT_STACK, *config.stack}:
        raise UnknownStack(name, [DEFAULT_STACK, *config.stack], str(where))
    return config.stack.get(name or DEFAULT_STACK) or StackConfig()


def _config_file(folder: Path) -> Path | None:
    own, shared = folder / "interlock.toml", folder / "pyproject.toml"
    has_section = shared.is_file() and _has_section(shared)
    if own.is_file() and has_section:
        raise ConfigError(own, ["  pyproject.toml beside it has [tool.interlock] too: keep one of the two"])
    if own.is_file():
        return own
    return shared if has_section else None


def _has_section(file: Path) -> bool:
    try:
        text = file.read_text(encoding="utf-8")
        return "interlock" in tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return "[tool.interlock" in text  # ours as well: reading it says what is wrong
    except (OSError, ValueError, RecursionError):
        return False  # somebody else's file: whether it is good is not ours to judge


def _home(root: Path) -> Home:
    moved = os.environ.get(HOME_VARIABLE)
    if not moved:
        return Home(root / ".interlock")
    try:
        return Home(Path(moved).expanduser().resolve())
    except (RuntimeError, ValueError, OSError) as error:
        raise HomeNotWritable(Path(moved), str(error).rstrip(".")) from error
