"""Find the modules that code imports when it runs, without importing anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from importlib.util import resolve_name

from interlock.identity.references import Import


def imported_modules(imports: Iterable[Import], package: str) -> list[str]:
    """Return the absolute names that import statements lead to.

    `from flights import features` may mean a module or something inside of one: both are tried,
    and `flights.features` is named only where it is a module.
    """
    found: set[str] = set()
    for one in imports:
        module = _absolute(one, package)
        if module is not None:
            found.add(module)
            inside = (f"{module}.{name}" for name in one.names)
            found.update(name for name in inside if find_module_file(name) is not None)
    return sorted(found)


def find_module_file(module: str) -> str | None:
    """Return the file of a module, or None for one that has none or is not there.

    The path is walked from the top: asking the import system for `a.b` would run `a`.
    """
    top, *rest = module.split(".")
    if top in sys.stdlib_module_names:
        return None
    name, path = "", None
    origin: str | None = None
    for part in (top, *rest):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return None
        origin, path = spec.origin, _folders(spec.submodule_search_locations)
    return origin


def _folders(locations: Sequence[str] | None) -> Sequence[str]:
    return list(locations) if locations is not None else []


def _absolute(one: Import, package: str) -> str | None:
    if not one.level:
        return one.module
    try:
        return resolve_name("." * one.level + one.module, package)
    except ImportError:
        return None
