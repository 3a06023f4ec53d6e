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

from interlock.identity.references import Chain, chain_of, chains_of_tree
from interlock.identity.syntax import has_effect

_Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Import = (ast.Import, ast.ImportFrom)
_Deferred = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

# Calls of these leave nothing behind that a step could notice.
_QUIET = frozenset({"print", "logging", "warnings", "sys", "typing"})
# Decorators from these hand back what they are given, or a wrapper; they keep no list of it.
_QUIET_DECORATORS = frozenset(
    {
        "abc",
        "attr",
        "attrs",
        "contextlib",
        "dataclasses",
        "enum",
        "functools",
        "interlock",
        "pydantic",
        "typing",
    }
)


@dataclass(frozen=True)
class Imported:
    """What an import statement binds a name to: a module, or a name inside of one.

    Attributes:
        module: The module as it is written, with a dot in front for each level.
        name: The name inside of it; None for the module itself.
        whole: Whether the name is bound to this very module, as by `import a.b as c`, and not to its first part.
    """

    module: str
    name: str | None = None
    whole: bool = True


@dataclass(frozen=True)
class Act:
    """Something that is done to what is not the module's own.

    Attributes:
        chain: What it is done to: ("tools", "f") for `tools.f = g` and for `tools.f()`; () where that is not known.
        is_call: Whether it is called; else it is assigned to.
    """

    chain: Chain
    is_call: bool


class Unit:
    """One statement at module level, or one inside an `if` or `try` there.

    Args:
        node: The statement.
        guards: The conditions that it stands under.
    """

    def __init__(self, node: ast.stmt, guards: tuple[ast.AST, ...]) -> None:
        self.node = node
        self.guards = guards
        self.is_definition = isinstance(node, _Definition)
        self.is_import = isinstance(node, _Import)

    @functools.cached_property
    def binds(self) -> frozenset[str]:
        """The names that it binds."""
        return frozenset(_bound(self.node))

    @functools.cached_property
    def chains(self) -> tuple[Chain, ...]:
        """What it uses, at once or when what it defines is called."""
        return chains_of_tree(self.node, *self.guards)

    @functools.cached_property
    def imports(self) -> tuple[tuple[str, Imported], ...]:
        """The imports inside of what it defines."""
        return tuple(nested_imports(self.node)) if not self.is_import else ()

    @functools.cached_property
    def called(self) -> frozenset[str]:
        """The names of what it calls at once."""
        return frozenset(root for one in _executed(self.node) for root in _called(one))

    @functools.cached_property
    def touched(self) -> frozenset[str]:
        """The names whose objects it may change."""
        return frozenset(root for one in _executed(self.node) for root in _touched(one))

    @property
    def roots(self) -> frozenset[str]:
        """The names that it uses, without the attributes."""
        return frozenset(chain[0] for chain in self.chains)


class Outline:
    """The statements of one module.

    Args:
        tree: The parsed file.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.units = [Unit(node, guards) for node, guards in _statements(tree.body, ())]
        self.imports: dict[str, list[Imported]] = {}
        self.stars: list[str] = []
        self._units: dict[str, tuple[Unit, ...]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        for unit in self.units:
            if isinstance(unit.node, _Import):
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
        nodes = () if unit.is_import else _executed(unit.node)
        return tuple(act for one in nodes for act in self._acts_of(one, frozenset()))

    def acts_of_call(self, name: str) -> list[Act]:
        """Return what a call of a function of this module does to what was imported before."""
        return list(self._acts_of_own((name,), frozenset({name})))

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
        return tuple(sorted(found))

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
        if name in unit.touched:
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
            path = _path(decorator)
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
        for path in (path for target in targets for path in _stored_in(target)):
            if self._origin(path[0]) not in ("", "sys"):
                yield Act(path, is_call=False)

    def _acts_of_call(self, call: ast.Call, seen: frozenset[str]) -> Iterator[Act]:
        path = _path(call)
        if path in (("setattr",), ("delattr",)) and len(call.args) > 1 and _path(call.args[0]):
            name = call.args[1]
            yield Act(
                (*_path(call.args[0]), str(name.value) if isinstance(name, ast.Constant) else "*"),
                is_call=False,
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
            if isinstance(unit.node, ast.ClassDef):
                yield Act(path, is_call=True)
            elif isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for part in unit.node.body:
                    for one in _executed(part):
                        yield from self._acts_of(one, seen)

    def _origin(self, root: str) -> str:
        """Return the first part of the module that a name was imported from, "" for any other name."""
        for one in self.imports.get(root, []):
            return one.module.partition(".")[0] or "."
        return ""


def imports_of(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Imported]]:
    """Yield the names that an import statement binds; a star is bound as `*`."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            yield alias.asname or first, Imported(alias.name, None, bool(alias.asname))
        return
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        yield alias.asname or alias.name, Imported(module, None if alias.name == "*" else alias.name)


def nested_imports(*nodes: ast.AST) -> list[tuple[str, Imported]]:
    """Return what import statements inside of code bind, and modules that it imports by a text."""
    found: list[tuple[str, Imported]] = []
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, _Import):
                found.extend(imports_of(inner))
            elif isinstance(inner, ast.Call):
                found.extend(("*", Imported(module)) for module in _imported_by_text(inner))
    return found


def _imported_by_text(call: ast.Call) -> Iterator[str]:
    """Yield the module of `import_module("a.b")`, of which the name is written down."""
    name = (chain_of(call.func) or ("",))[-1]
    first = call.args[0] if call.args else None
    text = first.value if isinstance(first, ast.Constant) else None
    if name in ("import_module", "__import__", "find_spec") and isinstance(text, str):
        yield text


def _inside(one: Imported) -> str:
    return f"{one.module}{one.name}" if one.module.endswith(".") else f"{one.module}.{one.name}"


def _statements(
    body: list[ast.stmt], guards: tuple[ast.AST, ...]
) -> Iterator[tuple[ast.stmt, tuple[ast.AST, ...]]]:
    """Yield the statements that an import runs, each with the conditions it stands under."""
    for node in body:
        if isinstance(node, ast.If):
            if not _is_for_others(node.test):
                yield from _statements(node.body, (*guards, node.test))
            yield from _statements(node.orelse, (*guards, node.test))
        elif isinstance(node, ast.Try):
            caught = tuple(one.type for one in node.handlers if one.type is not None)
            parts = [node.body, *(one.body for one in node.handlers), node.orelse, node.finalbody]
            for part in parts:
                yield from _statements(part, (*guards, *caught))
        elif has_effect(node):
            yield node, guards


def _is_for_others(test: ast.expr) -> bool:
    """Say whether a block runs for a type checker only, or only where the file is the script."""
    if isinstance(test, ast.Compare):
        return (chain_of(test.left) or ("",))[0] == "__name__"
    return (chain_of(test) or ("",))[-1] == "TYPE_CHECKING"


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in the scope around it."""
    if isinstance(node, _Definition):
        yield node.name
    elif isinstance(node, _Import):
        yield from (name for name, _ in imports_of(node) if name != "*")
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs at once: not the bodies of functions, but their decorators and defaults."""
    yield node
    if isinstance(node, _Deferred):
        children = [*getattr(node, "decorator_list", []), *node.args.defaults]
        children += [one for one in node.args.kw_defaults if one is not None]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _executed(child)


def _called(node: ast.AST) -> Iterator[str]:
    """Yield the root of what a node calls; a decorator is called without being written as a call."""
    calls = [node.func] if isinstance(node, ast.Call) else []
    calls += getattr(node, "decorator_list", [])
    for call in calls:
        yield from (chain[0] for chain in chains_of_tree(call))


def _touched(node: ast.AST) -> Iterator[str]:
    """Yield the names whose objects a node may change: by storing into them, or as part of a bare call."""
    if isinstance(node, (ast.Assign, ast.Delete)):
        for target in node.targets:
            yield from (path[0] for path in _stored_in(target))
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        yield from (path[0] for path in _stored_in(node.target))
    elif isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await)):
        yield from (chain[0] for chain in chains_of_tree(node.value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # `TABLE.pop("a")` changes the table also where its result is kept.
        yield from (chain[0] for chain in chains_of_tree(node.func))
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.While)):
        yield from (chain[0] for chain in chains_of_tree(node))


def _stored_in(target: ast.AST) -> Iterator[Chain]:
    """Yield the path of `a.b` in `a.b = ...` and of `a` in `a[0] = ...`."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for one in target.elts:
            yield from _stored_in(one)
    elif isinstance(target, (ast.Attribute, ast.Subscript)) and _path(target):
        yield _path(target)


def _path(target: ast.AST) -> Chain:
    """Return the names along an expression: ("a", "b", "c") for `a.b().c[0]`."""
    names: list[str] = []
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(target, ast.Attribute):
            names.append(target.attr)
        target = target.func if isinstance(target, ast.Call) else target.value
    return (target.id, *reversed(names)) if isinstance(target, ast.Name) else ()
