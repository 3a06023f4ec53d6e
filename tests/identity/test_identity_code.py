"""Edits of a small project: which of them move the fingerprint of a step, and which must not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.identity.code import Fingerprint, fingerprint

FILES = {
    "proj/__init__.py": "",
    "proj/steps.py": '''
import functools
import math
import numpy as np
from proj import tools
from proj.helpers import helper, Base
from proj.helpers import other as renamed

SCALE = 2
TABLE = {"a": [1, 2]}
UNUSED = 1


def decorate(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x) + 0
    return wrapper


class Model(Base):
    size = 3

    def predict(self, x):
        return self.shift(x) * self.size


@decorate
def decorated(x):
    return x + 1


@functools.lru_cache
def remembered(x):
    return x * 2


def local(x):
    """A docstring."""
    return math.floor(x)  # a comment


def recursive(n):
    return 0 if n == 0 else recursive(n - 1)


def step(x, factor=SCALE):
    from proj.lazy import late
    inner = lambda y: y + SCALE
    return (helper(x) + tools.tool(x) + renamed(x) + decorated(x) + remembered(x) + local(x) + late(x)
            + Model().predict(x) + recursive(2) + inner(x) + TABLE["a"][0] + np.sum([x]) * factor)


def unrelated(x):
    return x
''',
    "proj/helpers.py": """
def helper(x):
    return deeper(x)


def deeper(x):
    return x + 1


def other(x):
    return x


class Base:
    def shift(self, x):
        return x + 1
""",
    "proj/tools.py": "def tool(x):\n    return x\n\n\ndef spare(x):\n    return x\n",
    "proj/lazy.py": "def late(x):\n    return x\n",
}


def load(folder: Path, files: dict[str, str]) -> Fingerprint:
    """Write the project, import it afresh, and return the fingerprint of its step."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in [name for name in sys.modules if name == "proj" or name.startswith("proj.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    try:
        importlib.import_module("proj.lazy")
        return fingerprint(importlib.import_module("proj.steps").step, root=folder)
    finally:
        sys.path.remove(str(folder))


def edited(file: str, before: str, after: str) -> dict[str, str]:
    assert before in FILES[file]
    return {**FILES, file: FILES[file].replace(before, after)}


MOVING = {
    "the body": edited("proj/steps.py", "+ inner(x)", "- inner(x)"),
    "a default value": edited("proj/steps.py", "factor=SCALE", "factor=7"),
    "a constant": edited("proj/steps.py", "SCALE = 2", "SCALE = 3"),
    "a nested constant": edited("proj/steps.py", "[1, 2]", "[1, 3]"),
    "a lambda": edited("proj/steps.py", "y + SCALE", "y - SCALE"),
    "a helper in the same module": edited("proj/steps.py", "math.floor(x)", "math.ceil(x)"),
    "a helper in another module": edited("proj/helpers.py", "return deeper(x)", "return deeper(x) * 2"),
    "a helper of a helper": edited(
        "proj/helpers.py", "def deeper(x):\n    return x + 1", "def deeper(x):\n    return x + 2"
    ),
    "a helper reached through its module": edited(
        "proj/tools.py", "def tool(x):\n    return x", "def tool(x):\n    return -x"
    ),
    "a renamed import": edited(
        "proj/helpers.py", "def other(x):\n    return x", "def other(x):\n    return -x"
    ),
    "an import inside the step": edited("proj/lazy.py", "return x", "return -x"),
    "a method": edited("proj/steps.py", "self.shift(x) * self.size", "self.shift(x) + self.size"),
    "a class attribute": edited("proj/steps.py", "size = 3", "size = 4"),
    "a base class": edited(
        "proj/helpers.py",
        "def shift(self, x):\n        return x + 1",
        "def shift(self, x):\n        return x",
    ),
    "a decorated function": edited(
        "proj/steps.py", "def decorated(x):\n    return x + 1", "def decorated(x):\n    return x"
    ),
    "the decorator": edited("proj/steps.py", "function(x) + 0", "function(x) + 1"),
    "a cached function": edited("proj/steps.py", "return x * 2", "return x * 3"),
    "a recursive function": edited("proj/steps.py", "recursive(n - 1)", "recursive(n - 2)"),
}

STILL = {
    "a comment": edited("proj/steps.py", "# a comment", "# another comment"),
    "a docstring": edited("proj/steps.py", "A docstring.", "Another docstring."),
    "formatting": edited("proj/steps.py", "return math.floor(x)", "return math.floor(\n        x\n    )"),
    "an unrelated function": edited(
        "proj/steps.py", "def unrelated(x):\n    return x", "def unrelated(x):\n    return -x"
    ),
    "an unrelated constant": edited("proj/steps.py", "UNUSED = 1", "UNUSED = 2"),
    "an unrelated function of a module": edited(
        "proj/tools.py", "def spare(x):\n    return x", "def spare(x):\n    return -x"
    ),
    "lines above": {**FILES, "proj/helpers.py": "\n\n\n" + FILES["proj/helpers.py"]},
    "a new file": {**FILES, "proj/new.py": "x = 1\n"},
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Fingerprint:
    return load(tmp_path_factory.mktemp("before"), FILES)


@pytest.mark.parametrize("edit", MOVING)
def test_what_a_step_reaches_moves_its_fingerprint(before: Fingerprint, tmp_path: Path, edit: str) -> None:
    assert load(tmp_path, MOVING[edit]).digest != before.digest


@pytest.mark.parametrize("edit", STILL)
def test_what_cannot_matter_does_not(before: Fingerprint, tmp_path: Path, edit: str) -> None:
    assert load(tmp_path, STILL[edit]).digest == before.digest


def test_the_parts_name_what_was_reached(before: Fingerprint) -> None:
    assert {
        "proj.steps:step",
        "proj.helpers:deeper",
        "proj.tools:tool",
        "proj.steps:Model",
        "dist:numpy",
    } <= set(before.parts)
    assert "proj.steps:unrelated" not in before.parts


def made(source: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {"__name__": "typed"}
    exec(source, scope)
    function: Callable[..., Any] = scope["step"]
    return function


def test_code_without_a_source_is_told_by_its_bytecode() -> None:
    first, second = (
        made("def step(x):\n    'doc'\n    return x + 1"),
        made("def step(x):\n    'other'\n    return x + 1"),
    )
    third = made("def step(x):\n    return x + 2")
    assert fingerprint(first, root=None).digest == fingerprint(second, root=None).digest
    assert fingerprint(first, root=None).digest != fingerprint(third, root=None).digest


def test_closures_count_by_value() -> None:
    def maker(size: int) -> Callable[[int], int]:
        def step(x: int) -> int:
            return x * size

        return step

    assert fingerprint(maker(2), root=None).digest == fingerprint(maker(2), root=None).digest
    assert fingerprint(maker(2), root=None).digest != fingerprint(maker(3), root=None).digest
