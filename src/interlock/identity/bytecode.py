"""The content of compiled code as plain values: what tells two functions without source apart."""

from __future__ import annotations

import dis
from types import CodeType
from typing import Any

Shape = tuple[Any, ...]


def code_shape(code: CodeType) -> Shape:
    """Return what the code does, without file name, line numbers and docstring.

    It depends on the version of the interpreter, as bytecode does.
    """
    consts = tuple(code_shape(const) if isinstance(const, CodeType) else const for const in _consts(code))
    return (
        code.co_name,
        code.co_code,
        consts,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_exceptiontable,
    )


def _consts(code: CodeType) -> tuple[Any, ...]:
    """Return the constants; a docstring is the first one, and no instruction loads it."""
    consts = code.co_consts
    if consts and isinstance(consts[0], str) and not _loads_first_const(code):
        return (None, *consts[1:])
    return consts


def _loads_first_const(code: CodeType) -> bool:
    has_const = set(dis.hasconst)
    return any(step.opcode in has_const and step.arg == 0 for step in dis.get_instructions(code))
