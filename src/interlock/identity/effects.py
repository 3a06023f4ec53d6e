"""What the import of a module does to what was there before: to the project, and to everything else."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.identity.modules import absolute_name, package_of
from interlock.identity.outline import Act, Outline, unit_text
from interlock.identity.references import Chain, chain_of, chains_of_tree
from interlock.identity.statements import Unit, executed, path_of, stored_in
from interlock.identity.web import Node

if TYPE_CHECKING:
    from interlock.identity.late import Late
    from interlock.identity.reach import Search


_HOOK = "__init_subclass__"


class Effects:
    """Tells effects on the project from effects on everything else, for one search."""

    def __init__(self, search: Search, late: Late) -> None:
        self._search = search
        self._late = late
        self._stores: dict[tuple[str, str], list[tuple[str, Unit, Outline]]] = {}
        self._linked: set[object] = set()
        self._kept: dict[tuple[str, Chain], bool] = {}

    def outside(self, module: str, file: str, outline: Outline) -> list[Unit]:
        """Return the statements that act outside of the project when a module is imported.

        What acts on the project is seen by those who reach what it acts on; it is noted for late modules.
        """
        package = package_of(module, file)
        found: list[Unit] = []
        for unit in outline.acting:
            inside: set[tuple[str, str]] = set()
            stays = [self._stays_inside(outline, act, package, inside) for act in outline.acts(unit)]
            if not all(stays):
                found.append(unit)
            for one in inside:
                self._stores.setdefault(one, []).append((module, unit, outline))
        return found

    def _stays_inside(self, outline: Outline, act: Act, package: str, inside: set[tuple[str, str]]) -> bool:
        """Say whether an act changes nothing but the project; gather what of the project it changes."""
        owner = self._find(outline, act.chain, package)
        if owner is None or not owner[1]:
            return False
        module, chain = owner
        found = module, chain[0]
        if found in inside:
            return True
        inside.add(found)
        other = self._late.outline(found[0])
        if not act.is_call or other is None:
            return True
        inside.update((found[0], name) for name in other[0].reached_by(found[1]))
        there = package_of(found[0], other[1])
        # All are looked at, not only up to the first that leads outside: each may change something inside.
        acts = other[0].acts_of_call(chain)
        stays = [self._stays_inside(other[0], one, there, inside) for one in acts]
        return all(stays)

    def inside(self, module: str, file: str, outline: Outline) -> list[Unit]:
        """Return the statements that may change other modules of the project when a module is imported.

        Where a function imports the module, they run with the function: what they leave in others is part
        of what it does, however the others are reached.
        """
        package = package_of(module, file)
        return [
            unit
            for unit in outline.units
            if not unit.is_import and self._changes(outline, package, unit.node, set())
        ]

    def _changes(self, outline: Outline, package: str, node: ast.AST, seen: set[str]) -> bool:
        """Say whether a node, when it is executed, may change another module of the project."""
        return any(
            any(self._leads_out(outline, path, package) for path in _changed(one))
            or any(self._hands_out(outline, path, package, seen) for path in _called(one))
            for one in executed(node)
        )

    def _leads_out(self, outline: Outline, path: Chain, package: str) -> bool:
        """Say whether a path leads to what another module holds, by an import or by a name given to it here."""
        if path[:2] == ("sys", "modules") or self._find(outline, path, package) is not None:
            return True
        aliases = [unit for unit in outline.binding(path[0]) if not unit.is_definition and not unit.is_import]
        found = [self._find(outline, chain, package) for unit in aliases for chain in unit.chains]
        return any(one is not None and self._keeps(*one) for one in found)

    def _hands_out(self, outline: Outline, path: Chain, package: str, seen: set[str]) -> bool:
        """Say whether a call may leave something in another module of the project."""
        found = self._find(outline, path, package)
        if found is not None:
            return self._keeps(*found)
        own = outline.definitions(path[0])
        if not own:
            return self._leads_out(outline, path, package)
        if path[0] in seen:
            return False
        seen.add(path[0])
        if path[-1] == _HOOK and any(
            self._hands_out(outline, base, package, seen) for one in own for base in _called(one)
        ):
            return True
        return any(self._changes(outline, package, part, seen) for one in own for part in _run_by_call(one))

    def _keeps(self, module: str, chain: Chain) -> bool:
        """Say whether what a chain of a module stands for may keep what it is handed; doubt says yes."""
        key = (module, chain)
        if key not in self._kept:
            self._kept[key] = False  # what leads back to itself adds nothing
            self._kept[key] = self._look_keeping(module, chain)
        return self._kept[key]

    def _look_keeping(self, module: str, chain: Chain) -> bool:
        found = self._late.outline(module)
        if found is None:
            return False
        if not chain:
            return True
        outline, package = found[0], package_of(module, found[1])
        there = self._find(outline, chain, package)
        if there is not None:
            return self._keeps(*there)
        own = outline.definitions(chain[0])
        if not outline.defines(chain[0]):
            # A local name is none of the module's; `registry.__dict__` is all of it.
            return chain[0] == "__dict__" or outline.defines("__getattr__")
        if not own:
            return chain[-1] != _HOOK and outline.remembers(chain[0])
        if chain[1:] == (_HOOK,):
            bases = [base for one in own for base in _called(one) if base[-1] == _HOOK]
            return any(map(_sees_subclasses, own)) or any(self._keeps(module, base) for base in bases)
        if len(chain) > 1 or any(map(_may_remember, own)):
            # `area.register(f)`, `Registry.add(f)`
            return True
        units = outline.binding(chain[0])
        used = [(module, one) for unit in units for one in unit.chains if one != chain[:1]]
        for unit in units:
            for _, one in unit.imports:
                name = absolute_name(one.module, package)
                used += [(name, (one.name,) if one.name is not None else ())] if name is not None else []
        return any(self._keeps(*one) for one in used)

    def _find(self, outline: Outline, chain: Chain, package: str) -> tuple[str, Chain] | None:
        """Return the module of the project, and the chain in it, that a chain leads to by an import."""
        for one in outline.imports.get(chain[0], []) if chain else ():
            module = absolute_name(one.module, package) or ""
            rest = chain[1:]
            if one.name is not None:
                rest = (one.name, *rest)
            elif not one.whole:
                module = module.partition(".")[0]
            while rest and self._late.file(f"{module}.{rest[0]}") is not None:
                module, rest = f"{module}.{rest[0]}", rest[1:]
            if self._late.is_ours(module, self._late.file(module)):
                return module, rest
        if not chain or outline.binding(chain[0]):
            return None
        for star in outline.stars:
            module = absolute_name(star, package) or ""
            found = self._late.outline(module)
            if found is not None and (found[0].binding(chain[0]) or found[0].stars):
                return module, chain
        return None

    def link(self) -> bool:
        """Lead from the names of late modules to what other modules store there; say whether something is new."""
        is_new = False
        for (module, name), stores in self._stores.items():
            for key in (("late", f"{module}:{name}"), f"{module}:*"):
                node = self._search.nodes.get(key)
                if node is not None and (key, module, name) not in self._linked:
                    self._linked.add((key, module, name))
                    is_new = True
                    for where, unit, outline in stores:
                        self._search.lead(
                            node, (where, unit), functools.partial(self._look_patch, where, unit, outline)
                        )
        return is_new

    def _look_patch(self, module: str, unit: Unit, outline: Outline, node: Node) -> object:
        node.line = unit.node.lineno
        names = vars(sys.modules[module]) if module in sys.modules else {}
        return ["Import", unit_text(unit.node, outline), self._search.names(unit.chains, names)]


def _called(node: ast.AST) -> Iterator[Chain]:
    """Yield what a node calls: functions, decorators, and what the bases of a class do with a new one.

    Where what is called is itself made by code, as in `getattr(registry, "add")(f)`, it is all that this
    code names.
    """
    calls: list[ast.AST] = [node.func] if isinstance(node, ast.Call) else []
    calls += getattr(node, "decorator_list", [])
    for call in calls:
        path = path_of(call)
        yield from [path] if path else []
        if not chain_of(call):
            yield from (one for one in chains_of_tree(call) if one != path)
    if isinstance(node, ast.ClassDef):
        bases = [*node.bases, *(one.value for one in node.keywords)]
        yield from ((*path, _HOOK) for path in map(path_of, bases) if path)


def _changed(node: ast.AST) -> Iterator[Chain]:
    """Yield the paths that a node stores into, and those that a bare call hands on to be changed."""
    targets: list[ast.expr] = []
    if isinstance(node, (ast.Assign, ast.Delete)):
        targets = list(node.targets)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    for target in targets:
        yield from stored_in(target)
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and path_of(call)[:1] != ("print",):
        given = [*call.args, *(one.value for one in call.keywords)]
        yield from (path for path in map(path_of, given) if path)


def _run_by_call(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield what may run when a function or a class is called."""
    for part in getattr(node, "body", ()):
        yield from _run_by_call(part) if isinstance(node, ast.ClassDef) else [part]


def _may_remember(node: ast.AST) -> bool:
    """Say whether a function or a class keeps things itself: in a global name, a default or an attribute."""
    plain = (ast.Constant, ast.UnaryOp, ast.Name, ast.Attribute, ast.Tuple)
    for one in ast.walk(node):
        if isinstance(one, ast.Global):
            return True
        if isinstance(one, ast.arguments):
            defaults = [*one.defaults, *(value for value in one.kw_defaults if value is not None)]
            if not all(isinstance(value, plain) for value in defaults):
                return True
    body = node.body if isinstance(node, ast.ClassDef) else []
    values = [one.value for one in body if isinstance(one, (ast.Assign, ast.AnnAssign))]
    return any(value is not None and not isinstance(value, plain) for value in values)


def _sees_subclasses(node: ast.AST) -> bool:
    """Say whether a class may do something with the classes derived from it, or is of a metaclass."""
    return any(
        (isinstance(one, ast.FunctionDef) and one.name == _HOOK)
        or (isinstance(one, ast.Attribute) and one.attr == "__subclasses__")
        or (isinstance(one, ast.keyword) and one.arg == "metaclass")
        for one in ast.walk(node)
    )
