"""A code snapshot runs under a name of its own, and its imports stay inside."""

from __future__ import annotations

import sys
import textwrap
import threading
from pathlib import Path

import pytest

from interlock.models.codespace import CodeSpace, CodeSpaceError

FILES = {
    "shop/__init__.py": "from .prices import price as price\nfrom shop.prices import RATE\nVERSION = 'one'\n",
    "shop/prices.py": "import math\nRATE = 2.5\ndef price(n): return math.floor(n * RATE)\n",
    "shop/deep/__init__.py": "",
    "shop/deep/inner.py": "from ..prices import price\nfrom . import side\ndef inner(): return price(4) + side.SIDE\n",
    "shop/deep/side.py": "SIDE = 100\n",
    "loose/part.py": "HERE = 'namespace package'\n",
    "helper.py": "import shop.prices\nLIMIT = 7\n__all__ = ['LIMIT']\nhidden = 8\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(textwrap.dedent(text))
    return folder


def space_of(folder: Path, **extra: str) -> CodeSpace:
    files = FILES | {f"{name}.py": text for name, text in extra.items()}
    return CodeSpace(write(folder, files), ["shop", "loose", "helper", *extra])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("from shop.prices import price\ndef f(): return price(2)", 5),
        ("import shop.prices\ndef f(): return shop.prices.price(2)", 5),
        ("import shop.prices as p\ndef f(): return p.price(2)", 5),
        ("import shop as s\ndef f(): return s.price(2)", 5),
        ("from shop import prices as p, VERSION\ndef f(): return (p.RATE, VERSION)", (2.5, "one")),
        ("from shop import deep\nimport shop.deep.inner\ndef f(): return deep.inner.inner()", 110),
        ("from shop.deep.inner import inner as f", 110),
        ("from helper import *\ndef f(): return LIMIT, 'hidden' in globals()", (7, False)),
        (
            "def f():\n    import shop.prices\n    from helper import hidden\n    return shop.prices.RATE + hidden",
            10.5,
        ),
        ("def f():\n    from shop.deep import inner\n    return inner.inner()", 110),
        ("from loose.part import HERE\ndef f(): return HERE", "namespace package"),
        ("import os.path, json\ndef f(): return json.loads(os.path.join('1'))", 1),
        (
            "import importlib\ndef f(): return importlib.import_module('shop.prices').RATE",
            ModuleNotFoundError,
        ),
    ],
)
def test_every_form_of_import_reaches_the_snapshot(tmp_path: Path, body: str, expected: object) -> None:
    with space_of(tmp_path / "code", caller=body) as space:
        function = space.load("caller", "f")
        if isinstance(expected, type):
            with pytest.raises(expected):
                function()
        else:
            assert function() == expected
    assert not {"shop", "helper", "caller", "loose"} & sys.modules.keys()


def test_two_versions_answer_side_by_side(tmp_path: Path) -> None:
    old = CodeSpace(
        write(tmp_path / "a" / "code", {"m.py": "def f():\n    import n\n    return n.X", "n.py": "X = 1"}),
        ["m", "n"],
    )
    new = CodeSpace(
        write(tmp_path / "b" / "code", {"m.py": "def f():\n    import n\n    return n.X", "n.py": "X = 2"}),
        ["m", "n"],
    )
    with old, new:
        first, second = old.load("m", "f"), new.load("m", "f")
        assert [first(), second(), first()] == [1, 2, 1]


def test_the_same_folder_twice_shares_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path, {"m.py": "seen = []\ndef f(x):\n    seen.append(x)\n    return seen"})
    with CodeSpace(folder, ["m"]) as one, CodeSpace(folder, ["m"]) as two:
        assert one.name != two.name
        assert (one.load("m", "f")(1), two.load("m", "f")(2)) == ([1], [2])


def test_dataclasses_enums_and_hints_work(tmp_path: Path) -> None:
    body = """
        from __future__ import annotations
        import dataclasses, enum, typing
        class Colour(enum.Enum):
            RED = 1
        class Pair(typing.NamedTuple):
            left: Colour
        @dataclasses.dataclass(frozen=True)
        class Row:
            pair: Pair
            n: typing.ClassVar[int] = 3
        def f(row: Row) -> Colour:
            return row.pair.left
    """
    with CodeSpace(write(tmp_path, {"m.py": body}), ["m"]) as space:
        row, pair, colour = (space.load("m", name) for name in ("Row", "Pair", "Colour"))
        function = space.load("m", "f")
        assert function(row(pair(colour.RED))) is colour.RED
        import typing

        assert typing.get_type_hints(function) == {"row": row, "return": colour}


def test_a_script_is_loaded_without_being_main(tmp_path: Path) -> None:
    body = "def f(): return __name__\nif __name__ == '__main__':\n    raise SystemExit(9)\n"
    with CodeSpace(write(tmp_path, {"train.py": body}), ["train"]) as space:
        assert space.load("train", "f")().endswith(".train")


def test_steps_come_out_as_steps(tmp_path: Path) -> None:
    body = "from interlock.graph.step import step\n@step\ndef double(n: int) -> int: return 2 * n\n"
    with CodeSpace(write(tmp_path, {"m.py": body}), ["m"]) as space:
        assert space.load("m", "double").function(4) == 8


def test_a_module_of_the_environment_is_the_ordinary_one(tmp_path: Path) -> None:
    with CodeSpace(tmp_path, []) as space:
        assert space.load("textwrap", "dedent") is textwrap.dedent


@pytest.mark.parametrize(
    ("body", "says", "where"),
    [
        ("x = 1\ny = 1 / 0\n", "ZeroDivisionError: division by zero", "m.py:2"),
        ("def f(:\n", "SyntaxError", "m.py:1"),
        ("import shop\n\nimport shop.missing\n", "No module named 'shop.missing'", "m.py:3"),
        ("import not_there_at_all\n", "No module named 'not_there_at_all'", "m.py:1"),
        ("import sys\nsys.exit('enough')\n", "SystemExit: enough", "m.py:2"),
        ("from inner import y\n", "KeyError: 'k'", "inner.py:1"),
        ("x = 1\n", "it has no 'function'", ""),
    ],
)
def test_a_module_that_fails_is_named_with_its_line(tmp_path: Path, body: str, says: str, where: str) -> None:
    with space_of(tmp_path, m=body, inner="{}['k']\n") as space, pytest.raises(CodeSpaceError) as caught:
        space.load("m", "function")
    assert "Bundled module 'm' cannot be used: " in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.where == where


def test_the_project_can_test_for_an_optional_module(tmp_path: Path) -> None:
    body = """
        try:
            import shop.extra
        except ModuleNotFoundError as error:
            name = error.name
        def f(): return name
    """
    with space_of(tmp_path, m=body) as space:
        assert space.load("m", "f")() == "shop.extra"


def test_a_closed_space_is_gone(tmp_path: Path) -> None:
    space = CodeSpace(write(tmp_path, {"m.py": "def f():\n    import n\n", "n.py": ""}), ["m", "n"])
    function = space.load("m", "f")
    finders = len(sys.meta_path)
    space.close()
    space.close()
    assert not [name for name in sys.modules if name.startswith(space.name)]
    assert len(sys.meta_path) == finders - 1
    for use in (function, lambda: space.load("m", "f")):
        with pytest.raises(CodeSpaceError, match="code space is closed"):
            use()


def test_nothing_is_written_beside_the_snapshot(tmp_path: Path) -> None:
    with space_of(tmp_path) as space:
        space.load("shop.deep.inner", "inner")
    assert not list(tmp_path.rglob("__pycache__"))


def test_threads_that_load_at_once_see_whole_modules(tmp_path: Path) -> None:
    slow = (
        "import time\ncount = 0\ntime.sleep(0.02)\ndef f():\n    from lazy import late\n    return late()\n"
    )
    lazy = "import time\ntime.sleep(0.02)\nimport m\ndef late(): return id(m)\n"
    space = CodeSpace(write(tmp_path, {"m.py": slow, "lazy.py": lazy}), ["m", "lazy"])
    start, answers = threading.Barrier(8), []

    def work() -> None:
        start.wait()
        answers.append(space.load("m", "f")())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    space.close()
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_a_module_that_stops_its_import_keeps_what_it_has_defined(tmp_path: Path) -> None:
    body = "from interlock.models.codespace import StopImport\ndef f(): return 'kept'\nraise StopImport\nf = None\n"
    with CodeSpace(write(tmp_path, {"m.py": body, "user.py": "from m import f\n"}), ["m", "user"]) as space:
        assert space.load("user", "f")() == "kept"
