"""Where code comes from: the project, an installed distribution, or Python itself."""

from __future__ import annotations

import functools
import re
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interlock.identity.environment import distribution_of, installed, normalised

Kind = Literal["project", "distribution", "python"]

_INSTALLED = frozenset({"site-packages", "dist-packages"})

_END_OF_NAME = re.compile(r"[/,.]")

# Its code is reached by every project that logs a metric; its version tells enough.
_OURSELVES = "interlock"


@dataclass(frozen=True)
class Origin:
    """Where a module comes from; `name` and `version` are those of a distribution."""

    kind: Kind
    name: str = ""
    version: str = ""


PYTHON = Origin("python")
PROJECT = Origin("project")


class Origins:
    """Tells where modules come from, for one project root.

    A module is the project's when its file lies under the root, or when it belongs to no
    distribution at all, as a module of a notebook does: nothing but its code tells its version.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root.resolve() if root is not None else None
        self._known: dict[tuple[str, str | None], Origin] = {}
        self._folders: dict[Path, Path] = {}

    def of(self, module: str, file: str | None) -> Origin:
        """Return the origin of a module, of which the source is `file`."""
        key = (module, file)
        if key not in self._known:
            self._known[key] = self._find(module, file)
        return self._known[key]

    def _find(self, module: str, file: str | None) -> Origin:
        top = module.partition(".")[0]
        if top == _OURSELVES:
            return _distribution(top)
        if module == "builtins" or top in sys.builtin_module_names:
            return PYTHON
        if file is not None and _is_real(file):
            return self._of_file(top, Path(file))
        if top in sys.stdlib_module_names:
            return PYTHON
        return _distribution(top) if owner_of(top) else PROJECT

    def _of_file(self, top: str, file: Path) -> Origin:
        # Most files of a folder lie where it lies.
        folder = file.parent
        if folder not in self._folders:
            self._folders[folder] = folder.resolve()
        resolved = file.resolve() if file.is_symlink() else self._folders[folder] / file.name
        if _INSTALLED.intersection(resolved.parts):
            return _distribution(top)
        if self._root is not None and self._root in resolved.parents:
            return PROJECT
        if any(folder in resolved.parents for folder in _python_folders()):
            return PYTHON
        # Installed to be edited in place: its version says nothing of what it does.
        return PROJECT


def _is_real(file: str) -> bool:
    return not file.startswith("<") and Path(file).exists()


def _distribution(top: str) -> Origin:
    name = owner_of(top) or top
    versions = _versions()
    version = versions.get(name) or str(getattr(sys.modules.get(top), "__version__", "unknown"))
    return Origin("distribution", name, version)


def owner_of(top: str) -> str | None:
    """Return the distribution that a top-level module was installed by, or None."""
    name = normalised(top)
    # Nearly always they have one name, and then nothing needs to be read.
    return name if name in _versions() else _owners().get(top)


@functools.cache
def _versions() -> Mapping[str, str]:
    return installed(sys.path)


@functools.cache
def _owners() -> Mapping[str, str]:
    """Return the distribution of each top-level module.

    The files are read here as `importlib.metadata.packages_distributions` takes seven times as long.
    """
    owners: dict[str, str] = {}
    for entry in sys.path:
        for folder in sorted(Path(entry).glob("*.*-info")):
            owner = distribution_of(folder)
            if owner is not None:
                owners = dict.fromkeys(_top_levels(folder), owner[0]) | owners
    return owners


def _top_levels(folder: Path) -> set[str]:
    """Return the first parts of the names of the files that a distribution put in place."""
    for name in ("RECORD", "top_level.txt"):
        try:
            lines = (folder / name).read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        return {_END_OF_NAME.split(line, maxsplit=1)[0] for line in lines}
    return set()


@functools.cache
def _python_folders() -> tuple[Path, ...]:
    paths = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    return tuple(Path(path).resolve() for path in sorted(paths))
