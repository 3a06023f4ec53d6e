"""The search through modules that code imports when it runs, by their text.

Nothing is imported, and it makes no difference whether a module is loaded already: what a name in
it stands for is what the statements say that bind it or may change it.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from interlock.identity.digest import digest_file
from interlock.identity.effects import Effects
from interlock.identity.functions import extra_of, readers
from interlock.identity.modules import absolute_name, find_module_file, package_of
from interlock.identity.outline import Outline, unit_text
from interlock.identity.references import Chain
from interlock.identity.statements import Imported, Unit, nested_imports, texts_in, words_of
from interlock.identity.syntax import code_text, has_effect
from interlock.identity.web import Node
from interlock.identity.wrappers import file_of
from interlock.identity.writing import apart_from_writing, may_write

if TYPE_CHECKING:
    from interlock.identity.reach import Search

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_OURS = "interlock"


class Late:
    """Notes parts of modules by their text, for one search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._files: dict[str, str | None] = {}
        self.effects = Effects(search, self)
        self._following: list[tuple[str, str]] = []

    def imported(
        self, imports: Sequence[tuple[str, Imported]], chains: Iterable[Chain], package: str
    ) -> dict[str, str]:
        """Note what import statements inside code lead to, given the names that the code uses."""
        found: dict[str, str] = {}
        used = list(chains)
        for name, one in imports:
            module = absolute_name(one.module, package)
            if module is None:
                continue
            self.importing(module)
            if name == "*":
                found[f"import {module}"] = self.whole(module, self.file(module))
                continue
            ways = [chain for chain in used if chain[0] == name]
            if not ways and one.name is not None:
                ways = [(name,)]
            for way in ways:
                found[f"{'.'.join(way)} of {module}"] = self._imported(one, package, way[1:])
        return found

    def statement(self, module: str, name: str) -> str:
        """Note the statements that bind a name of a module, for what says nothing by itself."""
        return self._name(module, name) if self.outline(module) is not None else ""

    def import_named(self, name: str, package: str) -> str:
        """Note a module of which only the name in the bytecode is known, as a whole."""
        for module in (name, f"{package}.{name}".strip(".")):
            file = self.file(module)
            if file is not None:
                return self.whole(module, file)
        return name

    def whole(self, module: str, file: str | None) -> str:
        """Note a whole file, and the files that it imports."""
        if not self.is_ours(module, file) or file is None:
            return module
        label = f"{module}:*"
        node = Node(label, label, file=file, line=1)
        return self._search.note(label, file, node, lambda node: self._look_whole(module, file))

    def loaded(self, module: str, file: str) -> None:
        """Note what the import of a loaded module of the project does for everyone who comes later."""
        if self._search.is_project(module, file):
            self._search.note(
                ("loaded", module),
                file,
                _importing(module, file),
                lambda node: self._look_loaded(module, file, node),
            )

    def file(self, module: str) -> str | None:
        """Return the file of a module, which is looked for once during a search."""
        if module not in self._files:
            self._files[module] = file = find_module_file(module)
            self._search.witness.saw_answer(lambda: find_module_file(module), file)
        return self._files[module]

    def is_ours(self, module: str, file: str | None) -> bool:
        """Say whether a module is the project's."""
        return self._search.origin(module, file).kind == "project" and file is not None

    def outline(self, module: str) -> tuple[Outline, str] | None:
        """Return the outline of a module of the project, and its file."""
        file = self.file(module)
        source = self._search.source(file) if self.is_ours(module, file) else None
        return (source.outline, file) if source is not None and file is not None else None

    def importing(self, module: str) -> None:
        """Note what the import of a module, and of the packages it is in, does for everyone."""
        name = ""
        for part in module.split("."):
            name = f"{name}.{part}" if name else part
            file = self.file(name)
            if file is not None and self._search.is_project(name, file):
                self._search.note(
                    ("late", name),
                    file,
                    _importing(name, file),
                    functools.partial(self._look_late, name, file),
                )

    def _imported(self, one: Imported, package: str, rest: Chain) -> str:
        """Note what an import binds, and the attributes taken from it."""
        self._search.reads(readers((one.name or "", *rest)))
        module = absolute_name(one.module, package)
        if module is None:
            return "nothing"
        if one.name is not None:
            return self._attribute(module, (one.name, *rest))
        if one.whole:
            return self._attribute(module, rest)
        self.importing(module)
        top = module.partition(".")[0]
        if self.file(top) is None and module.split(".")[1:] != list(rest[: module.count(".")]):
            # A folder without `__init__`, handed on as a value: all that is known of it is what is imported.
            return self.whole(module, self.file(module))
        return self._attribute(top, rest)

    def _attribute(self, module: str, rest: Chain) -> str:
        """Note an attribute of a module: a module inside of it, or what a name there stands for."""
        self.importing(module)
        found = self.outline(module)
        if found is None and self.file(module) is None:
            # A folder without `__init__` has names of modules only, which may lie in such folders again.
            for count in range(1, len(rest) + 1):
                inner = ".".join((module, *rest[:count]))
                if self.file(inner) is not None:
                    return self._attribute(inner, rest[count:])
        if found is None or not rest:
            return (
                self.whole(module, self.file(module))
                if not rest
                else ".".join((self.whole(module, self.file(module)), *rest))
            )
        outline, file = found
        name = rest[0]
        units = outline.units_of(name)
        is_imported = bool(units) and all(unit.is_import for unit in units)
        if is_imported and (module, name) not in self._following:
            # A name may lead back to itself: `from . import features` in a package stands for the module.
            self._following.append((module, name))
            try:
                ways = [
                    self._imported(one, package_of(module, file), rest[1:]) for one in outline.imports[name]
                ]
            finally:
                self._following.pop()
            return " or ".join(ways)
        if (is_imported or not units) and self.file(f"{module}.{name}") is not None:
            return self._attribute(f"{module}.{name}", rest[1:])
        return self._name(module, name)

    def _name(self, module: str, name: str) -> str:
        """Note what a name of a module stands for."""
        found = self.outline(module)
        if found is None:
            return f"{module}.{name}"
        outline, file = found
        if not outline.units_of(name):
            star = self._by_star(outline, package_of(module, file), name)
            if star is not None:
                return star
            # Made by `__getattr__`, or in a way that only running it would show.
            if not outline.defines("__getattr__"):
                return self.whole(module, file)
        label = f"{module}:{name}"
        node = Node(label, label, file=file, line=outline.line(name))
        node.extras = functools.partial(self._extra, module, name)
        if any(unit.documented for unit in outline.units_of(name)):
            node.follow = functools.partial(self._follow, module, name, file)
        return self._search.note(
            ("late", label), file, node, lambda node: self._look_name(module, name, outline, file)
        )

    def _extra(self, module: str, name: str, kind: str) -> str:
        """Return the docstrings, the annotations or the text of what binds a name, for code that reads them."""
        found = self.outline(module)
        definitions = found[0].definitions(name) if found is not None else []
        inner = (one for node in definitions for one in ast.walk(node))
        return "".join(extra_of(one, kind) for one in inner if isinstance(one, (*_Function, ast.ClassDef)))

    def _follow(self, module: str, name: str, file: str) -> None:
        """Note what the annotations of what binds a name lead to, for code that reads them."""
        label = f"{module}:{name}:<annotations>"
        node = Node(label, label, file=file)
        self._search.note(("late", label), file, node, lambda _: self._look_annotations(module, name))

    def _look_annotations(self, module: str, name: str) -> object:
        found = self.outline(module)
        if found is None:
            return None
        outline, package = found[0], package_of(module, found[1])
        chains = sorted({chain for unit in outline.units_of(name) for chain in unit.documented})
        return ["Annotations", {".".join(one): self._chain(module, package, outline, one) for one in chains}]

    def _by_star(self, outline: Outline, package: str, name: str) -> str | None:
        for star in outline.stars:
            module = absolute_name(star, package)
            found = self.outline(module) if module is not None else None
            if module is not None and found is not None and (found[0].units_of(name) or found[0].stars):
                return self._name(module, name)
        return None

    def _look_name(self, module: str, name: str, outline: Outline, file: str) -> object:
        package = package_of(module, file)
        self.importing(module)
        units = outline.units_of(name) or outline.units_of("__getattr__")
        made_of = [self._unit(module, package, outline, unit) for unit in units]
        return ["Late", made_of, self._patched(module, name, file, units)]

    def _unit(self, module: str, package: str, outline: Outline, unit: Unit) -> object:
        """Return what a statement says, and note what it leads to."""
        if unit.is_import:
            bound = [(name, one) for name, many in outline.imports.items() for one in many]
            used = [(name, one) for name, one in bound if name in unit.binds]
            return [code_text(*unit.guards), [self._imported(one, package, ()) for _, one in used]]
        names = self.imported(unit.imports, unit.chains, package)
        local = {name for name, _ in unit.imports}
        for chain in unit.chains:
            if chain[0] not in local:
                text = self._chain(module, package, outline, chain)
                if text is not None:
                    names[".".join(chain)] = text
        self._note_words(unit.node)
        return [code_text(*unit.guards), unit_text(unit.node, outline), names]

    def _note_words(self, node: ast.AST) -> None:
        """Note the texts in a part, and what it may read of others."""
        texts = frozenset(texts_in(node))
        words = found = frozenset(words_of(node)) | texts
        if "files" in readers(words) and may_write(words):
            found, texts = apart_from_writing(node)
        self._search.holds(texts)
        self._search.reads(readers(words) - {"files"} | readers(found))

    def _chain(self, module: str, package: str, outline: Outline, chain: Chain) -> str | None:
        units = outline.units_of(chain[0])
        if not units:
            return self._by_star(outline, package, chain[0])
        if all(unit.is_import for unit in units):
            return " or ".join(self._imported(one, package, chain[1:]) for one in outline.imports[chain[0]])
        return self._name(module, chain[0])

    def _patched(self, module: str, name: str, file: str, units: Sequence[Unit]) -> str | None:
        """Note what something else has put in the place of a function, where the module is loaded."""
        thing: Any = vars(sys.modules[module]).get(name) if module in sys.modules else None
        if not isinstance(thing, FunctionType) or thing.__code__.co_filename == file:
            return None
        plain = all(isinstance(unit.node, _Function) and not unit.node.decorator_list for unit in units)
        return self._search.bind(thing) if plain else None

    def _look_whole(self, module: str, file: str) -> object:
        source = self._search.source(file)
        if source is None:
            return ["File", digest_file(file) if Path(file).is_file() else ""]
        statements = [one for one in source.tree.body if has_effect(one)]
        definitions = sorted(_text(one) for one in statements if isinstance(one, (*_Function, ast.ClassDef)))
        others = [_text(one) for one in statements if not isinstance(one, (*_Function, ast.ClassDef))]
        package = package_of(module, file)
        self.importing(module)
        self._note_words(source.tree)
        imports = nested_imports(source.tree)
        return [
            "Module",
            others,
            definitions,
            {one.module: self._whole_import(one, package) for _, one in imports},
        ]

    def _whole_import(self, one: Imported, package: str) -> list[str]:
        module = absolute_name(one.module, package)
        if module is None:
            return []
        inside = [f"{module}.{one.name}"] if one.name is not None else []
        modules = [module, *(name for name in inside if self.file(name) is not None)]
        return [self.whole(name, self.file(name)) for name in modules]

    def _look_loaded(self, module: str, file: str, node: Node) -> object:
        """Return the statements that act outside of the project, and go on to what the module imports."""
        source = self._search.source(file)
        if source is None:
            return None
        self._search.witness.saw_module(module)
        package = package_of(module, file)
        names = vars(sys.modules[module]) if module in sys.modules else {}
        for name in source.outline.modules:
            absolute = absolute_name(name, package)
            inner = file_of(sys.modules.get(absolute or ""))
            if absolute is not None and inner is not None:
                self.loaded(absolute, inner)
        effects = self.effects.outside(module, file, source.outline)
        node.line = effects[0].node.lineno if effects else None
        made_of = [
            [
                code_text(*unit.guards),
                unit_text(unit.node, source.outline),
                self._search.names(unit.chains, names),
            ]
            for unit in effects
        ]
        return ["Import", made_of] if made_of else None

    def _look_late(self, module: str, file: str, node: Node) -> object:
        found = self.outline(module)
        if found is None:
            return None
        outline, package = found[0], package_of(module, file)
        for name in outline.modules:
            absolute = absolute_name(name, package)
            if absolute is not None:
                self.importing(absolute)
        acting = {*self.effects.outside(module, file, outline), *self.effects.inside(module, file, outline)}
        effects = [unit for unit in outline.units if unit in acting]
        node.line = effects[0].node.lineno if effects else None
        made_of = [self._unit(module, package, outline, unit) for unit in effects]
        return ["Import", made_of] if made_of else None


def _importing(module: str, file: str) -> Node:
    label = f"{module}:<import>"
    return Node(label, label, file=file)


def _text(node: ast.stmt) -> str:
    return code_text(node)
