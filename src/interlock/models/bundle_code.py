"""Which project code a bundle carries: the modules of its steps and all that they can import.

Starting at the modules of the live steps, every `import` statement that leads to project code is
followed, whether it has been executed yet or not, and of each package reached all `*.py` files are
taken. What is installed in the environment is not code of the project: the environment lock names it.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from interlock.errors import InterlockError
from interlock.graph.step import Step
from interlock.models.codespace import PREFIX

CODE_LIMIT = 20 * 1024 * 1024
"""Bytes of project code that a bundle may carry: more than that is data in the wrong place."""

_OURS = "interlock"
_INSTALLED = ("site-packages", "dist-packages")


class NotBundleable(InterlockError):
    """A step's code cannot be carried to another place."""


class TypedIn(NotBundleable):
    """A step was typed into a prompt or a notebook: there is no file of it."""


@dataclass(frozen=True)
class Place:
    """Where a step is found inside a code snapshot (or, for an installed step, in the environment)."""

    module: str
    qualname: str


@dataclass(frozen=True)
class Code:
    """A snapshot of project code: files by module path, and where each step is in them."""

    files: Mapping[str, bytes]
    top_levels: tuple[str, ...]
    places: Mapping[str, Place]


def collect_code(root: Path, steps: Mapping[str, Step[..., Any]]) -> Code:
    """Take the project code below `root` that the steps (by node name) need.

    Raises:
        TypedIn: A step has no file.
        NotBundleable: A step cannot be found by name, lies outside of the project and of what is
            installed, or the code is larger than `CODE_LIMIT`.
    """
    root = root.resolve()
    script = _script_name(steps.values())
    places = {node: _place(step, script) for node, step in steps.items()}
    paths: dict[str, Path] = {}
    tops: set[str] = set()
    for node, place in places.items():
        top = place.module.partition(".")[0]
        if top in tops:
            continue
        found = _script_files(script, root) if place.module == script else _files_of(top, root)
        if found:
            tops.add(top)
            paths |= found
        elif not _installed(steps[node]):
            raise NotBundleable(
                f"Step {steps[node].name!r} is neither in the project {str(root)!r} nor installed.",
                where=steps[node].location,
                hint="Move its module into the project, or install it as a package.",
            )
    _follow_imports(root, paths, tops)
    return Code(_read(paths), tuple(sorted(tops)), places)


def _place(step: Step[..., Any], script: str) -> Place:
    if "<" in step.qualname:  # <locals>, <lambda>
        raise NotBundleable(
            f"Step {step.name!r} is defined inside another function, where nothing can find it by name.",
            where=step.location,
            hint="Move it to the top of a module.",
        )
    module: Any = sys.modules.get(step.module)
    found = module
    for part in step.qualname.split("."):
        found = getattr(found, part, None)
    if module is not None and found is not step and found is not step.function:
        raise NotBundleable(
            f"Step {step.name!r} is not what {step.module}.{step.qualname} names.",
            where=step.location,
            hint="Keep a step under the name of its function.",
        )
    return Place(script if step.module == "__main__" else step.module, step.qualname)


def _script_name(steps: Iterable[Step[..., Any]]) -> str:
    """Return the module name that the script `__main__` gets in the snapshot, "" if no step is in it."""
    mine = [step for step in steps if step.module == "__main__"]
    if not mine:
        return ""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    typed_in = [step for step in mine if step.location.startswith("<")]
    if typed_in or not file or not Path(file).is_file():
        step = (typed_in or mine)[0]
        raise TypedIn(
            f"Step {step.name!r} was typed into a prompt or a notebook; a server cannot import it.",
            where=step.location,
            hint="Move the steps into a module and import them.",
        )
    if main.__spec__ is not None:  # python -m package.module
        return main.__spec__.name
    stem = re.sub(r"\W", "_", Path(file).stem)
    # A script called `random.py` must not become what its neighbours get from `import random`.
    return f"main_{stem}" if stem in sys.stdlib_module_names else stem


def _script_files(script: str, root: Path) -> dict[str, Path]:
    if "." in script:
        return _files_of(script.partition(".")[0], root)
    file = Path(str(sys.modules["__main__"].__file__)).resolve()
    return {f"{script}.py": file} if _of_project(file, root) else {}


def _files_of(top: str, root: Path) -> dict[str, Path]:
    """Return the files of a top-level module by module path; none when it is not the project's."""
    if top == _OURS or top.startswith(PREFIX):
        return {}
    origin, folders = _locations(top)
    if not folders:
        return {f"{top}.py": origin} if origin and _of_project(origin, root) else {}
    files: dict[str, Path] = {}
    for folder in folders:
        if _of_project(folder, root):
            files |= {f"{top}/{path.relative_to(folder).as_posix()}": path for path in _python_files(folder)}
    return files


def _locations(top: str) -> tuple[Path | None, list[Path]]:
    """Return the file of a module, or the folders of a package, without importing anything."""
    loaded: ModuleType | None = sys.modules.get(top)
    if loaded is not None:
        file, folders = getattr(loaded, "__file__", None), getattr(loaded, "__path__", ())
    else:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):  # a broken finder, or a module without a spec: not the project's
            return None, []
        file = spec.origin if spec and spec.has_location else None
        folders = (spec.submodule_search_locations if spec else None) or ()
    is_source = file is not None and str(file).endswith(".py")
    return (Path(str(file)).resolve() if is_source else None), [Path(folder).resolve() for folder in folders]


def _of_project(path: Path, root: Path) -> bool:
    if not path.is_relative_to(root) or any(part in _INSTALLED for part in path.parts):
        return False
    between = [path, *path.parents][: len(path.parts) - len(root.parts)]
    return not any((folder / "pyvenv.cfg").exists() for folder in between)


def _python_files(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        here = Path(at)
        folders[:] = sorted(one for one in folders if _may_hold_code(here / one))
        yield from (here / file for file in sorted(files) if file.endswith(".py"))


def _may_hold_code(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in ("__pycache__", "node_modules", *_INSTALLED)
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _follow_imports(root: Path, paths: dict[str, Path], tops: set[str]) -> None:
    """Add, to `paths` and `tops`, the project modules that the files import, until there are no more."""
    waiting, seen = list(paths.values()), set(tops)
    while waiting:
        for top in _imported(waiting.pop()):
            if top not in seen:
                seen.add(top)
                found = _files_of(top, root)
                if found:
                    tops.add(top)
                    paths |= found
                    waiting.extend(found.values())


def _imported(path: Path) -> set[str]:
    """Return the top-level names that a file imports anywhere, function bodies included."""
    try:
        with warnings.catch_warnings():  # an old escape sequence in user code is not our news
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a template or data in disguise: it imports nothing
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _installed(step: Step[..., Any]) -> bool:
    module = sys.modules.get(step.module)
    file = getattr(module, "__file__", None)
    if file is None or any(part in _INSTALLED for part in Path(file).parts):
        return True
    # Slow, and reached only for a module that lies in neither place: an editable install, perhaps.
    from importlib.metadata import packages_distributions

    return step.module.partition(".")[0] in packages_distributions()


def _read(paths: Mapping[str, Path]) -> dict[str, bytes]:
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    if sum(sizes.values()) > CODE_LIMIT:
        largest = max(sizes, key=lambda name: sizes[name])
        raise NotBundleable(
            f"The project's code is {sum(sizes.values()) / 2**20:.1f} MiB in {len(sizes)} files; "
            f"a bundle carries at most {CODE_LIMIT / 2**20:.0f} MiB.",
            where=f"largest file: {largest} ({sizes[largest] / 2**20:.1f} MiB)",
            hint="Keep data out of *.py files, and other packages out of the folder of this one.",
        )
    return {name: paths[name].read_bytes() for name in sorted(paths)}
