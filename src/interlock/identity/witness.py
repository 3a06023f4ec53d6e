"""What a search saw, to find out cheaply whether all of it is still as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from interlock.identity.source import Stamp, stamp_of
from interlock.identity.wrappers import content_of

MISSING = object()
"""Stands for a name that is not there."""


class Witness:
    """Remembers objects, bindings and files. It keeps alive what it saw, so that no id is given again."""

    def __init__(self) -> None:
        self._bindings: dict[tuple[int, str], tuple[Mapping[str, Any], str, Any]] = {}
        self._functions: list[tuple[FunctionType, tuple[Any, ...]]] = []
        self._classes: list[tuple[type, list[str], list[Any]]] = []
        self._modules: dict[str, Any] = {}
        self._files: dict[str, Stamp] = {}
        self._answers: list[tuple[Callable[[], Any], Any]] = []

    def saw_name(self, names: Mapping[str, Any], name: str, thing: Any) -> None:
        """Note what a name is bound to; MISSING where it is not bound."""
        self._bindings[id(names), name] = (names, name, thing)

    def saw_function(self, function: FunctionType) -> None:
        """Note what a function is made of."""
        self._functions.append((function, _state(function)))

    def saw_class(self, cls: type) -> None:
        """Note the members of a class."""
        self._classes.append((cls, list(vars(cls)), list(vars(cls).values())))

    def saw_module(self, name: str) -> None:
        """Note which module is loaded under a name."""
        self._modules[name] = sys.modules.get(name)

    def saw_file(self, file: str) -> Stamp:
        """Note the state of a file and return it; the same one during the whole search."""
        if file not in self._files:
            self._files[file] = stamp_of(file)
        return self._files[file]

    def saw_answer(self, ask: Callable[[], Any], answer: Any) -> None:
        """Note the answer to a question that can be asked again."""
        self._answers.append((ask, answer))

    def holds(self) -> bool:
        """Say whether everything is still as it was."""
        return (
            all(names.get(name, MISSING) is thing for names, name, thing in self._bindings.values())
            and all(_same(_state(function), state) for function, state in self._functions)
            and all(sys.modules.get(name) is module for name, module in self._modules.items())
            and all(stamp_of(file) == stamp for file, stamp in self._files.items())
            and all(
                list(vars(cls)) == names and _same(vars(cls).values(), values)
                for cls, names, values in self._classes
            )
            and all(ask() == answer for ask, answer in self._answers)
        )


def _state(function: FunctionType) -> tuple[Any, ...]:
    held = map(content_of, function.__closure__ or ())
    return (
        function.__code__,
        function.__defaults__,
        function.__kwdefaults__,
        *held,
        *(part for item in vars(function).items() for part in item),
    )


def _same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
