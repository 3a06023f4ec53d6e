"""The syntax tree of a module's file: its functions and classes as text without form.

The text has no positions, comments, docstrings or decorators of functions; the last are seen in
what they made of the function. A source is trusted only where it compiles to the very code that
runs: a file that was edited after its import says nothing about the function in memory.
"""

from __future__ import annotations

import ast
import functools
import linecache
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from interlock.identity.digest import digest_bytes
from interlock.identity.places import first_bindings

Function = ast.FunctionDef | ast.AsyncFunctionDef
Place = tuple[str, int]
"""Qualified name and first line."""


class Source:
    """One parsed file."""

    def __init__(self, tree: ast.Module, code: CodeType) -> None:
        self.tree = tree
        self._nodes: dict[Place, list[Function | ast.Lambda]] = defaultdict(list)
        self._classes: dict[str, list[ast.ClassDef]] = defaultdict(list)
        self._codes: dict[Place, list[CodeType]] = defaultdict(list)
        self._digests: dict[Place | str, str] = {}
        for inner in _codes(code):
            self._codes[inner.co_qualname, inner.co_firstlineno].append(inner)
        self._index(tree, "")
        _drop_docstrings(tree)

    def function_digest(self, code: CodeType) -> str | None:
        """Return the digest of the function that was compiled to `code`, or None if it is not here."""
        place = (code.co_qualname, code.co_firstlineno)
        nodes = self._nodes.get(place, [])
        if len(nodes) != 1 or code not in self._codes[place]:
            return None
        if place not in self._digests:
            self._digests[place] = _digest(_bare(nodes[0]))
        return self._digests[place]

    def class_digest(self, qualname: str) -> str | None:
        """Return the digest of a class without the bodies of its methods, or None if it is not here."""
        if qualname not in self._classes:
            return None
        if qualname not in self._digests:
            self._digests[qualname] = _digest(*map(_skeleton, self._classes[qualname]))
        return self._digests[qualname]

    def classes(self, qualname: str) -> list[ast.ClassDef]:
        """Return the definitions of a class; more than one where an `if` decides."""
        return [_skeleton(node) for node in self._classes.get(qualname, [])]

    def line_of_class(self, qualname: str) -> int | None:
        """Return the line of the first definition of a class, or None if it is not here."""
        nodes = self._classes.get(qualname)
        return nodes[0].lineno if nodes else None

    def line_of_name(self, name: str) -> int | None:
        """Return the first line at module level that binds a name, or None if none does."""
        return self._bindings.get(name)

    @functools.cached_property
    def _bindings(self) -> dict[str, int]:
        return first_bindings(self.tree)

    @functools.cached_property
    def module_digest(self) -> str:
        """Digest of the whole file, the order of its statements included."""
        return _digest(self.tree)

    def _index(self, node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = prefix + child.name
                inside = f"{name}." if isinstance(child, ast.ClassDef) else f"{name}.<locals>."
                if isinstance(child, ast.ClassDef):
                    self._classes[name].append(child)
                else:
                    line = min([child.lineno, *(one.lineno for one in child.decorator_list)])
                    self._nodes[name, line].append(child)
                self._index(child, inside)
            elif isinstance(child, ast.Lambda):
                self._nodes[f"{prefix}<lambda>", child.lineno].append(child)
                self._index(child, f"{prefix}<lambda>.<locals>.")
            else:
                self._index(child, prefix)


def source_of(file: str) -> Source | None:
    """Return the parsed file or notebook cell, or None where there is none to be read or it is no Python."""
    try:
        stat = os.stat(file)  # noqa: PTH116 - once for every function: a Path costs more than the call
    except (OSError, ValueError):
        # What a notebook runs is no file; it leaves its text where tracebacks find it.
        text = "".join(linecache.getlines(file))
        return _parse_text(text, file) if text else None
    return _parse(file, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=512)
def _parse(file: str, _mtime_ns: int, _size: int) -> Source | None:
    """Parse a file; one with another time or size is another file."""
    try:
        return _parsed(Path(file).read_bytes(), file)
    except OSError:
        return None


@functools.lru_cache(maxsize=128)
def _parse_text(text: str, file: str) -> Source | None:
    return _parsed(text, file)


def _parsed(text: str | bytes, file: str) -> Source | None:
    try:
        tree = ast.parse(text)
        return Source(tree, compile(tree, file, "exec", dont_inherit=True))
    except (SyntaxError, ValueError):
        return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _codes(const)


def _digest(*nodes: ast.AST) -> str:
    return digest_bytes(
        "\n".join(ast.dump(node, annotate_fields=False) for node in nodes).encode("utf-8", "replace")
    )


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0].value if node.body and isinstance(node.body[0], ast.Expr) else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                del node.body[0]


def _with(node: Any, **changed: Any) -> Any:
    """Return a shallow copy of a node with other fields."""
    return type(node)(**{name: getattr(node, name, None) for name in node._fields} | changed)


def _bare(node: Function | ast.Lambda) -> ast.AST:
    if isinstance(node, ast.Lambda):
        return node
    bare: ast.AST = _with(node, decorator_list=[])
    return bare


def _skeleton(node: ast.ClassDef) -> ast.ClassDef:
    """Return the class with its own statements in order, then the heads of its methods by name.

    The bodies of methods and the classes inside are parts of their own.
    """
    own: list[ast.stmt] = []
    heads: list[ast.stmt] = []
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            heads.append(_with(statement, body=[]))
        elif isinstance(statement, ast.ClassDef):
            heads.append(ast.Expr(ast.Name(statement.name, ast.Store())))
        else:
            own.append(statement)
    heads.sort(key=lambda head: ast.dump(head, annotate_fields=False))
    skeleton: ast.ClassDef = _with(node, body=own + heads)
    return skeleton
