"""The syntax tree of a module's file: its functions and classes as text without form.

A source is trusted only where it compiles to the very code that runs: a file that was edited after
its import says nothing about the function in memory.
"""

from __future__ import annotations

import ast
import functools
import linecache
import marshal
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType

from interlock.identity.outline import Outline
from interlock.identity.syntax import Function, code_text, field_text, has_effect, head_text

Place = tuple[str, int]
"""Name and first line."""

_LEAVES = (ast.Expr, ast.Assign, ast.Return, ast.AugAssign, ast.Import, ast.ImportFrom, ast.Raise, ast.Assert)

# Seconds between the last edit of a file and its bytecode from which on they belong together.
_DOUBT = 2.0

Stamp = tuple[int, int] | None
"""Time and size of a file; None where there is none."""


class Source:
    """One parsed file.

    Args:
        tree: Its syntax tree.
        code: What it was compiled to.
    """

    def __init__(self, tree: ast.Module, code: CodeType) -> None:
        self.tree = tree
        self._functions: dict[Place, list[Function | ast.Lambda]] = defaultdict(list)
        self._classes: dict[str, list[ast.ClassDef]] = defaultdict(list)
        self._codes: dict[Place, list[CodeType]] = defaultdict(list)
        for inner in _codes(code):
            self._codes[inner.co_name, inner.co_firstlineno].append(inner)
        self._index(tree.body, "")

    def function(self, code: CodeType) -> Function | ast.Lambda | None:
        """Return the function that was compiled to `code`, or None if it is not here."""
        place = (code.co_name, code.co_firstlineno)
        if code not in self._codes.get(place, ()):
            return None
        if code.co_name != "<lambda>":
            found = self._functions.get(place, [])
            return found[0] if len(found) == 1 else None
        # Lambdas on one line: only their columns tell them apart.
        lambdas = [node for node in self._lambdas.get(code.co_firstlineno, ()) if _holds(node, code)]
        return min(lambdas, key=_extent, default=None)

    def classes(self, qualname: str) -> list[ast.ClassDef]:
        """Return the definitions of a class; more than one where an `if` decides."""
        return self._classes.get(qualname, [])

    @functools.cached_property
    def outline(self) -> Outline:
        """What each statement at module level binds and uses."""
        return Outline(self.tree)

    @functools.cached_property
    def _lambdas(self) -> dict[int, list[ast.Lambda]]:
        found: dict[int, list[ast.Lambda]] = defaultdict(list)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Lambda):
                found[node.lineno].append(node)
        return found

    def _index(self, statements: list[ast.stmt], prefix: str) -> None:
        for node in statements:
            if isinstance(node, ast.ClassDef):
                self._classes[prefix + node.name].append(node)
                self._index(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                line = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                self._functions[node.name, line].append(node)
                self._index(node.body, f"{prefix}{node.name}.<locals>.")
            elif not isinstance(node, _LEAVES):
                for body in _bodies(node):
                    self._index(body, prefix)


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


@functools.lru_cache(maxsize=16)
def _parse_text(text: str | bytes, file: str) -> Source | None:
    try:
        with warnings.catch_warnings():
            # The import of the file has told what is odd about it.
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            return Source(tree, _cached_code(file) or compile(tree, file, "exec", dont_inherit=True))
    except (SyntaxError, ValueError):
        return None


def _cached_code(file: str) -> CodeType | None:
    """Return the bytecode that Python keeps of a file, if it is beyond doubt that it is this file's.

    It knows the time of the file to the second: one that was written in the second before its
    bytecode was may have been edited since.
    """
    try:
        cached = cache_from_source(file)
        data = Path(cached).read_bytes()
        source, kept = os.stat(file), os.stat(cached)  # noqa: PTH116 - see above
    except (OSError, ValueError, NotImplementedError):
        return None
    time, size = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
    if data[:8] != MAGIC_NUMBER + bytes(4) or (time, size) != (int(source.st_mtime), source.st_size):
        return None
    # The time of a file can be set to anything, that of the last change of its record cannot.
    if max(source.st_mtime, source.st_ctime) + _DOUBT > kept.st_mtime:
        return None
    try:
        code = marshal.loads(data[16:])  # noqa: S302 - what Python itself has just run
    except (EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) else None


def _codes(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _codes(const)


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        yield getattr(node, name, [])
    for inner in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield inner.body


def _holds(node: ast.Lambda, code: CodeType) -> bool:
    """Say whether the instructions of a lambda lie inside of it."""
    body = node.body
    first, last = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    places = [
        (line, column) for line, _, column, end in code.co_positions() if line and column is not None and end
    ]
    return bool(places) and all(first <= place <= last for place in places)


def _extent(node: ast.Lambda) -> tuple[int, int]:
    """Order lambdas by size: of two that hold the same instructions, the inner one has them."""
    lines = (node.end_lineno or 0) - node.lineno
    return lines, (node.end_col_offset or 0) - node.col_offset
