"""Asking again in one process: nothing is searched anew, and every change in memory or on disk is noticed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from interlock.identity.code import fingerprint, fingerprints, project_naming
from interlock.identity.digest import digest_value

TEXT = """
import threading
LIMIT = 1
TABLE = {"a": [1]}
LOCK = threading.Lock()
class Model:
    size = 1
    def go(self): return 1
def make(k):
    def inner(n):
        return n * k
    return inner
held = make(2)
def helper(n, k=1):
    return n + k
def spare(n):
    return -n
def step(n):
    import warm_late
    return helper(n) + LIMIT + TABLE["a"][0] + Model().go() + held(n) + warm_late.X
def two(n):
    return helper(n)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "warm_main.py").write_text(TEXT)
    (tmp_path / "warm_late.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("warm_main")
    del sys.modules["warm_main"]


def cell(module: Any) -> None:
    module.held.__closure__[0].cell_contents = 3


CHANGES: dict[str, Callable[[Any], object]] = {
    "a constant": lambda module: setattr(module, "LIMIT", 2),
    "what a constant holds": lambda module: module.TABLE["a"].append(2),
    "a function bound anew": lambda module: setattr(module, "helper", module.spare),
    "the code of a function": lambda module: setattr(module.helper, "__code__", module.spare.__code__),
    "a default": lambda module: setattr(module.helper, "__defaults__", (2,)),
    "an attribute of a function": lambda module: setattr(module.helper, "more", 1),
    "a class attribute": lambda module: setattr(module.Model, "size", 2),
    "a method": lambda module: setattr(module.Model, "go", module.spare),
    "a cell of a closure": cell,
    "a builtin hidden by a name": lambda module: (
        setattr(module, "threading", None) or setattr(module, "Model", dict)
    ),
    "a late module on disk": lambda module: (
        Path(module.__file__).with_name("warm_late.py").write_text("X = 22\n")
    ),
    "a late module that is gone": lambda module: Path(module.__file__).with_name("warm_late.py").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(module: ModuleType, change: str) -> None:
    root = Path(str(module.__file__)).parent
    before = fingerprint(module.step, root=root)
    assert fingerprint(module.step, root=root) is before
    CHANGES[change](module)
    assert fingerprint(module.step, root=root).digest != before.digest


def test_what_was_searched_for_before_makes_no_difference(module: ModuleType) -> None:
    root = Path(str(module.__file__)).parent
    together = [one.digest for one in fingerprints([module.two, module.step, module.held], root=root)]
    module.LIMIT = 2
    module.LIMIT = 1
    alone = fingerprint(module.held, root=root / "." / "x" / "..").digest
    assert [fingerprint(one, root=root).digest for one in (module.step, module.two)] == together[1::-1]
    assert alone == together[2]


def test_what_is_not_reached_is_not_watched(module: ModuleType) -> None:
    root = Path(str(module.__file__)).parent
    before = fingerprint(module.two, root=root)
    module.TABLE["a"].append(2)
    module.Model.size = 5
    assert fingerprint(module.two, root=root).digest == before.digest


def test_a_value_is_named_by_the_code_as_it_is_now(module: ModuleType) -> None:
    root = Path(str(module.__file__)).parent
    before = digest_value(module.Model(), naming=project_naming(root))
    module.Model.go = module.spare
    assert digest_value(module.Model(), naming=project_naming(root)) != before
