"""The names that code reaches for outside of itself.

Functions are read from their bytecode, which knows exactly which names are global; classes, of
whose body no bytecode is left, from their syntax tree.
"""

from __future__ import annotations

import ast
import functools
import opcode
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

Chain = tuple[str, ...]
"""A global name and the attributes taken from it: `np.linalg.norm` is ("np", "linalg", "norm")."""

_EXTENDED = opcode.opmap["EXTENDED_ARG"]
_CACHE = opcode.opmap.get("CACHE", 0)
_GLOBAL = opcode.opmap["LOAD_GLOBAL"]
_NAMES = frozenset(
    opcode.opmap[name] for name in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if name in opcode.opmap
)
_ATTRIBUTES = frozenset(opcode.opmap[name] for name in ("LOAD_ATTR", "LOAD_METHOD") if name in opcode.opmap)
_CONST = opcode.opmap["LOAD_CONST"]
_GETATTR = ("getattr",)
_IMPORT = opcode.opmap["IMPORT_NAME"]
# From 3.12 on the lowest bit of the argument tells a method from an attribute.
_ATTRIBUTE_SHIFT = 1 if sys.version_info >= (3, 12) else 0


@dataclass(frozen=True)
class References:
    """What a piece of code reaches for.

    Attributes:
        chains: Global names with the attributes taken from them.
        imports: Names of modules that it imports when it runs, with a dot in front for each level.
        words: Every name in it, those of attributes of local variables and those written as a text included.
        texts: The texts written in it.
    """

    chains: tuple[Chain, ...]
    imports: tuple[str, ...]
    words: frozenset[str]
    texts: frozenset[str]


@functools.lru_cache(maxsize=16384)
def references_of_code(code: CodeType) -> References:
    """Return the references of a function and of the functions inside it."""
    chains: set[Chain] = set()
    imports: set[str] = set()
    words: set[str] = set()
    texts: set[str] = set()
    for one in _nested(code):
        words.update(one.co_names)
        texts.update(_texts(one.co_consts))
        _read(one, chains, imports)
    return References(
        tuple(sorted(chains)), tuple(sorted(imports)), frozenset(words | texts), frozenset(texts)
    )


def _texts(consts: Iterable[object]) -> Iterator[str]:
    for one in consts:
        if isinstance(one, str):
            yield one
        elif isinstance(one, (tuple, frozenset)):
            yield from _texts(one)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _nested(const)


def _read(code: CodeType, chains: set[Chain], imports: set[str]) -> None:
    """Walk the instructions; `dis` makes an object of each and takes twenty times as long."""
    names, raw, extended = code.co_names, code.co_code, 0
    chain: Chain = ()
    before: Chain = ()
    consts = code.co_consts
    for index in range(0, len(raw), 2):
        operation = raw[index]
        if operation == _CACHE:
            continue
        argument, extended = raw[index + 1] | extended, 0
        if operation == _EXTENDED:
            extended = argument << 8
        elif chain and operation in _ATTRIBUTES:
            chain = (*chain, names[argument >> _ATTRIBUTE_SHIFT])
        elif chain and before == _GETATTR and operation == _CONST and type(consts[argument]) is str:
            # `getattr(module, "name")`
            chain = (*chain, consts[argument])
        else:
            before = chain
            if chain:
                chains.add(chain)
                chain = ()
            if operation == _GLOBAL:
                chain = (names[argument >> 1],)
            elif operation in _NAMES:
                chain = (names[argument],)
            elif operation == _IMPORT:
                imports.add(names[argument])
    if chain:
        chains.add(chain)


def chains_of_tree(*nodes: ast.AST, without: Collection[ast.AST] = ()) -> tuple[Chain, ...]:
    """Return the names that a syntax tree loads, leaving out parts; names bound inside it may be among them."""
    chains: set[Chain] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node in without:
            continue
        chain = chain_of(node) if isinstance(node, (ast.Name, ast.Attribute)) else ()
        if chain:
            chains.add(chain)
            continue
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return tuple(sorted(chains))


def chain_of(node: ast.AST) -> Chain:
    """Return the chain that an expression is, or () for any other."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return (node.id, *reversed(names))
    return ()
