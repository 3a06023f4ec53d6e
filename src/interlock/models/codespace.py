"""Private import of a snapshot of project code.

Two versions of one project have to live in one process: a server swaps to a new champion while
the old one still answers, and a challenger is judged beside the champion's older code. Python
knows a module by its name only, so each snapshot gets a package of its own,
`_interlock_code_<digest>_<n>`, and the snapshot's modules are imported below it. Their `import`
statements reach the right siblings because the modules run with a `__builtins__` whose
`__import__` maps the project's top-level names into that package; every other name goes the
ordinary way. Nothing is rewritten, so tracebacks show the project's lines.

Not mapped: `importlib.import_module("project.module")` with an absolute project name. With
`__name__` or a relative name it works.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import itertools
import re
import sys
import threading
import traceback
from collections.abc import Collection, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

from interlock.engine.scripts import StopImport
from interlock.errors import InterlockError, did_you_mean

PREFIX = "_interlock_code_"
"""How the name of every private package starts."""


class CodeSpaceError(InterlockError):
    """A module of a code snapshot cannot be imported, or lacks the object asked for."""

    def __init__(self, module: str, why: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(f"Bundled module {module!r} cannot be used: {why}", where=where, hint=hint)
        self.module = module


class CodeSpace:
    """A folder of project code, importable under a name that nothing else in the process has.

    Args:
        folder: Holds the snapshot, laid out by module name (`flights/pipeline.py`).
        top_levels: The project's top-level module names; imports of these stay inside.

    Loading is safe from several threads. A closed space is gone from `sys.modules`: close it when
    no function that came out of it is called any more.
    """

    def __init__(self, folder: Path, top_levels: Collection[str]) -> None:
        self.folder = folder
        self.top_levels = frozenset(top_levels)
        self.name = _register_package(folder)
        self._lock = threading.RLock()
        self._closed = False
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._finder = _Finder(self.name, folder, self._builtins)
        sys.meta_path.insert(0, self._finder)

    def load(self, module: str, qualname: str) -> Any:
        """Return the object `qualname` of `module`, importing the module on first use.

        A module outside of the snapshot (a step from an installed library) is imported as usual.

        Raises:
            CodeSpaceError: The module fails while it is imported, or has no such object.
        """
        with self._lock:
            found: Any = self._import_module(module)
        for part in qualname.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                hint = did_you_mean(part, (name for name in dir(found) if not name.startswith("_")))
                raise CodeSpaceError(module, f"it has no {qualname!r}.", hint=hint) from None
        return found

    def close(self) -> None:
        """Drop the snapshot's modules from the process. Closing twice is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sys.meta_path.remove(self._finder)
            for name in [name for name in sys.modules if _belongs(name, self.name)]:
                sys.modules.pop(name, None)

    def __enter__(self) -> CodeSpace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _import_module(self, module: str) -> ModuleType:
        if self._closed:
            raise CodeSpaceError(module, "its code space is closed.")
        inside = module.partition(".")[0] in self.top_levels
        try:
            return importlib.import_module(f"{self.name}.{module}" if inside else module)
        # The project's own code runs here, and a script may even call sys.exit().
        except (Exception, SystemExit) as error:
            said = str(error).replace(f"{self.name}.", "")
            why = f"{type(error).__name__}: {said}" if said else f"{type(error).__name__}."
            raise CodeSpaceError(module, why, where=_place(error, self.folder)) from error

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Stand in for `__import__` inside the snapshot's modules."""
        top = name.partition(".")[0]
        # A relative import needs no help: `__package__` already lies below the private package.
        if level or top not in self.top_levels:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        if self._closed:
            raise CodeSpaceError(name, "its code space is closed.")
        try:
            if fromlist:  # `from a.b import c` looks into `a.b`
                return builtins.__import__(f"{self.name}.{name}", globals, locals, fromlist, 0)
            importlib.import_module(f"{self.name}.{name}")  # `import a.b` binds `a`
        except ModuleNotFoundError as error:
            if not _belongs(error.name or "", self.name):
                raise
            # Project code that asks `error.name` has to see the name that it knows.
            public = (error.name or "").removeprefix(f"{self.name}.")
            raise ModuleNotFoundError(f"No module named {public!r}", name=public) from None
        return sys.modules[f"{self.name}.{top}"]


class _Finder(MetaPathFinder):
    """Find the modules of one snapshot, and no other."""

    def __init__(self, name: str, folder: Path, private_builtins: Mapping[str, Any]) -> None:
        self._prefix = f"{name}."
        self._folder = folder
        self._builtins = private_builtins

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if not fullname.startswith(self._prefix):
            return None
        base = self._folder.joinpath(*fullname.removeprefix(self._prefix).split("."))
        package, module = base / "__init__.py", base.with_name(f"{base.name}.py")
        if package.is_file():
            return self._spec(fullname, package, [str(base)])
        if module.is_file():
            return self._spec(fullname, module, None)
        if base.is_dir():  # a namespace package: a folder without __init__.py
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(base)]
            return spec
        return None

    def _spec(self, fullname: str, file: Path, inside: list[str] | None) -> ModuleSpec | None:
        loader = _Loader(fullname, str(file), self._builtins)
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=inside)


class _Loader(SourceFileLoader):
    """Run a module's source with the private `__import__`; bytecode is neither read nor written."""

    def __init__(self, fullname: str, path: str, private_builtins: Mapping[str, Any]) -> None:
        super().__init__(fullname, path)
        self._builtins = private_builtins

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the signature of a loader
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._builtins
        with contextlib.suppress(StopImport):
            super().exec_module(module)


def _register_package(folder: Path) -> str:
    """Put an empty package over `folder` into `sys.modules` under the first free name."""
    label = re.sub(r"\W", "_", folder.name[:12])
    for number in itertools.count():
        name = f"{PREFIX}{label}_{number}"
        package = ModuleType(name, "A snapshot of project code, imported privately.")
        package.__path__ = [str(folder)]
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = package.__path__
        package.__spec__ = spec
        # One atomic step, so that two threads never share a name.
        if sys.modules.setdefault(name, package) is package:
            return name
    raise AssertionError("itertools.count() never ends")


def _belongs(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _place(error: BaseException, folder: Path) -> str:
    """Say which line of the snapshot failed, as `flights/pipeline.py:12`."""
    if isinstance(error, SyntaxError) and error.filename:
        file, line = error.filename, error.lineno
    else:
        frames = [
            f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(folder)
        ]
        if not frames:
            return ""
        file, line = frames[-1].filename, frames[-1].lineno
    path = Path(file)
    return f"{path.relative_to(folder).as_posix() if path.is_relative_to(folder) else file}:{line}"
