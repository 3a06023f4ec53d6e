"""The search through everything that a piece of code reaches."""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from interlock.identity.bytecode import code_shape
from interlock.identity.digest import digest_json, digest_value
from interlock.identity.modules import find_module_file, imported_modules
from interlock.identity.origin import Origin, Origins
from interlock.identity.places import Places
from interlock.identity.references import References, references_of_code, references_of_tree
from interlock.identity.source import Source, source_of
from interlock.identity.walk import Undigestible, type_name
from interlock.identity.wrappers import (
    content_of,
    held_by,
    is_code,
    is_generated,
    module_name,
    step_function,
    wrapped_by,
)

# Set by the import system: they tell where the code lies, not what it does.
_OF_THE_IMPORT = frozenset(
    {
        "__builtins__",
        "__cached__",
        "__file__",
        "__loader__",
        "__name__",
        "__package__",
        "__path__",
        "__spec__",
    }
)
# Made by Python for every class.
_OF_EVERY_CLASS = frozenset(
    {
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
    }
)


class Search:
    """Collects the parts that one fingerprint is made of.

    `bind` answers with how a thing is written in the code that reaches it, and notes it to be looked
    into; `finish` looks into all that was noted, which notes more.

    Args:
        root: Folder of the project.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._origins = _origins(root)
        self._parts = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
        self._labels: dict[int, str] = {}
        self._owners: dict[str, Any] = {}
        self._kept: list[Any] = []
        self._sources: dict[str, Source | None] = {}
        self.places = Places(root)
        self._waiting: deque[tuple[str, Callable[[], str]]] = deque()

    def finish(self) -> dict[str, str]:
        """Look into everything that is reached and return the digest of each part."""
        while self._waiting:
            label, look = self._waiting.popleft()
            self._parts[label] = look()
        return self._parts

    def bind(self, thing: Any) -> str:
        """Note a function, a class or a value, and return its name or its digest."""
        code = self._bind_code(thing)
        return self._value(thing) if code is None else code

    def _bind_code(self, thing: Any) -> str | None:
        """Note what is code; return None for a value."""
        step = step_function(thing)
        if step is not None:
            return self.bind(step)
        if isinstance(thing, FunctionType):
            return self._bind_function(thing)
        if isinstance(thing, type):
            return self._bind_class(thing)
        if isinstance(thing, ModuleType):
            return self._bind_module(thing)
        if isinstance(thing, MethodType):
            return f"{self.bind(thing.__func__)} of {self.bind(thing.__self__)}"
        if isinstance(thing, BuiltinFunctionType) and isinstance(thing.__self__, (ModuleType, type(None))):
            self._origin(thing.__module__ or "builtins", None)
            return f"{thing.__module__}:{thing.__qualname__}"
        inner = wrapped_by(thing)
        if inner:
            return f"{type_name(type(thing))}({', '.join(self.bind(one) for one in inner)})"
        return None

    def _bind_function(self, function: FunctionType) -> str:
        code = function.__code__
        module = module_name(function.__globals__)
        label = f"{module}:{code.co_qualname}"
        if self._origin(module, code.co_filename).kind != "project":
            return self._bind_foreign(function, label)
        around = getattr(function, "__wrapped__", None)
        if isinstance(around, FunctionType):
            label += f"[{module_name(around.__globals__)}:{around.__qualname__}]"
        noted = self._note(function, label, lambda: self._function_digest(function))
        self.places.add(noted, code.co_filename, code.co_firstlineno)
        return noted

    def _bind_foreign(self, function: FunctionType, label: str) -> str:
        """Note what a decorator of a library holds in its closure: the project's function."""
        held = [one for one in held_by(function) if is_code(one)]
        if not held:
            return f"{function.__module__}:{function.__qualname__}"
        if id(function) not in self._labels:
            # Named before what it holds is looked at, which may be the function itself.
            self._kept.append(function)
            self._labels[id(function)] = label
            self._labels[id(function)] = f"{label}({', '.join(self.bind(one) for one in held)})"
        return self._labels[id(function)]

    def _bind_class(self, cls: type) -> str:
        module = sys.modules.get(cls.__module__)
        name = module_name(vars(module)) if module else cls.__module__
        label = f"{name}:{cls.__qualname__}"
        if self._origin(name, getattr(module, "__file__", None)).kind != "project":
            return label
        noted = self._note(cls, label, lambda: self._class_digest(cls, module))
        file = getattr(module, "__file__", None)
        source = self._source(file) if file is not None else None
        if file is not None and source is not None:
            self.places.add(noted, file, source.line_of_class(cls.__qualname__))
        return noted

    def _bind_module(self, module: ModuleType) -> str:
        file = getattr(module, "__file__", None)
        if self._origin(module.__name__, file).kind == "project" and file is not None:
            return self._bind_file(module.__name__, file)
        return module.__name__

    def _bind_file(self, module: str, file: str) -> str:
        """Note a whole file, and the files that it imports."""
        label = f"{module}:*"
        if label not in self._owners:
            self._owners[label] = file
            self.places.add(label, file, 1)
            self._waiting.append((label, lambda: self._file_digest(module, file)))
        return label

    def _note(self, thing: Any, label: str, look: Callable[[], str]) -> str:
        known = self._labels.get(id(thing))
        if known is not None:
            return known
        name, number = label, 1
        while name in self._owners:
            # Two functions made by one, with other values in their closures.
            number += 1
            name = f"{label}#{number}"
        self._owners[name] = thing
        self._labels[id(thing)] = name
        self._waiting.append((name, look))
        return name

    def _origin(self, module: str, file: str | None) -> Origin:
        origin = self._origins.of(module, file)
        if origin.kind == "distribution":
            self._parts[f"dist:{origin.name}"] = origin.version
        return origin

    def _source(self, file: str) -> Source | None:
        """Return the parsed file, which is taken not to change during one search."""
        if file not in self._sources:
            self._sources[file] = source_of(file)
        return self._sources[file]

    def _function_digest(self, function: FunctionType) -> str:
        code = function.__code__
        source = self._source(code.co_filename)
        content = source.function_digest(code) if source is not None else None
        held = dict(zip(code.co_freevars, map(content_of, function.__closure__ or ()), strict=True))
        made_of = {
            "content": content or digest_value(code_shape(code)),
            "names": self._names(references_of_code(code), function.__globals__),
            "defaults": [self._value(one) for one in (function.__defaults__, function.__kwdefaults__) if one],
            "closure": {name: self.bind(value) for name, value in held.items()},
            "attributes": {name: self.bind(value) for name, value in sorted(vars(function).items())},
        }
        return digest_json(["Function", made_of])

    def _class_digest(self, cls: type, module: ModuleType | None) -> str:
        file = getattr(module, "__file__", None)
        source = self._source(file) if file is not None else None
        content = source.class_digest(cls.__qualname__) if source is not None else None
        made_of = {
            "content": content,
            "type": self.bind(type(cls)),
            "bases": [self.bind(base) for base in cls.__bases__ if base is not object],
            "members": self._members(cls, has_source=content is not None),
            "names": self._class_names(cls, source, vars(module) if module else {}),
        }
        return digest_json(["Class", made_of])

    def _members(self, cls: type, *, has_source: bool) -> dict[str, list[str]]:
        """Note methods and the like; the data of a class is in its source, where there is one."""
        members: dict[str, list[str]] = {}
        for name, member in sorted(vars(cls).items()):
            if name in _OF_EVERY_CLASS:
                continue
            code = [one for one in (member, *wrapped_by(member)) if is_code(one)]
            if has_source:
                # What a decorator such as `dataclass` generated follows from the source.
                code = [one for one in code if not is_generated(one)]
            if code:
                members[name] = [self.bind(one) for one in code]
            elif not has_source:
                members[name] = [self._value(member)]
        return members

    def _class_names(self, cls: type, source: Source | None, names: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in source.classes(cls.__qualname__) if source is not None else ():
            found |= self._names(references_of_tree(node), names, bound=vars(cls))
        return found

    def _names(
        self, references: References, names: Mapping[str, Any], *, bound: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Note what global names lead to, and the modules that are imported on the way."""
        found = {}
        for chain in references.chains:
            if chain[0] in names and chain[0] not in (bound or ()) and chain[0] not in _OF_THE_IMPORT:
                found[".".join(chain)] = self._name(module_name(names), names[chain[0]], chain)
        for module in imported_modules(references.imports, str(names.get("__package__") or "")):
            found[f"import {module}"] = self._import(module)
        return found

    def _name(self, module: str, thing: Any, chain: tuple[str, ...]) -> str:
        name, rest = chain[0], chain[1:]
        while rest and isinstance(thing, ModuleType):
            module = thing.__name__
            if self._origin(module, getattr(thing, "__file__", None)).kind != "project":
                return ".".join((module, *rest))
            if rest[0] not in vars(thing):
                return self._bind_module(thing)
            thing, name, rest = vars(thing)[rest[0]], rest[0], rest[1:]
        code = self._bind_code(thing)
        return self._constant(f"{module}:{name}", thing) if code is None else code

    def _constant(self, label: str, value: Any) -> str:
        """Note a module's constant as a part of its own."""
        if label not in self._owners:
            self._owners[label] = value
            self._parts[label] = self._value(value)
            self._place_constant(label)
        return label

    def _place_constant(self, label: str) -> None:
        module, _, name = label.partition(":")
        file = getattr(sys.modules.get(module), "__file__", None)
        source = self._source(file) if file is not None else None
        if file is not None and source is not None:
            self.places.add(label, file, source.line_of_name(name))

    def _import(self, module: str) -> str:
        file = find_module_file(module)
        if file is None or self._origin(module, file).kind != "project":
            self._origin(module, file)
            return module
        return self._bind_file(module, file)

    def _file_digest(self, module: str, file: str) -> str:
        source = self._source(file)
        if source is None:
            return "unreadable"
        package = module if Path(file).stem == "__init__" else module.rpartition(".")[0]
        imported = imported_modules(references_of_tree(source.tree).imports, package)
        return digest_json(["Module", source.module_digest, {name: self._import(name) for name in imported}])

    def _value(self, value: Any) -> str:
        """Return the digest of a value; code inside it is noted."""
        self._origins_of_value(value)
        try:
            return digest_value(self._placeless(value), naming=self._name_inside)
        except Undigestible:
            # A lock or a connection: all that is known of it is what it can do.
            return f"some {self.bind(type(value))}"

    def _origins_of_value(self, value: Any) -> None:
        for module in (type(value).__module__, getattr(value, "__module__", None)):
            if isinstance(module, str):
                self._origin(module, getattr(sys.modules.get(module), "__file__", None))

    def _name_inside(self, thing: Any) -> str | None:
        """Name code inside a value, and a path by itself: the content of a folder is no code."""
        return str(self._placeless(str(thing))) if isinstance(thing, PurePath) else self._bind_code(thing)

    def _placeless(self, value: Any) -> Any:
        """Return a text that names a place in the project without where the project lies."""
        if type(value) is not str or self._root is None:
            return value
        for root in (self._root, self._root.resolve()):
            if value.startswith(str(root)):
                return f"<project>{value.removeprefix(str(root))}"
        return value


@functools.lru_cache(maxsize=16)
def _origins(root: Path | None) -> Origins:
    return Origins(root)
