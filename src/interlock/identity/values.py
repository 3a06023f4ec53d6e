"""Look into values: constants of modules, and what functions and classes hold."""

from __future__ import annotations

import inspect
import sys
from pathlib import PurePath
from types import CellType, FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any

from interlock.identity.constants import digest_constant, is_fixed, placeless
from interlock.identity.digest import digest_value
from interlock.identity.web import Node
from interlock.identity.wrappers import file_of

if TYPE_CHECKING:
    from interlock.identity.reach import Search


_BUILT_IN = frozenset({dict, list, tuple, set, frozenset, str, int, float, bool, bytes, type(None)})
# What is equal and of one type is the same: not so 0.0 and -0.0.
_SIMPLE = frozenset({str, int, bool, type(None)})


class ValueLook:
    """Looks into the values of a project, for one search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._generators: dict[int, tuple[GeneratorType[Any, Any, Any], FunctionType]] = {}
        self._simple: dict[Any, tuple[str, bool]] = {}

    def constant(self, module: str, name: str, value: Any) -> str:
        """Note a module's constant as a part of its own."""
        label = f"{module}:{name}"
        loaded = sys.modules.get(module)
        file = file_of(loaded)
        source = self._search.source(file) if self._search.origin(module, file).kind == "project" else None
        line = source.outline.line(name) if source is not None else None
        node = Node(label, label, file=file, line=line)
        key = (label, id(value))
        self._search.keep(value)
        return self._search.note(
            key, value, node, lambda node: self._look_constant(module, name, value, file)
        )

    def _look_constant(self, module: str, name: str, value: Any, file: str | None) -> object:
        if file is not None:
            self._search.late.loaded(module, file)
        if self._is_path(value):
            return self.digest(value)
        self._origins_of_value(value)
        digest, is_opaque = self._value(value)
        # What cannot be looked into counts by the statements that make it.
        return [digest, self._search.late.statement(module, name)] if is_opaque else digest

    def digest(self, value: Any) -> str:
        """Return the digest of a value; code inside it is noted."""
        self._origins_of_value(value)
        if self._is_path(value):
            self._search.holds((str(value),))
            return digest_value(["path", self._placeless(str(value))])
        return self._value(value)[0]

    def _value(self, value: Any) -> tuple[str, bool]:
        items = value if type(value) is tuple else (value,)
        if not _SIMPLE.issuperset(map(type, items)):
            return self._look_value(value)
        key = type(value), items, *map(type, items)
        known = self._simple.get(key)
        if known is None:
            known = self._simple[key] = self._look_value(value)
        self._search.holds(one for one in items if type(one) is str)
        return known

    def _look_value(self, value: Any) -> tuple[str, bool]:
        search, texts = self._search, set[str]()
        found = digest_constant(value, self._name_inside, search.roots, search.is_ours, texts)
        search.holds(texts)
        if not is_fixed(value):
            self._search.witness.saw_answer(lambda: self._again(value), found)
        return found

    def _again(self, value: Any) -> tuple[str, bool]:
        self._search.lead_from(set())
        return digest_constant(value, self._name_inside, self._search.roots, self._search.is_ours)

    def _origins_of_value(self, value: Any) -> None:
        if type(value) in _BUILT_IN:
            return
        for module in (type(value).__module__, inspect.getattr_static(value, "__module__", None)):
            if isinstance(module, str):
                self._search.origin(module, file_of(sys.modules.get(module)))

    def _name_inside(self, thing: Any) -> str | None:
        """Name code inside a value, and a path by itself: the content of a folder is no code."""
        if self._is_path(thing):
            self._search.holds((str(thing),))
            return str(self._placeless(str(thing)))
        if isinstance(thing, GeneratorType):
            return self._running(thing)
        return self._search.bind_code(thing)

    def _running(self, generator: GeneratorType[Any, Any, Any]) -> str | None:
        """Note what of a generator is still to run, as a function that holds what the generator does."""
        code, frame = generator.gi_code, generator.gi_frame
        if frame is None:
            return None
        known = self._generators.get(id(generator))
        if known is None:
            cells = tuple(CellType(frame.f_locals.get(name)) for name in code.co_freevars)
            function = FunctionType(code, frame.f_globals, code.co_name, None, cells)
            known = self._generators[id(generator)] = generator, function
        return self._search.bind_code(known[1])

    def _is_path(self, value: Any) -> bool:
        """Say whether a value is a path, and no object of a class of the project that is more than that."""
        return isinstance(value, PurePath) and not self._search.is_ours(type(value))

    def _placeless(self, value: Any) -> Any:
        return placeless(value, self._search.roots) if type(value) is str else value
