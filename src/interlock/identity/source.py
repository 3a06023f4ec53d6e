"""The syntax tree of a module's file: its functions and classes as text without form.

A source is trusted only where it compiles to the very code that runs: a file that was edited after
its import says nothing about the function in memory.
"""

from __future__ import annotations

import ast
import functools
import linecache
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

from interlock.identity.outline import Outline
from interlock.identity.syntax import Function, code_text, field_text, has_effect, head_text

Place = tuple[str, int]
"""Name and first line."""

Stamp = tuple[int, int] | None
"""Time and size of a file; None where there is none."""


class Source:
    """One parsed file."""

    def __init__(self, tree: ast.Module, code: CodeType) -> None:
        self.tree = tree
        self._nodes: dict[Place, list[Function | ast.Lambda]] = defaultdict(list)
        self._classes: dict[str, list[ast.ClassDef]] = defaultdict(list)
        self._codes: dict[Place, list[CodeType]] = defaultdict(list)
        for inner in _codes(code):
            self._codes[inner.co_name, inner.co_firstlineno].append(inner)
        self._index(tree, "")

    def function(self, code: CodeType) -> Function | ast.Lambda | None:
        """Return the function that was compiled to `code`, or None if it is not here."""
        place = (code.co_name, code.co_firstlineno)
        if code not in self._codes[place]:
            return None
        nodes = self._nodes.get(place, [])
        if len(nodes) > 1:
            # Lambdas on one line: only their columns tell them apart.
            nodes = [node for node in nodes if _holds(node, code)]
        return nodes[0] if len(nodes) == 1 else None

    def classes(self, qualname: str) -> list[ast.ClassDef]:
        """Return the definitions of a class; more than one where an `if` decides."""
        return self._classes.get(qualname, [])

    @functools.cached_property
    def outline(self) -> Outline:
        """What each statement at module level binds and uses."""
        return Outline(self.tree)

    def _index(self, node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                self._classes[prefix + child.name].append(child)
                self._index(child, f"{prefix}{child.name}.")
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                line = min([child.lineno, *(one.lineno for one in child.decorator_list)])
                self._nodes[child.name, line].append(child)
                self._index(child, f"{prefix}{child.name}.<locals>.")
            else:
                if isinstance(child, ast.Lambda):
                    self._nodes["<lambda>", child.lineno].append(child)
                self._index(child, prefix)


def class_text(node: ast.ClassDef, *, with_annotations: bool) -> str:
    """Return the class with its own statements in order, then the heads of its methods by name.

    The bodies of methods and the classes inside are parts of their own.

    Args:
        node: The class.
        with_annotations: Whether something may read the annotations of methods that nothing decorates.
    """
    own = [f"class {node.name}", code_text(*node.decorator_list), "(", code_text(*node.bases)]
    own += [code_text(*node.keywords), code_text(*getattr(node, "type_params", ())), ")"]
    heads: list[str] = []
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            read = with_annotations or bool(statement.decorator_list)
            heads.append(head_text(statement, with_annotations=read))
        elif isinstance(statement, ast.ClassDef):
            heads.append(f"class {statement.name}")
        elif isinstance(statement, ast.AnnAssign):
            own.append(field_text(statement))
        elif has_effect(statement):
            own.append(code_text(statement))
    return "\n".join(own + sorted(heads))


def class_expressions(node: ast.ClassDef) -> Iterator[ast.AST]:
    """Yield what runs when the class is made: all of it but the bodies of methods and of classes inside."""
    yield from (*node.decorator_list, *node.bases, *node.keywords)
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            defaults = [one for one in statement.args.kw_defaults if one is not None]
            yield from (*statement.decorator_list, *statement.args.defaults, *defaults)
        elif not isinstance(statement, ast.ClassDef):
            yield statement


def stamp_of(file: str) -> Stamp:
    """Return what tells cheaply that a file was written anew."""
    try:
        stat = os.stat(file)  # noqa: PTH116 - for every file of a project: a Path costs more than the call
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_size


def source_of(file: str, stamp: Stamp) -> Source | None:
    """Return the parsed file or notebook cell, or None where there is none to be read or it is no Python."""
    if stamp is None:
        # What a notebook runs is no file; it leaves its text where tracebacks find it.
        text = "".join(linecache.getlines(file))
        return _parse_text(text, file) if text else None
    try:
        return _parse_text(Path(file).read_bytes(), file)
    except OSError:
        return None


@functools.lru_cache(maxsize=2048)
def _parse_text(text: str | bytes, file: str) -> Source | None:
    try:
        with warnings.catch_warnings():
            # The import of the file has told what is odd about it.
            warnings.simplefilter("ignore")
            return Source(ast.parse(text), compile(text, file, "exec", dont_inherit=True))
    except (SyntaxError, ValueError):
        return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _codes(const)


def _holds(node: Function | ast.Lambda, code: CodeType) -> bool:
    """Say whether the instructions of a lambda lie inside of it."""
    if not isinstance(node, ast.Lambda):
        return False
    body = node.body
    first, last = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    places = [
        (line, column) for line, _, column, end in code.co_positions() if line and column is not None and end
    ]
    return bool(places) and all(first <= place <= last for place in places)
