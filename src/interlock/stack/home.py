"""Which project a folder belongs to, and where the project's state lies."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from interlock.stack.config import Config, Project, read_config
from interlock.stack.layout import Home

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
    own = folder / "interlock.toml"
    if own.is_file():
        return own
    shared = folder / "pyproject.toml"
    if shared.is_file() and _has_section(shared):
        return shared
    return None


def _has_section(file: Path) -> bool:
    try:
        return "interlock" in tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False  # somebody else's file: whether it is good is not ours to judge


def _home(root: Path) -> Home:
    moved = os.environ.get(HOME_VARIABLE)
    return Home(Path(moved).expanduser().resolve() if moved else root / ".interlock")
