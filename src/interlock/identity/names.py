"""Look up the global names that code uses."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from interlock.identity.classes import ClassLook
from interlock.identity.references import Chain
from interlock.identity.values import ValueLook
from interlock.identity.witness import MISSING
from interlock.identity.wrappers import file_of, module_name

if TYPE_CHECKING:
    from interlock.identity.reach import Search

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
# With these a function reaches any name of its module, or runs a text that does.
_SEES_ALL = frozenset({("globals",), ("eval",), ("exec",), ("sys", "modules")})


class NameLook:
    """Looks up names in the modules of a project and of libraries, for one search."""

    def __init__(self, search: Search, classes: ClassLook, values: ValueLook) -> None:
        self._search = search
        self._classes = classes
        self._values = values

    def look(
        self, chains: Iterable[Chain], names: Mapping[str, Any], bound: Mapping[str, Any]
    ) -> dict[str, str]:
        """Note what global names lead to.

        Args:
            chains: The names, with the attributes that are taken from them.
            names: The module that they are looked up in.
            bound: Names that mean something else, as those inside of a class do.
        """
        found = {}
        for chain in chains:
            root = chain[0]
            if root in bound or root in _OF_THE_IMPORT:
                continue
            thing = names.get(root, MISSING)
            self._search.witness.saw_name(names, root, thing)
            if thing is MISSING:
                self._note_builtin(chain, names)
                thing = vars(builtins).get(root)
                if not isinstance(thing, FunctionType):
                    continue
            text = self._name(module_name(names), names, thing, chain)
            if text is not None:
                found[".".join(chain)] = text
        return found

    def _note_builtin(self, chain: Chain, names: Mapping[str, Any]) -> None:
        file = names.get("__file__")
        if chain[:2] in _SEES_ALL and isinstance(file, str):
            self._search.late.whole(module_name(names), file)

    def _name(self, module: str, names: Mapping[str, Any], thing: Any, chain: Chain) -> str | None:
        name, rest = chain[0], chain[1:]
        if chain[1:2] == ("modules",) and thing is sys:
            self._note_builtin(("sys", "modules"), names)
        if thing is sys.modules:
            self._note_builtin(("sys", "modules"), names)
            return "sys.modules"
        foreign = ""
        while rest and isinstance(thing, ModuleType):
            module = thing.__name__
            is_ours = self._search.origin(module, file_of(thing)).kind == "project"
            inside = vars(thing).get(rest[0], MISSING)
            if is_ours:
                self._search.witness.saw_name(vars(thing), rest[0], inside)
            if inside is MISSING:
                return self._search.bind_code(thing) if is_ours else ".".join((module, *rest))
            foreign = "" if is_ours else ".".join((module, *rest))
            thing, name, rest = inside, rest[0], rest[1:]
        if foreign:
            return self._foreign(thing, foreign)
        if "__subclasses__" in rest and isinstance(thing, type):
            self._classes.bind_subclasses(thing)
        code = self._search.bind_code(thing)
        return self._values.constant(module, name, thing) if code is None else code

    def _foreign(self, thing: Any, name: str) -> str:
        """Return the name of something in a library; code of the project that was put there is noted."""
        if isinstance(thing, (FunctionType, type)):
            bound = self._search.bind(thing)
            return (
                name
                if bound.partition(":")[0] == thing.__module__ and not self._search.knows(thing)
                else bound
            )
        return name
