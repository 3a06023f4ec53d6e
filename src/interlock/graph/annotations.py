"""What a step's annotations say: its outputs, and whether one step's output fits another's input."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, get_origin

from interlock.graph.model import RESULT, GraphError

NOTHING = inspect.Parameter.empty


class ConnectionTypeError(GraphError):
    """An output is connected to an input of another type."""


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's annotations, resolved one by one.

    An annotation that cannot be resolved (a name imported only for type checkers, say) stays the text
    that it is; it is then compared as text.
    """
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - user code: any error of evaluating an annotation means "unresolved"
        return {name: _resolve(function, value) for name, value in function.__annotations__.items()}


def _resolve(function: Callable[..., Any], annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, function.__globals__)  # noqa: S307 - the user's own annotation, as typing does
    except Exception:  # noqa: BLE001 - user code, as above
        return annotation


def output_types(annotation: Any) -> dict[str, Any]:
    """Return the named outputs of a return annotation and their types.

    `tuple[A, B]` gives the outputs "0" and "1", a NamedTuple class one output a field, anything else the
    one output "result". `tuple[A, ...]` is one output: a sequence of unknown length.
    """
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        hints = annotations_of(annotation)
        return {name: hints.get(name, Any) for name in annotation._fields}
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and arguments and Ellipsis not in arguments:
        return {str(position): kind for position, kind in enumerate(arguments)}
    return {RESULT: annotation}


def fits(produced: Any, wanted: Any) -> bool:
    """Tell whether a value of the first type may go where the second is wanted.

    Only a certain clash is one: whatever cannot be decided from the annotations fits.
    """
    produced, wanted = _plain(produced), _plain(wanted)
    if _undecided(produced) or _undecided(wanted) or produced == wanted:
        return True
    if isinstance(produced, str) or isinstance(wanted, str):
        return _last_name(produced) == _last_name(wanted)
    if _is_union(produced):
        return any(fits(one, wanted) for one in get_args(produced))
    if _is_union(wanted):
        return any(fits(produced, one) for one in get_args(wanted))
    return _class_fits(produced, wanted) and _arguments_fit(produced, wanted)


def value_fits(value: Any, wanted: Any, *, unknown: type | tuple[type, ...] = ()) -> bool:
    """Tell whether a value may go where a type is wanted; lists, tuples, sets and dicts are looked into.

    As in `fits`, only a certain clash is one. Values of the types in `unknown` fit everywhere.
    """
    wanted = _plain(wanted)
    if isinstance(value, unknown) or isinstance(wanted, str):
        return True
    if get_origin(wanted) is typing.Literal:
        return value in get_args(wanted)
    if _is_union(wanted):
        return any(value_fits(value, one, unknown=unknown) for one in get_args(wanted))
    if _undecided(wanted) or _is_number_for(value, wanted):
        return True
    return fits(type(value), get_origin(wanted) or wanted) and all(
        value_fits(item, kind, unknown=unknown) for item, kind in items_of(value, wanted)
    )


def _is_number_for(value: Any, wanted: Any) -> bool:
    """Numbers of other libraries (numpy, say) are no subclasses of Python's, and go where these do."""
    method = {int: "__index__", float: "__float__", complex: "__complex__"}.get(wanted, "")
    return bool(method) and hasattr(type(value), method) and not hasattr(type(value), "__len__")


def items_of(value: Any, wanted: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a list, tuple, set or dict holds, each with the type that its annotation says for it."""
    wanted = _plain(wanted)
    if _is_union(wanted):
        wanted = next((one for one in get_args(wanted) if get_args(one)), Any)
    arguments = get_args(wanted)
    if isinstance(value, dict):
        key, item = arguments if len(arguments) == 2 else (Any, Any)
        yield from ((name, key) for name in value)
        yield from ((one, item) for one in value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        kinds = [one for one in arguments if one is not Ellipsis]
        each = kinds if len(kinds) == len(value) and Ellipsis not in arguments else kinds * len(value)
        if len(kinds) not in (1, len(value)):
            each = [Any] * len(value)
        yield from zip(value, each, strict=True)


def output_clash(value: Any, promised: Any) -> bool:
    """Tell whether a step returned something that its annotation rules out, as far as that is cheap to see.

    That is None where a value is promised, and anything else than the promised frame, series, table or array.
    """
    promised = _plain(promised)
    if isinstance(promised, str) or _undecided(promised):
        return False
    if _is_union(promised):
        return all(output_clash(value, one) for one in get_args(promised))
    kind = get_origin(promised) or promised
    if not isinstance(kind, type) or kind is type(None):
        return False
    if value is None:
        return True
    is_table = kind.__name__ in _TABLES and kind.__module__.partition(".")[0] in _TABLE_LIBRARIES
    return is_table and not isinstance(value, kind)


_TABLES = frozenset({"DataFrame", "Series", "LazyFrame", "Table", "RecordBatch", "ndarray"})
_TABLE_LIBRARIES = frozenset({"pandas", "polars", "pyarrow", "numpy"})


def _plain(annotation: Any) -> Any:
    while True:
        if get_origin(annotation) is typing.Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif annotation is None:
            return type(None)
        else:
            return annotation


def _undecided(annotation: Any) -> bool:
    if annotation in (Any, NOTHING, object) or isinstance(annotation, typing.TypeVar):
        return True
    if typing.is_typeddict(annotation):
        return True
    return get_origin(annotation) is typing.Literal or bool(getattr(annotation, "_is_protocol", False))


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (typing.Union, types.UnionType)


def _last_name(annotation: Any) -> str:
    return type_name(annotation).split("[")[0].split(".")[-1]


def _class_fits(produced: Any, wanted: Any) -> bool:
    have, want = get_origin(produced) or produced, get_origin(wanted) or wanted
    if not (isinstance(have, type) and isinstance(want, type)):
        return True
    numeric_tower: Mapping[type, tuple[type, ...]] = {float: (int,), complex: (int, float)}
    return issubclass(have, want) or have in numeric_tower.get(want, ())


def _arguments_fit(produced: Any, wanted: Any) -> bool:
    have, want = get_args(produced), get_args(wanted)
    if not have or not want or len(have) != len(want) or Ellipsis in (*have, *want):
        return True
    return all(fits(one, other) for one, other in zip(have, want, strict=True))


def item_type(annotation: Any) -> Any:
    """Return the item type of a list-like annotation, `Any` when it does not say, None when it is no list."""
    annotation = _plain(annotation)
    if _undecided(annotation) or isinstance(annotation, str):
        return Any
    origin = get_origin(annotation) or annotation
    if not (isinstance(origin, type) and issubclass(origin, list | tuple)):
        return None
    arguments = [one for one in get_args(annotation) if one is not Ellipsis]
    return arguments[0] if len(set(arguments)) == 1 else Any


def type_name(annotation: Any) -> str:
    """Return an annotation as a person would write it."""
    if annotation is NOTHING:
        return "anything"
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")
