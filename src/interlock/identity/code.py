"""Fingerprints of code: a step, and all that it reaches in the project.

Starting from the function, names are followed through its module's globals, `module.attribute`, closures, default
values, imports inside functions, base classes and methods, wrappers and partials. Functions and classes of the
project enter by their syntax tree, without comments, docstrings, formatting and position; module constants, defaults
and closed-over values by their value digest; anything installed by the name and version of its distribution.

Not seen: names computed at run time (`getattr(module, name)`, `eval`), attributes looked up on instances whose class
is not named, and extension modules of the project itself.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from interlock.identity.bytecode import code_shape
from interlock.identity.digest import Undigestible, digest_json, digest_value
from interlock.identity.source import Reading, read, source_file

_INSTALLED = ("site-packages", "dist-packages")
_OURS = "interlock"


@dataclass(frozen=True)
class Fingerprint:
    """The digest of a step's code and what it was made of.

    `parts` maps `module:name` to the digest of a definition or a constant, `dist:name` to a version, and `python`
    to the version of the language.
    """

    digest: str
    parts: Mapping[str, str]


def fingerprint(function: Callable[..., Any], *, root: Path | None) -> Fingerprint:
    """Return the fingerprint of a function.

    Args:
        function: The function of a step.
        root: The folder of the project; code outside it, and whatever is installed, enters by its version.
    """
    reach = _Reach(root.resolve() if root else None)
    reach.add(function)
    reach.follow()
    parts = dict(sorted(reach.parts.items()))
    return Fingerprint(digest_json(["Code", parts]), parts)


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@functools.cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


@dataclass
class _Reach:
    """What a function reaches: what is still to be followed, and the parts found so far."""

    root: Path | None
    parts: dict[str, str] = field(default_factory=dict)
    _waiting: list[Any] = field(default_factory=list)
    _seen: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"

    def add(self, thing: Any) -> None:
        """Note a function, class, module or wrapper that is reached."""
        if id(thing) not in self._seen:
            self._seen[id(thing)] = thing  # kept alive, so that its id stays its own
            self._waiting.append(thing)

    def follow(self) -> None:
        """Follow everything that is waiting, until nothing is."""
        while self._waiting:
            self._visit(self._waiting.pop())

    def _visit(self, thing: Any) -> None:
        inner = _inside(thing)
        if inner is not None:
            for one in inner:
                self._reached("", one)
        elif isinstance(thing, FunctionType):
            self._visit_function(thing)
        elif isinstance(thing, type):
            self._visit_class(thing)
        elif isinstance(thing, ModuleType):
            self._visit_module(thing)

    def _visit_function(self, function: FunctionType) -> None:
        if not self._of_project(function.__code__.co_filename, function.__module__):
            self._installed(function.__module__)
            return
        name = f"{_module_name(function)}:{function.__qualname__}"
        found = source_file(function.__code__.co_filename)
        reading = (
            found.reading(function.__code__.co_firstlineno, function.__code__.co_name) if found else None
        )
        own = reading.digest if reading else self._value(code_shape(function.__code__))
        held = [self._held(value) for value in _held_values(function)]
        self._part(name, digest_json([own, held]))
        self._names(function.__globals__, reading, function.__code__)

    def _visit_class(self, cls: type) -> None:
        try:
            path = inspect.getfile(cls)
        except (TypeError, OSError):
            self._installed(cls.__module__)
            return
        if not self._of_project(path, cls.__module__):
            self._installed(cls.__module__)
            return
        for base in cls.__bases__:
            self._reached("", base)
        module = sys.modules.get(cls.__module__)
        reading = _class_reading(path, cls)
        if reading is not None and module is not None:
            self._part(f"{cls.__module__}:{cls.__qualname__}", reading.digest)
            self._names(vars(module), reading, None)
        for value in vars(cls).values():  # what decorators made of methods, and what metaclasses put there
            for member in _members(value):
                if isinstance(member, FunctionType) and member.__qualname__.startswith(cls.__qualname__):
                    self.add(member)

    def _visit_module(self, module: ModuleType) -> None:
        """A module used as a value: whatever is in it may be reached."""
        path = getattr(module, "__file__", None)
        if path is None or not self._of_project(path, module.__name__):
            self._installed(module.__name__)
            return
        self._whole_file(module.__name__, path)
        for value in vars(module).values():
            if isinstance(value, FunctionType | type) and value.__module__ == module.__name__:
                self.add(value)

    def _whole_file(self, name: str, path: str) -> None:
        found = source_file(path)
        if found is not None:
            self._part(f"{name}:", read([found.tree]).digest)

    def _names(self, scope: Mapping[str, Any], reading: Reading | None, code: CodeType | None) -> None:
        """Look up the names that a definition reads in the globals of its module."""
        chains = reading.chains if reading else {(name,) for name in _global_names(code)}
        for chain in chains:
            if chain[0] in scope:
                self._chain(scope, chain)
        package = str(scope.get("__package__") or "")
        for level, module, name in reading.imports if reading else ():
            self._imported(package, level, module, name)

    def _chain(self, scope: Mapping[str, Any], chain: tuple[str, ...]) -> None:
        thing, name = scope[chain[0]], f"{scope.get('__name__', '')}:{chain[0]}"
        for attribute in chain[1:]:
            if not isinstance(thing, ModuleType) or not hasattr(thing, attribute):
                break
            name, thing = f"{thing.__name__}:{attribute}", getattr(thing, attribute)
        if isinstance(thing, ModuleType) and len(chain) == 1 and self._module_of_project(thing):
            return  # only the start of a longer chain, unless it is handed on, which `_handed_on` would see
        self._reached(name, thing)

    def _module_of_project(self, module: ModuleType) -> bool:
        path = getattr(module, "__file__", None)
        return path is not None and self._of_project(path, module.__name__)

    def _imported(self, package: str, level: int, module: str, name: str) -> None:
        """Follow an import inside a function: into the loaded module, else into the file that it would load."""
        try:
            full = importlib.util.resolve_name("." * level + module, package) if level else module
        except (ImportError, ValueError):
            return
        loaded = sys.modules.get(full)
        if loaded is not None and name not in ("", "*") and hasattr(loaded, name):
            self._reached(f"{full}:{name}", getattr(loaded, name))
        elif loaded is not None:
            self.add(loaded)
        else:
            self._unloaded(full)

    def _unloaded(self, module: str) -> None:
        """Take in all files of the package that a module which is not loaded belongs to."""
        top = module.partition(".")[0]
        folder = self.root / top if self.root else None
        files = sorted(folder.rglob("*.py")) if folder and folder.is_dir() else []
        single = self.root / f"{top}.py" if self.root else None
        if single is not None and single.exists():
            files.append(single)
        for path in files:
            name = ".".join(path.relative_to(self.root or path.parent).with_suffix("").parts)
            self._whole_file(name, str(path))
        if not files:
            self._installed(module)

    def _reached(self, name: str, thing: Any) -> None:
        """Note whatever a name stands for: code is followed, a value is digested."""
        if _is_code(thing):
            self.add(thing)
        elif isinstance(thing, BuiltinFunctionType) or getattr(thing, "__module__", "") == "typing":
            self._installed(getattr(thing, "__module__", "") or "")
        elif name:
            self._part(name, self._value(thing))
            self.add(type(thing))

    def _held(self, value: Any) -> str:
        if _is_code(value):
            self.add(value)
            return "code"
        return self._value(value)

    def _value(self, value: Any) -> str:
        """Return the digest of a value; code inside it is followed. What has no digest is seen as such."""
        try:
            return digest_value(value, naming=self._naming)
        except Undigestible as error:
            return f"undigestible: {error.type_name}"
        except RecursionError:
            return f"undigestible: {type(value).__qualname__}"

    def _naming(self, thing: Any) -> str | None:
        if not isinstance(thing, FunctionType | type):
            return None
        self.add(thing)
        return f"{thing.__module__}:{thing.__qualname__}"

    def _part(self, name: str, digest: str) -> None:
        before = self.parts.get(name)
        # Two things of one name (functions made in a loop, say) count both.
        self.parts[name] = digest if before in (None, digest) else digest_json(sorted([str(before), digest]))

    def _installed(self, module: str) -> None:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("", "builtins", "__main__", _OURS):
            return
        for distribution in _distributions().get(top, []):
            self.parts[f"dist:{distribution}"] = _version(distribution)

    def _of_project(self, path: str, module: str | None) -> bool:
        if module and module.partition(".")[0] in sys.stdlib_module_names:
            return False
        if path.startswith("<"):
            return True  # a shell or exec: what has no file is the user's own
        if any(part in _INSTALLED for part in Path(path).parts) or (module or "").partition(".")[0] == _OURS:
            return False
        return (
            self.root is None
            or module == "__main__"
            or Path(path).resolve().is_relative_to(self.root)
            or _is_notebook(path)
        )


def _is_notebook(path: str) -> bool:
    return not Path(path).exists() and source_file(path) is not None


def _is_code(thing: Any) -> bool:
    return isinstance(thing, FunctionType | type | ModuleType) or _inside(thing) is not None


def _inside(thing: Any) -> list[Any] | None:
    """Return what a wrapper wraps, as far as it is one: a step, a partial, a method, a cached function."""
    if isinstance(thing, FunctionType | type | ModuleType):
        return None
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, MethodType):
        return [thing.__func__, type(thing.__self__)]
    function = (
        getattr(thing, "function", None)
        if hasattr(thing, "qualname")
        else getattr(thing, "__wrapped__", None)
    )
    return [function] if isinstance(function, FunctionType) else None


def _members(value: Any) -> Iterator[Any]:
    """Yield the functions that a member of a class is made of."""
    if isinstance(value, staticmethod | classmethod):
        yield value.__func__
    elif isinstance(value, property):
        yield from (one for one in (value.fget, value.fset, value.fdel) if one is not None)
    elif isinstance(value, functools.cached_property):
        yield value.func
    else:
        yield value


def _held_values(function: FunctionType) -> Iterator[Any]:
    """Yield the values that a function holds: defaults, and what it closes over."""
    yield from function.__defaults__ or ()
    for name, value in sorted((function.__kwdefaults__ or {}).items()):
        yield name
        yield value
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not set yet: a function that refers to itself while it is being defined
            continue


def _class_reading(path: str, cls: type) -> Reading | None:
    found = source_file(path)
    if found is None:
        return None
    name = cls.__qualname__.rpartition(".")[2]
    nodes = [
        node for nodes in found.by_line.values() for node in nodes if getattr(node, "name", None) == name
    ]
    return read(nodes) if nodes else None


def _global_names(code: CodeType | None) -> set[str]:
    if code is None:
        return set()
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return set(code.co_names).union(*(_global_names(one) for one in inner))


def _module_name(function: FunctionType) -> str:
    """Return the module's name; a script's is its file's, so that running and importing it are the same."""
    if function.__module__ != "__main__":
        return function.__module__
    return Path(function.__code__.co_filename).stem
