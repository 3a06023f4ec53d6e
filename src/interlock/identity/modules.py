"""Find the modules that code imports when it runs, without importing anything."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from importlib.util import resolve_name


def find_module_file(module: str) -> str | None:
    """Return the file of a module, or None for one that has none or is not there.

    The path is walked from the top: asking the import system for `a.b` would run `a`.
    """
    top, *rest = module.split(".")
    if not top or top in sys.builtin_module_names:
        return None
    path: Sequence[str] | None = None
    origin: str | None = None
    for part in (top, *rest):
        # By its last part: for a full name, a folder without `__init__` asks the loaded modules for its parent.
        spec = PathFinder.find_spec(part, path)
        if spec is None:
            return None
        origin, path = spec.origin, _folders(spec.submodule_search_locations)
    return origin


def absolute_name(module: str, package: str) -> str | None:
    """Return the full name of a module written with dots in front; None where they lead out of the package."""
    if not module.startswith("."):
        return module
    try:
        return resolve_name(module, package)
    except ImportError:
        return None


def package_of(module: str, file: str) -> str:
    """Return the package that relative imports of a module start from."""
    is_package = file.replace("\\", "/").rpartition("/")[2].startswith("__init__.")
    return module if is_package else module.rpartition(".")[0]


def _folders(locations: Sequence[str] | None) -> Sequence[str]:
    return list(locations) if locations is not None else []
