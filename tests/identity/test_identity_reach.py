"""What a search for code reaches beyond what one edit of one project shows."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import linecache
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from interlock.graph.step import step
from interlock.identity.code import fingerprint, project_naming
from interlock.identity.digest import digest_value
from interlock.identity.environment import normalised
from interlock.identity.origin import Origins, owner_of

Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write modules into a folder, import them afresh, and return the first."""

    def load(folder: str = "a", **texts: str) -> ModuleType:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        for name, text in texts.items():
            (root / f"{name}.py").write_text(text)
            sys.modules.pop(name, None)
        monkeypatch.setattr(sys, "path", [str(root), *before])
        importlib.invalidate_caches()
        return importlib.import_module(next(iter(texts)))

    # Python takes a cached file of the same second and size for the module that was edited.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before, known = list(sys.path), set(sys.modules)
    yield load
    for name in set(sys.modules) - known:
        del sys.modules[name]


def of(function: Any) -> str:
    file = sys.modules[function.__module__].__file__
    assert file is not None
    return fingerprint(function, root=Path(file).parent).digest


def test_names_that_change_places_move_the_fingerprint(load: Load) -> None:
    tools = "def one(x):\n    return x\n\ndef two(x):\n    return -x\n"
    text = "from reach_tools import one as {}, two as {}\ndef step(x):\n    return f(x) - 2 * g(x)\n"
    first = of(load(reach_main=text.format("f", "g"), reach_tools=tools).step)
    assert of(load(reach_main=text.format("g", "f"), reach_tools=tools).step) != first


def test_functions_of_a_library_are_told_apart(load: Load) -> None:
    text = "from math import {} as f\ndef step(x):\n    return f(x)\n"
    assert of(load(reach_main=text.format("floor")).step) != of(load(reach_main=text.format("ceil")).step)


def test_the_folder_of_the_project_leaves_no_trace(load: Load) -> None:
    text = """
from pathlib import Path
import os
HERE = Path(__file__).parent
DATA = os.path.join(os.path.dirname(__file__), "data")
def step():
    return HERE, DATA, __file__, __name__
"""
    one, two = load("one", reach_main=text), load("another", reach_main=text)
    assert one.HERE != two.HERE
    assert fingerprint(one.step, root=one.HERE).digest == fingerprint(two.step, root=two.HERE).digest


def test_order_in_module_and_class_leaves_no_trace(load: Load) -> None:
    one = "def h(x):\n    return x\n"
    two = "class C:\n    def a(self): return 1\n    def b(self): return 2\n"
    mixed = "class C:\n    def b(self): return 2\n    def a(self): return 1\n"
    last = "def step(x):\n    return h(C().a())\n"
    assert of(load(reach_main=one + two + last).step) == of(load(reach_main=last + mixed + one).step)


def test_the_order_of_fields_counts(load: Load) -> None:
    text = "from dataclasses import dataclass\n@dataclass\nclass C:\n    {}: int\n    {}: int\ndef step():\n    return C(1, 2)\n"
    assert of(load(reach_main=text.format("a", "b")).step) != of(load(reach_main=text.format("b", "a")).step)


CLASS = """
from functools import cached_property, lru_cache, singledispatch
from reach_tools import Meta, decorate, LIMIT, Part
class C(metaclass=Meta):
    limit = LIMIT
    @property
    def p(self): return 1
    @cached_property
    def c(self): return 2
    @staticmethod
    def s(): return 3
    @classmethod
    def k(cls): return 4
    @decorate
    def d(self): return 5
    @lru_cache
    def l(self): return 6
    class Inner:
        def i(self): return 7
    def part(self): return Part().go()
@singledispatch
def how(x): return 8
@how.register
def _(x: int): return 9
def step():
    return C(), how(1)
"""
TOOLS = """
class Meta(type):
    def m(cls): return 10
def decorate(f):
    def wrapper(self): return f(self) + 11
    return wrapper
LIMIT = 12
class Part:
    def go(self): return 13
"""


@pytest.mark.parametrize("number", range(1, 14))
def test_all_of_a_class_is_reached(load: Load, number: int) -> None:
    def edited(text: str) -> str:
        return text.replace(f" {number}\n", " 99\n")

    before = of(load(reach_main=CLASS, reach_tools=TOOLS).step)
    assert edited(CLASS + TOOLS) != CLASS + TOOLS
    assert of(load(reach_main=edited(CLASS), reach_tools=edited(TOOLS)).step) != before


def test_wrappers_lead_to_what_they_wrap(load: Load) -> None:
    text = """
import functools
def h(x, y): return x + {}
class Call:
    def __call__(self, x): return x * {}
TABLE = {{"f": functools.partial(h, y={}), "g": [h]}}
call = Call()
def step(x):
    return TABLE["f"](x) + call(x)
"""
    numbers = [(1, 2, 3), (9, 2, 3), (1, 9, 3), (1, 2, 9)]
    assert len({of(load(reach_main=text.format(*one)).step) for one in numbers}) == 4


def test_a_file_edited_after_its_import_is_not_taken_for_the_code_in_memory(load: Load) -> None:
    module = load(reach_main="def step(x):\n    return x + 1\n")
    Path(str(module.__file__)).write_text("def step(x):\n    return x + 2\n")
    stale = of(module.step)
    fresh = of(load(reach_main="def step(x):\n    return x + 2\n").step)
    assert stale != fresh


def test_a_module_that_is_imported_late_is_read_and_not_run(load: Load) -> None:
    text = "def step(x):\n    from reach_late import f\n    return f(x)\n"
    late = "import reach_later\nraise RuntimeError\ndef f(x):\n    return {} + reach_later.X\n"
    module = load(reach_main=text, reach_late=late.format(1), reach_later="X = 1\n")
    found = fingerprint(module.step, root=Path(str(module.__file__)).parent)
    assert {"reach_late:f", "reach_later:X"} <= set(found.parts)
    assert "reach_late" not in sys.modules
    edited = load(reach_main=text, reach_late=late.format(2), reach_later="X = 1\n")
    assert of(edited.step) != found.digest
    farther = load(reach_main=text, reach_late=late.format(1), reach_later="X = 2\n")
    assert of(farther.step) != found.digest


def test_relative_imports_of_late_modules_are_followed(load: Load, tmp_path: Path) -> None:
    package = tmp_path / "a" / "reach_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text("def step():\n    from . import late\n    return late\n")
    (package / "late.py").write_text("X = 1\n")
    load(reach_main="")
    main = importlib.import_module("reach_package.main")
    assert "reach_package.late:*" in fingerprint(main.step, root=tmp_path / "a").parts


def test_a_value_without_a_digest_counts_by_its_class(load: Load) -> None:
    text = "import threading\nLOCK = threading.{}()\ndef step():\n    return LOCK\n"
    one, same, other = (of(load(reach_main=text.format(kind)).step) for kind in ("Lock", "Lock", "RLock"))
    assert one == same != other


def test_two_closures_of_one_function_are_two_parts(load: Load) -> None:
    text = """
def make(n):
    def inner(x): return x * n
    return inner
F, G = make(2), make({})
def step(x):
    return F(G(x))
"""
    assert of(load(reach_main=text.format(3)).step) != of(load(reach_main=text.format(4)).step)


def test_a_step_counts_as_its_function() -> None:
    @step
    def double(x: int) -> int:
        return 2 * x

    @step(retries=3)
    def again(x: int) -> int:
        return double(x)

    assert fingerprint(double, root=None) == fingerprint(double.function, root=None)
    assert any("double" in part for part in fingerprint(again, root=None).parts)


def test_how_often_a_step_is_tried_is_no_code(load: Load) -> None:
    text = "from interlock import step\n@step(retries={})\ndef s(x: int) -> int:\n    return x\n"
    assert of(load(reach_main=text.format(1)).s.function) == of(load(reach_main=text.format(2)).s.function)


def test_a_cell_of_a_notebook_is_read_without_its_comments() -> None:
    digests = set()
    for number, text in enumerate(
        ["def s(x):\n    return x  # one\n", "# two\n\ndef s(x):\n    return (x)\n"]
    ):
        name = f"<cell {number}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        scope: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, name, "exec"), scope)
        digests.add(fingerprint(scope["s"], root=None).digest)
    assert len(digests) == 1


def test_a_library_enters_by_its_version_only() -> None:
    parts = fingerprint(pytest.raises, root=None).parts
    assert parts == {"dist:pytest": importlib.metadata.version("pytest"), "python": parts["python"]}


def test_two_functions_of_a_library_are_two() -> None:
    assert fingerprint(pytest.raises, root=None).digest != fingerprint(pytest.warns, root=None).digest


def test_a_decorator_of_the_standard_library_hides_nothing(load: Load) -> None:
    text = "import contextlib\n@contextlib.contextmanager\ndef s():\n    yield {}\n"
    assert of(load(reach_main=text.format(1)).s) != of(load(reach_main=text.format(2)).s)


def test_owners_of_modules_are_those_that_python_knows() -> None:
    known = importlib.metadata.packages_distributions()
    for top in ("numpy", "sklearn", "jsonschema", "dateutil", "_pytest", "attr"):
        assert owner_of(top) in [normalised(name) for name in known[top]]
    assert owner_of("no_such_module") is None


def test_a_site_packages_inside_the_project_is_not_the_project(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.py", tmp_path / ".venv/lib/site-packages/theirs.py"
    theirs.parent.mkdir(parents=True)
    ours.touch()
    theirs.touch()
    origins = Origins(tmp_path)
    assert origins.of("ours", str(ours)).kind == "project"
    assert origins.of("theirs", str(theirs)).kind == "distribution"
    assert origins.of("threading", threading.__file__).kind == "python"


def test_an_object_of_a_changed_class_is_another_value(load: Load) -> None:
    text = "class Model:\n    def predict(self, x):\n        return x + {}\n"
    plain, named = set(), set()
    for number in (1, 2):
        module = load(reach_main=text.format(number))
        plain.add(digest_value(module.Model()))
        named.add(digest_value(module.Model(), naming=project_naming(Path(str(module.__file__)).parent)))
    assert (len(plain), len(named)) == (1, 2)


def test_a_naming_leaves_the_code_of_others_alone() -> None:
    naming = project_naming(None)
    assert naming(dict) is None
    assert naming(functools.partial) is None


def test_places_and_files_tell_where_the_parts_are_and_are_no_identity(load: Load) -> None:
    main = "import reach_tools\nLIMIT = 1\n\nclass C:\n    def m(self): return LIMIT\n\ndef step(x):\n    import reach_late\n    return reach_tools.h(C(), {}x)\n"
    tools = "\n\ndef h(x):\n    return x\n"
    module = load(reach_main=main.format(""), reach_tools=tools, reach_late="X = 1\n")
    root = Path(str(module.__file__)).parent
    found = fingerprint(module.step, root=root)
    assert found.places["reach_main:step"] == "reach_main.py:7"
    assert found.places["reach_main:LIMIT"] == "reach_main.py:2"
    assert found.places["reach_main:C"] == "reach_main.py:4"
    assert found.places["reach_tools:h"] == "reach_tools.py:3"
    assert "python" not in found.places
    assert found.files == ("reach_late.py", "reach_main.py", "reach_tools.py")
    moved = load(reach_main="\n" + main.format(""), reach_tools=tools, reach_late="X = 1\n")
    assert fingerprint(moved.step, root=root).places != found.places
    assert fingerprint(moved.step, root=root).digest == found.digest


def test_stale_bytecode_that_python_runs_is_not_taken_for_the_text(tmp_path: Path) -> None:
    """A file edited to the same size, with its old time: Python runs what it kept, and that is what counts."""
    file = tmp_path / "stale_main.py"
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom pathlib import Path\nimport stale_main\n"
        "from interlock.identity.code import fingerprint\n"
        "print(stale_main.step(), fingerprint(stale_main.step, root=Path(sys.argv[1])).digest)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run() -> tuple[str, str]:
        command = [sys.executable, "-c", script, str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
        value, digest = done.stdout.split()
        return value, digest

    def write(text: str) -> None:
        file.write_text(text)
        os.utime(file, (1_600_000_000, 1_600_000_000))

    write("def step():\n    return 1\n")
    assert run()[0] == "1"
    write("def step():\n    return 2\n")
    stale = run()
    (file.parent / "__pycache__" / f"stale_main.{sys.implementation.cache_tag}.pyc").unlink()
    fresh = run()
    assert (stale[0], fresh[0]) == ("1", "2")
    assert stale[1] != fresh[1]


FAILING = {
    "a module that makes its attributes": "import lazy\nfailing = lazy\n",
    "a module without a file": "import types\nclass Lazy(types.ModuleType):\n    def __getattr__(self, name):\n        return {}[name]\nfailing = Lazy('lazy')\n",
    "an object": "class Lazy:\n    def __getattr__(self, name):\n        return {}[name]\nfailing = Lazy()\n",
    "an object with slots": "class Lazy:\n    __slots__ = ('k',)\n    def __getattr__(self, name):\n        return {}[name]\nfailing = Lazy()\n",
}


@pytest.mark.parametrize("text", FAILING.values(), ids=FAILING.keys())
def test_what_fails_in_its_own_way_at_attributes_is_not_asked_for_them(load: Load, text: str) -> None:
    text += "K = {'k': failing}\ndef take(k):\n    return k\ndef step(x):\n    return take(failing), K, x\n"
    lazy = "known = {}\ndef __getattr__(name):\n    return known[name]\n"
    first = of(load(reach_main=text, lazy=lazy).step)
    assert of(load(reach_main=text, lazy=lazy).step) == first
    assert of(load(reach_main=text.replace("K, x", "K, -x"), lazy=lazy).step) != first


def test_files_of_datasets_are_told_apart_by_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "apart_reader.py").write_text(
        "def read():\n    return [open('data/rows.csv').read(), open('data.txt').read()]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for file in ("data/rows.csv", "data.txt"):
        (tmp_path / file).write_text("1")
    import apart_reader  # type: ignore[import-not-found]

    def files(*apart: str) -> list[str]:
        found = fingerprint(apart_reader.read, root=tmp_path, apart=apart)
        return sorted(part for part in found.parts if part.startswith("file:"))

    assert files() == ["file:data.txt", "file:data/rows.csv"]
    for pattern in ("data", "data/*.csv", "data/rows.csv"):
        assert files(pattern) == ["file:data.txt"]
