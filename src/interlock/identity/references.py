"""The names that code reaches for outside of itself.

Functions are read from their bytecode, which knows exactly which names are global; classes, of
whose body no bytecode is left, from their syntax tree.
"""

from __future__ import annotations

import ast
import dis
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

Chain = tuple[str, ...]
"""A global name and the attributes taken from it: `np.linalg.norm` is ("np", "linalg", "norm")."""


@dataclass(frozen=True)
class Import:
    """An import statement inside a function."""

    module: str
    level: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class References:
    """What a piece of code reaches for."""

    chains: tuple[Chain, ...]
    imports: tuple[Import, ...]


@functools.lru_cache(maxsize=4096)
def references_of_code(code: CodeType) -> References:
    """Return the references of a function and of the functions inside it."""
    chains, imports = set(_chains(code)), set(_imports(code))
    for const in code.co_consts:
        if isinstance(const, CodeType):
            inner = references_of_code(const)
            chains.update(inner.chains)
            imports.update(inner.imports)
    ordered = sorted(imports, key=lambda one: (one.level, one.module, one.names))
    return References(tuple(sorted(chains)), tuple(ordered))


def references_of_tree(node: ast.AST) -> References:
    """Return the references of a syntax tree; names bound inside it may be among them."""
    chains: set[Chain] = set()
    imports: set[Import] = set()
    _visit(node, chains, imports)
    ordered = sorted(imports, key=lambda one: (one.level, one.module, one.names))
    return References(tuple(sorted(chains)), tuple(ordered))


def _chains(code: CodeType) -> Iterator[Chain]:
    chain: Chain = ()
    for step in dis.get_instructions(code):
        if chain and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            chain = (*chain, step.argval)
            continue
        if chain:
            yield chain
        chain = (step.argval,) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") else ()
    if chain:
        yield chain


def _imports(code: CodeType) -> Iterator[Import]:
    steps = list(dis.get_instructions(code)) if "IMPORT_NAME" in _operations(code) else []
    for index, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            # The two values that the instruction takes: how many dots, and which names.
            level, names = steps[index - 2].argval, steps[index - 1].argval
            yield Import(step.argval, level or 0, tuple(names or ()))


def _operations(code: CodeType) -> set[str]:
    return {dis.opname[operation] for operation in code.co_code[::2]}


def _visit(node: ast.AST, chains: set[Chain], imports: set[Import]) -> None:
    chain = _chain_of(node)
    if chain:
        chains.add(chain)
        return
    if isinstance(node, ast.Import):
        imports.update(Import(alias.name, 0, ()) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        imports.add(Import(node.module or "", node.level, tuple(alias.name for alias in node.names)))
    for child in ast.iter_child_nodes(node):
        _visit(child, chains, imports)


def _chain_of(node: ast.AST) -> Chain:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return (node.id, *reversed(names))
    return ()
