"""Which project a folder belongs to, and where the project's state lies."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from interlock.stack.config import Config, Project
from interlock.stack.config_file import ConfigError, read_config
from interlock.stack.layout import Home, HomeNotWritable

__all__ = ["Home", "find_project"]

HOME_VARIABLE = "INTERLOCK_HOME"


def find_project(start: Path) -> Project:
    """Return the project that a folder belongs to.

    Its root is the nearest folder, this one or above, with an `interlock.toml` or a `pyproject.toml` that has
    `[tool.interlock]`; without any, the folder itself. `INTERLOCK_HOME` moves the `.interlock` folder.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        file = _config_file(folder)
        if file is not None:
            return Project(folder, _home(folder), read_config(file), file)
    return Project(start, _home(start), Config())


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
