"""Source files as syntax trees: the definitions in them, without docstrings, comments and positions."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True)
class Reading:
    """What a definition says: a digest of its syntax, and the names that it reads.

    Attributes:
        digest: Over the syntax tree.
        chains: Dotted names that it reads, such as `("np", "linalg", "norm")`; a local name among them does
            no harm, as only names of the module are looked up.
        imports: Modules and names that it imports itself, as (level, module, name); name is "" for `import x`.
    """

    digest: str
    chains: frozenset[tuple[str, ...]]
    imports: frozenset[tuple[int, str, str]]


@dataclass
class SourceFile:
    """A parsed file and its definitions by the line on which they start."""

    tree: ast.Module
    by_line: dict[int, list[Definition]]
    _readings: dict[tuple[int, str], Reading | None] = field(default_factory=dict)

    def reading(self, line: int, name: str) -> Reading | None:
        """Return what the definition of that name on that line says; None when there is none."""
        key = (line, name)
        if key not in self._readings:
            found = [node for node in self.by_line.get(line, []) if _name(node) == name]
            self._readings[key] = read(found) if found else None
        return self._readings[key]


def source_file(path: str) -> SourceFile | None:
    """Parse a file, once for each state of it; None when there is no source that can be parsed."""
    try:
        stat = Path(path).stat()
    except OSError:
        return _parse_lines(path)
    return _parse_file(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4096)
def _parse_file(path: str, _mtime_ns: int, _size: int) -> SourceFile | None:
    try:
        return _indexed(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _parse_lines(path: str) -> SourceFile | None:
    """Parse what a notebook or a shell has put into the cache of lines."""
    text = "".join(linecache.getlines(path))
    try:
        return _indexed(text.encode()) if text else None
    except (SyntaxError, ValueError):
        return None


def _indexed(text: bytes) -> SourceFile:
    tree = ast.parse(text)
    by_line: dict[int, list[Definition]] = {}
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            by_line.setdefault(first, []).append(node)
        _drop_docstring(node)
    return SourceFile(tree, by_line)


def _drop_docstring(node: ast.AST) -> None:
    body = getattr(node, "body", None)
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not body:
        return
    first = body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        node.body = body[1:] or [ast.Pass()]


def _name(node: Definition) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def read(nodes: list[Definition] | list[ast.Module]) -> Reading:
    """Return what some definitions say. Their own decorators are left out: what these made is what was called."""
    hasher = blake3()
    chains: set[tuple[str, ...]] = set()
    imports: set[tuple[int, str, str]] = set()
    for node in nodes:
        for part in _parts(node):
            hasher.update(ast.dump(part).encode())
            chains.update(_chains(part))
            imports.update(_imports(part))
    return Reading(hasher.hexdigest(), frozenset(chains), frozenset(imports))


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name == "decorator_list" or (name == "name" and isinstance(value, str)):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.AST):
                yield one


def _chains(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield (node.id,)
        elif isinstance(node, ast.Attribute):
            chain = _dotted(node)
            if chain:
                yield chain


def _dotted(node: ast.expr) -> tuple[str, ...]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.level, node.module or "", alias.name
