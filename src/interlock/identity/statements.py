"""One statement of a module: what it binds, uses, calls and changes."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from interlock.identity.references import Chain, chain_of, chains_of_tree
from interlock.identity.syntax import annotations_in, has_effect, quoted_in

DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORT = (ast.Import, ast.ImportFrom)
_DEFERRED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


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


class Unit:
    """One statement at module level, or one inside an `if` or `try` there.

    Args:
        node: The statement.
        guards: The conditions that it stands under.
    """

    def __init__(self, node: ast.stmt, guards: tuple[ast.AST, ...]) -> None:
        self.node = node
        self.guards = guards
        self.is_definition = isinstance(node, DEFINITION)
        self.is_import = isinstance(node, IMPORT)

    @functools.cached_property
    def binds(self) -> frozenset[str]:
        """The names that it binds."""
        return frozenset(_bound(self.node))

    @functools.cached_property
    def chains(self) -> tuple[Chain, ...]:
        """What it uses, at once or when what it defines is called."""
        declared = (
            (name,) for one in ast.walk(self.node) if isinstance(one, ast.Global) for name in one.names
        )
        read, unread = self._annotations
        used = chains_of_tree(self.node, *self.guards, *quoted_in(*read), without=set(unread))
        return tuple(sorted({*used, *declared}))

    @functools.cached_property
    def documented(self) -> tuple[Chain, ...]:
        """What annotations use that only document, unless code reads them."""
        unread = self._annotations[1]
        return chains_of_tree(*unread, *quoted_in(*unread))

    @functools.cached_property
    def _annotations(self) -> tuple[list[ast.expr], list[ast.expr]]:
        return annotations_in(self.node)

    @functools.cached_property
    def imports(self) -> tuple[tuple[str, Imported], ...]:
        """The imports inside of what it defines."""
        return tuple(nested_imports(self.node)) if not self.is_import else ()

    @functools.cached_property
    def called(self) -> frozenset[str]:
        """The names of what it calls at once."""
        return frozenset(root for one in executed(self.node) for root in _called(one))

    @functools.cached_property
    def touched(self) -> frozenset[str]:
        """The names whose objects it may change."""
        return frozenset(root for one in executed(self.node) for root in _touched(one))

    @property
    def roots(self) -> frozenset[str]:
        """The names that it uses, without the attributes."""
        return frozenset(chain[0] for chain in self.chains)


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
    """Return what import statements inside of code bind."""
    found: list[tuple[str, Imported]] = []
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, IMPORT):
                found.extend(imports_of(inner))
    return found


def texts_in(node: ast.AST) -> Iterator[str]:
    """Yield the texts that are written in an expression."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value:
            yield inner.value


def _values_of(name: str, around: ast.AST) -> Iterator[ast.AST]:
    """Yield what a local name is bound to: by an assignment, as a default, or in a loop."""
    for one in ast.walk(around):
        if isinstance(one, ast.arguments):
            plain = [*one.posonlyargs, *one.args]
            pairs = zip(plain[len(plain) - len(one.defaults) :], one.defaults, strict=True)
            yield from (value for arg, value in pairs if arg.arg == name)
            keywords = zip(one.kwonlyargs, one.kw_defaults, strict=True)
            yield from (value for arg, value in keywords if arg.arg == name and value is not None)
        elif isinstance(one, (ast.For, ast.AsyncFor, ast.comprehension)):
            yield from [one.iter] if name in _bound(one.target) else []
        elif isinstance(one, ast.Assign):
            yield from [one.value] if any(name in _bound(target) for target in one.targets) else []
        elif isinstance(one, (ast.AnnAssign, ast.NamedExpr)) and one.value is not None:
            yield from [one.value] if name in _bound(one.target) else []


def words_of(node: ast.AST) -> set[str]:
    """Return the names in code, those of attributes and of what is imported included."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
        elif isinstance(one, ast.alias):
            found.add(one.name)
    return found


def statements_of(
    body: list[ast.stmt], guards: tuple[ast.AST, ...]
) -> Iterator[tuple[ast.stmt, tuple[ast.AST, ...]]]:
    """Yield the statements that an import runs, each with the conditions it stands under."""
    for node in body:
        if isinstance(node, ast.If):
            if not _is_for_others(node.test):
                yield from statements_of(node.body, (*guards, node.test))
            yield from statements_of(node.orelse, (*guards, node.test))
        elif isinstance(node, ast.Try):
            caught = tuple(one.type for one in node.handlers if one.type is not None)
            parts = [node.body, *(one.body for one in node.handlers), node.orelse, node.finalbody]
            for part in parts:
                yield from statements_of(part, (*guards, *caught))
        elif has_effect(node):
            yield node, guards


def _is_for_others(test: ast.expr) -> bool:
    """Say whether a block runs for a type checker only, or only where the file is the script."""
    if isinstance(test, ast.Compare):
        return (chain_of(test.left) or ("",))[0] == "__name__"
    return (chain_of(test) or ("",))[-1] == "TYPE_CHECKING"


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in the scope around it."""
    if isinstance(node, DEFINITION):
        yield node.name
    elif isinstance(node, IMPORT):
        yield from (name for name, _ in imports_of(node) if name != "*")
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs at once: not the bodies of functions, but their decorators and defaults."""
    yield node
    if isinstance(node, _DEFERRED):
        children = [*getattr(node, "decorator_list", []), *node.args.defaults]
        children += [one for one in node.args.kw_defaults if one is not None]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from executed(child)


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
            yield from (path[0] for path in stored_in(target))
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        yield from (path[0] for path in stored_in(node.target))
    elif isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await)):
        yield from (chain[0] for chain in chains_of_tree(node.value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # `TABLE.pop("a")` changes the table also where its result is kept.
        yield from (chain[0] for chain in chains_of_tree(node.func))
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.While)):
        yield from (chain[0] for chain in chains_of_tree(node))


def stored_in(target: ast.AST) -> Iterator[Chain]:
    """Yield the path of `a.b` in `a.b = ...` and of `a` in `a[0] = ...`."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for one in target.elts:
            yield from stored_in(one)
    elif isinstance(target, (ast.Attribute, ast.Subscript)) and path_of(target):
        yield path_of(target)


def path_of(target: ast.AST) -> Chain:
    """Return the names along an expression: ("a", "b", "c") for `a.b().c[0]` and for `getattr(a, "b").c`."""
    names: list[str] = []
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(target, ast.Attribute):
            names.append(target.attr)
        got = _got(target)
        if got is not None:
            names.append(got[1])
            target = got[0]
            continue
        target = target.func if isinstance(target, ast.Call) else target.value
    return (target.id, *reversed(names)) if isinstance(target, ast.Name) else ()


def _got(call: ast.AST) -> tuple[ast.expr, str] | None:
    """Return what `getattr(a, "b")` takes an attribute of, and its name."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "getattr":
        return None
    name = call.args[1] if len(call.args) > 1 else None
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return None
    return call.args[0], name.value
