"""Write a syntax tree as text without form: what two pieces of code that do the same have in common.

Left out are positions, comments, docstrings and other statements without effect, and annotations
that only document: those of parameters, of what is returned and of local variables. Annotations
of a decorated function stay, as a decorator may read them, and so do those in the body of a class.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef

_Put = Callable[[str], None]
_SILENT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def code_text(*nodes: ast.AST) -> str:
    """Return the text of statements or expressions."""
    pieces: list[str] = []
    for node in nodes:
        _write(node, pieces.append)
    return "".join(pieces)


def function_text(node: Function | ast.Lambda) -> str:
    """Return the text of a function without its decorators and its annotations."""
    pieces: list[str] = []
    if isinstance(node, ast.Lambda):
        _write(node, pieces.append)
    else:
        _write_bare(node, pieces.append)
    return "".join(pieces)


def annotations_text(node: Function) -> str:
    """Return the text of the annotations of a function."""
    return code_text(*annotations_of(node))


def annotations_of(node: Function) -> list[ast.expr]:
    """Return the annotations of the parameters and of what is returned, in their order."""
    found = [one.annotation for one in _parameters(node.args)]
    return [one for one in (*found, node.returns) if one is not None]


def annotations_in(node: ast.AST) -> tuple[list[ast.expr], list[ast.expr]]:
    """Return the annotations in a statement that something may read when it runs, and those that only document.

    Read are those of attributes of classes, of decorated functions, and of the methods of a class that is
    made by more than `class`.
    """
    read: list[ast.expr] = []
    unread: list[ast.expr] = []
    waiting = [(node, False, False)]
    while waiting:
        one, is_in_class, is_made = waiting.pop()
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            (read if one.decorator_list or is_made else unread).extend(annotations_of(one))
        elif isinstance(one, ast.AnnAssign):
            (read if is_in_class else unread).append(one.annotation)
        is_class = isinstance(one, ast.ClassDef)
        is_made = isinstance(one, ast.ClassDef) and bool(one.decorator_list or one.keywords)
        is_in_class = is_class or (
            is_in_class and not isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        )
        waiting += [(inner, is_in_class, is_made) for inner in ast.iter_child_nodes(one)]
    return read, unread


def quoted_in(*nodes: ast.AST) -> list[ast.expr]:
    """Return the expressions that texts in annotations stand for, as in `inner: "list[Inner]"`."""
    found: list[ast.expr] = []
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                meant = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError):
                continue
            found.append(meant)
            waiting.append(meant)
        elif isinstance(node, ast.Subscript):
            waiting += [node.value, *_typed(node)]
        else:
            waiting += ast.iter_child_nodes(node)
    return found


def _typed(node: ast.Subscript) -> list[ast.expr]:
    """Return what stands for types in `value[...]`: nothing in a `Literal`, the first in an `Annotated`."""
    name = getattr(node.value, "attr", getattr(node.value, "id", ""))
    if name == "Literal":
        return []
    if name == "Annotated" and isinstance(node.slice, ast.Tuple):
        return node.slice.elts[:1]
    return [node.slice]


def head_text(node: Function, *, with_annotations: bool) -> str:
    """Return the text of a function without its body."""
    pieces: list[str] = [type(node).__name__, node.name]
    _write_list(node.decorator_list, pieces.append)
    _write_arguments(node.args, pieces.append, with_annotations=with_annotations)
    if with_annotations and node.returns is not None:
        _write(node.returns, pieces.append)
    return "".join(pieces)


def has_effect(statement: ast.stmt) -> bool:
    """Say whether a statement does anything: `pass`, docstrings and `...` do not."""
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    return not isinstance(statement, ast.Pass)


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    stars = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars]


def _write(node: Any, put: _Put) -> None:
    cls = node.__class__
    special = _SPECIAL.get(cls)
    if special is not None:
        special(node, put)
        return
    plan = _PLANS.get(cls)
    if plan is None:
        fields = tuple(name for name in cls._fields if name not in _SILENT)
        plan = _PLANS[cls] = f"{cls.__name__}(", fields
    put(plan[0])
    fields = node.__dict__
    for name in plan[1]:
        value = fields.get(name)
        cls = value.__class__
        # The commonest kinds are written here, as a call for each would make slow.
        if cls is ast.Name:
            put(value.id + " ")
        elif cls is ast.Constant:
            put(f"{value.value!r};")
        elif cls is list:
            _write_list(value, put)
        elif value is None:
            put("-")
        elif cls in _PLAIN:
            put(repr(value))
        else:
            _write(value, put)
    put(")")


def _write_list(values: Sequence[Any], put: _Put) -> None:
    put("[")
    for value in values:
        cls = value.__class__
        if cls is ast.Name:
            put(value.id + " ")
        elif cls is ast.Pass or (cls is ast.Expr and value.value.__class__ is ast.Constant):
            continue  # as `has_effect` says
        elif value is None or cls in _PLAIN:
            put(f"{value!r},")
        else:
            _write(value, put)
    put("]")


_PLAIN = frozenset({str, int, bool})
_PLANS: dict[type, tuple[str, tuple[str, ...]]] = {}
"""How nodes without a way of their own are written: what comes first, and which fields."""


def _write_name(node: ast.Name, put: _Put) -> None:
    put(f"{node.id} ")


def _write_constant(node: ast.Constant, put: _Put) -> None:
    put(f"{node.value!r};")


def _write_function(node: Function, put: _Put) -> None:
    """Write a function inside a function: only what decorates it may read its annotations."""
    if node.decorator_list:
        _write_list(node.decorator_list, put)
        _write_list(annotations_of(node), put)
    _write_bare(node, put)


def _write_bare(node: Function, put: _Put) -> None:
    put(f"{type(node).__name__} {node.name}")
    _write_arguments(node.args, put, with_annotations=False)
    _write_list(getattr(node, "type_params", ()), put)
    _write_list(node.body, put)


def _write_arguments(arguments: ast.arguments, put: _Put, *, with_annotations: bool) -> None:
    for name in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
        value = getattr(arguments, name)
        if not value:
            continue
        put(f"({name}:")
        for one in value if type(value) is list else [value]:
            put(f"{one.arg},")
            if with_annotations and one.annotation is not None:
                _write(one.annotation, put)
    _write_list(arguments.defaults, put)
    put("".join("-" if one is None else "+" for one in arguments.kw_defaults))
    _write_list([one for one in arguments.kw_defaults if one is not None], put)
    put(")")


def _write_local(node: ast.AnnAssign, put: _Put) -> None:
    """Write `x: int = 1` in a function, where the annotation is not even evaluated."""
    put("Assign(" if node.value is not None else "Local(")
    _write_list([node.target], put)
    if node.value is not None:
        _write(node.value, put)
    put(")")


def _write_class(node: ast.ClassDef, put: _Put) -> None:
    put(f"class {node.name}")
    for part in (node.decorator_list, node.bases, node.keywords, getattr(node, "type_params", ())):
        _write_list(part, put)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            write_field(statement, put)
        elif has_effect(statement):
            _write(statement, put)


def write_field(node: ast.AnnAssign, put: _Put) -> None:
    """Write an annotated attribute of a class: of a dataclass it is a field."""
    put("Field(")
    for value in (node.target, node.annotation, node.value):
        if value is not None:
            _write(value, put)
    put(")")


def field_text(node: ast.AnnAssign) -> str:
    """Return the text of an annotated attribute of a class."""
    pieces: list[str] = []
    write_field(node, pieces.append)
    return "".join(pieces)


_SPECIAL: dict[type, Callable[[Any, _Put], None]] = {
    ast.Name: _write_name,
    ast.Constant: _write_constant,
    ast.FunctionDef: _write_function,
    ast.AsyncFunctionDef: _write_function,
    ast.AnnAssign: _write_local,
    ast.ClassDef: _write_class,
    ast.arguments: lambda node, put: _write_arguments(node, put, with_annotations=False),
}
