"""Look through what stands around a function: steps, decorators, partials and closures."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from pathlib import Path
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any


def step_function(thing: Any) -> Any:
    """Return the function of a step, or None."""
    own = attributes_of(thing) if not isinstance(thing, (type, ModuleType)) else {}
    return own["function"] if "function" in own and "kind" in own else None


def step_depends(thing: Any) -> tuple[Any, ...]:
    """Return what a step declares to depend on beside what can be seen."""
    options = attributes_of(thing).get("options")
    return tuple(getattr(options, "depends", ()))


def attributes_of(thing: Any) -> Mapping[str, Any]:
    """Return what a thing has in its `__dict__`, without asking a `__getattr__` of it."""
    try:
        found: Mapping[str, Any] = object.__getattribute__(thing, "__dict__")
    except Exception:  # noqa: BLE001 - a proxy's own code, which may fail in any way
        return {}
    return found


def file_of(module: object) -> str | None:
    """Return the file of a module, without asking a `__getattr__` of it."""
    found = (
        vars(module).get("__file__")
        if isinstance(module, ModuleType)
        else inspect.getattr_static(module, "__file__", None)
    )
    return found if isinstance(found, str) else None


def module_name(names: Mapping[str, Any]) -> str:
    """Return the name of the module with these globals; a script's is that of its file."""
    name = str(names.get("__name__") or "")
    if name != "__main__":
        return name
    spec, file = names.get("__spec__"), names.get("__file__")
    return spec.name if spec is not None else Path(file).stem if file else name


def wrapped_by(thing: Any) -> tuple[Any, ...]:
    """Return what a decorator of the standard library, or one that follows its customs, holds."""
    if isinstance(thing, functools.partial):
        return (thing.func, thing.args, thing.keywords)
    if isinstance(thing, property):
        return tuple(one for one in (thing.fget, thing.fset, thing.fdel) if one is not None)
    if isinstance(thing, (staticmethod, classmethod)):
        return (thing.__func__,)
    if isinstance(thing, (functools.cached_property, functools.partialmethod)):
        return (thing.func,)
    if isinstance(thing, functools.singledispatchmethod):
        return (thing.dispatcher,)
    return ()


def is_code(thing: Any) -> bool:
    """Say whether a thing is a function, a method, a class or a step."""
    if isinstance(thing, ModuleType):
        return False
    return isinstance(thing, (type, FunctionType, MethodType)) or step_function(thing) is not None


def is_generated(thing: Any) -> bool:
    """Say whether a function was made from text, as `dataclass` makes its methods."""
    return isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith("<")


def content_of(cell: CellType) -> Any:
    """Return what a cell of a closure holds."""
    try:
        return cell.cell_contents
    except ValueError:
        # The variable of the enclosing function has not been set.
        return NotImplemented
