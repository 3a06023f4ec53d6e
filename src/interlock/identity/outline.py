"""What the statements of a module bind, use and change, read from its text without running it.

This is how a module is seen that a function imports when it runs: the answer must not depend on
whether something else has loaded the module already. Where the text leaves a doubt whether a
statement matters for a name, it does.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.identity.references import Chain, chains_of_tree
from interlock.identity.statements import (
    IMPORT,
    Imported,
    Unit,
    executed,
    imports_of,
    path_of,
    statements_of,
    stored_in,
)
from interlock.identity.syntax import annotations_in, annotations_of, code_text, function_text

# Calls of these leave nothing behind that a step could notice.
_QUIET = frozenset({"print", "logging", "warnings", "sys", "typing"})
# By these a statement may bind any name.
_NAMES_ANY = frozenset({"exec", "globals", "locals", "vars"})
# Decorators from these hand back what they are given, or a wrapper; they keep no list of it.
_QUIET_DECORATORS = frozenset(
    {
        "abc",
        "attr",
        "attrs",
        "backoff",
        "beartype",
        "cachetools",
        "contextlib",
        "dataclasses",
        "deprecated",
        "enum",
        "functools",
        "interlock",
        "jax",
        "numba",
        "numpy",
        "pandera",
        "pydantic",
        "tenacity",
        "torch",
        "typeguard",
        "typing",
        "typing_extensions",
        "wrapt",
    }
)


# Decorators under which a method runs as it is written.
_METHODS = frozenset({"classmethod", "staticmethod"})


@dataclass(frozen=True)
class Act:
    """Something that is done to what is not the module's own.

    Attributes:
        chain: What it is done to: ("tools", "f") for `tools.f = g` and for `tools.f()`; () where that is not known.
        is_call: Whether it is called; else it is assigned to.
    """

    chain: Chain
    is_call: bool


class Outline:
    """The statements of one module.

    Args:
        tree: The parsed file.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.units = [Unit(node, guards) for node, guards in statements_of(tree.body, ())]
        self.imports: dict[str, list[Imported]] = {}
        self.stars: list[str] = []
        self._units: dict[str, tuple[Unit, ...]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        for unit in self.units:
            if isinstance(unit.node, IMPORT):
                self._add_imports(unit.node)

    def defines(self, name: str) -> bool:
        """Say whether a statement here, imports among them, binds the name."""
        return name in self._bound

    def line(self, name: str) -> int | None:
        """Return the first line that binds a name."""
        units = self._bound.get(name)
        return units[0].node.lineno if units else None

    def units_of(self, name: str) -> tuple[Unit, ...]:
        """Return the statements that bind a name, and those that may change what it is bound to."""
        if name not in self._units:
            self._units[name] = self._find_units(name)
        return self._units[name]

    def _find_units(self, name: str) -> tuple[Unit, ...]:
        binding = self._bound.get(name, [])
        is_data = any(not unit.is_definition and not unit.is_import for unit in binding)
        changing = [
            unit for unit in self.units if unit not in binding and self._may_change(unit, name, is_data)
        ]
        return (*binding, *changing)

    def acts(self, unit: Unit) -> tuple[Act, ...]:
        """Return what a statement does, when the module is imported, to what was imported before."""
        if unit.is_definition:
            return tuple(Act(chain, is_call=True) for chain in self._handed_to(unit.node))
        nodes = () if unit.is_import else executed(unit.node)
        return tuple(act for one in nodes for act in self._acts_of(one, frozenset()))

    def acts_of_call(self, path: Chain) -> list[Act]:
        """Return what a call of a function or a method of this module does to what was imported before."""
        return list(self._acts_of_own(path, frozenset({path[0]})))

    @functools.cached_property
    def acting(self) -> list[Unit]:
        """The statements that do something to what was imported before."""
        return [unit for unit in self.units if self.acts(unit)]

    @functools.cached_property
    def modules(self) -> tuple[str, ...]:
        """The modules that are imported with this one, as they are written."""
        found = {one.module for many in self.imports.values() for one in many} | set(self.stars)
        # `from . import features` may load a module of that name.
        for many in self.imports.values():
            found.update(_inside(one) for one in many if one.name is not None)
        for unit in self.units:
            if not unit.is_definition:
                found.update(one.module for _, one in unit.imports)
                found.update(_inside(one) for _, one in unit.imports if one.name is not None)
        return tuple(sorted(found))

    def definitions(self, name: str) -> list[ast.stmt]:
        """Return the functions and classes here of that name."""
        return [unit.node for unit in self._bound.get(name, []) if unit.is_definition]

    def binding(self, name: str) -> list[Unit]:
        """Return the statements that bind a name, imports among them."""
        return self._bound.get(name, [])

    def remembers(self, name: str) -> bool:
        """Say whether a name here may be bound to something in which code leaves things: a dict, an object."""
        units = (
            unit.node for unit in self._bound.get(name, []) if not unit.is_definition and not unit.is_import
        )
        return any(not self._is_fixed(getattr(node, "value", None)) for node in units)

    def _is_fixed(self, value: object) -> bool:
        if isinstance(value, ast.Call):
            path = path_of(value)
            return bool(path) and self._origin(path[0]) in ("logging", "typing")
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        return all(isinstance(one, (ast.Constant, ast.UnaryOp)) for one in parts)

    @functools.cached_property
    def _bound(self) -> dict[str, list[Unit]]:
        bound: dict[str, list[Unit]] = {}
        for unit in self.units:
            for name in unit.binds:
                bound.setdefault(name, []).append(unit)
        return bound

    def _add_imports(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, one in imports_of(node):
            if name == "*":
                self.stars.append(one.module)
            else:
                self.imports.setdefault(name, []).append(one)

    def _may_change(self, unit: Unit, name: str, is_data: bool) -> bool:
        if unit.is_import:
            return False
        if name in unit.touched or not _NAMES_ANY.isdisjoint(unit.called):
            return True
        if unit.is_definition and not unit.called:
            return False
        # What is data can be changed by everything that is called and reaches it.
        return is_data and any(name in self.reached_by(root) for root in unit.called)

    def reached_by(self, name: str) -> frozenset[str]:
        """Return the names here that a function reaches when it is called."""
        if name not in self._reached:
            self._reached[name] = self._reach(name)
        return self._reached[name]

    def _reach(self, name: str) -> frozenset[str]:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            for unit in self._bound.get(waiting.pop(), []):
                new = (unit.roots if unit.is_definition else frozenset()) - seen
                seen |= new
                waiting.extend(new)
        return frozenset(seen)

    def _handed_to(self, node: ast.stmt) -> Iterator[Chain]:
        """Yield the decorators of a definition that may remember it."""
        for decorator in getattr(node, "decorator_list", ()):
            path = path_of(decorator)
            if path and self._origin(path[0]) not in ("", *_QUIET_DECORATORS):
                yield path

    def _acts_of(self, node: ast.AST, seen: frozenset[str]) -> Iterator[Act]:
        """Yield the acts of one executed node: a bare call, or an assignment into something."""
        if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await)):
            call = node.value.value if isinstance(node.value, ast.Await) else node.value
            if isinstance(call, ast.Call):
                yield from self._acts_of_call(call, seen)
        targets: list[ast.expr] = []
        if isinstance(node, (ast.Assign, ast.Delete)):
            targets = list(node.targets)
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        for path in (path for target in targets for path in stored_in(target)):
            if self._origin(path[0]) not in ("", "sys"):
                yield Act(path, is_call=False)

    def _acts_of_call(self, call: ast.Call, seen: frozenset[str]) -> Iterator[Act]:
        path = path_of(call)
        if path in (("setattr",), ("delattr",)) and len(call.args) > 1 and path_of(call.args[0]):
            target, name = path_of(call.args[0]), call.args[1]
            if self._origin(target[0]):
                yield Act(
                    (*target, str(name.value) if isinstance(name, ast.Constant) else "*"), is_call=False
                )
            return
        root = path[0] if path else ""
        if root in seen or root in _QUIET or self._origin(root) in _QUIET:
            return
        if root in self._bound and root not in self.imports:
            yield from self._acts_of_own(path, seen | {root})
        else:
            yield Act(path, is_call=True)

    def _acts_of_own(self, path: Chain, seen: frozenset[str]) -> Iterator[Act]:
        """Yield what a function of this module does when it is called; data does nothing outside."""
        for unit in self._bound.get(path[0], []):
            called = _called_in(unit.node, path[1:]) if isinstance(unit.node, ast.ClassDef) else unit.node
            if called is None:
                yield Act(path, is_call=True)
            elif isinstance(called, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for part in called.body:
                    for one in executed(part):
                        yield from self._acts_of(one, seen)

    def _origin(self, root: str) -> str:
        """Return the first part of the module that a name was imported from, "" for any other name."""
        for one in self.imports.get(root, []):
            return one.module.partition(".")[0] or "."
        return ""


def _called_in(node: ast.ClassDef, path: Chain) -> ast.stmt | None:
    """Return the method that is called as `Class.method(...)`, None for what the class does not say.

    `register` of an abstract class is seen by those who reach the class, and `model_rebuild` of pydantic does
    what the annotations say: they stand for `pass`.
    """
    for one in node.body:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and (one.name,) == path:
            is_plain = all((path_of(deco) or ("",))[-1] in _METHODS for deco in one.decorator_list)
            return one if is_plain else None
    bases = [*node.bases, *(one.value for one in node.keywords if one.arg == "metaclass")]
    is_abstract = any((path_of(one) or ("",))[-1] in ("ABC", "ABCMeta") for one in bases)
    is_seen = (path == ("register",) and is_abstract) or (path == ("model_rebuild",) and bool(node.bases))
    return ast.Pass() if is_seen else None


def _inside(one: Imported) -> str:
    return f"{one.module}{one.name}" if one.module.endswith(".") else f"{one.module}.{one.name}"


def unit_text(node: ast.stmt, outline: Outline) -> str:
    """Return the text of a statement, without the decorators that say how a step is run."""
    if isinstance(node, ast.ClassDef) and (node.decorator_list or node.keywords):
        return code_text(node, *annotations_in(node)[0])
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return code_text(node)
    decorators = [one for one in node.decorator_list if not _is_ours(one, outline)]
    annotations = annotations_of(node) if node.decorator_list else []
    return code_text(*decorators) + function_text(node) + code_text(*annotations)


def _is_ours(decorator: ast.expr, outline: Outline) -> bool:
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    roots = {chain[0] for chain in chains_of_tree(inner)}
    modules = [one.module for root in roots for one in outline.imports.get(root, [])]
    return any(module.partition(".")[0] == "interlock" for module in modules)
