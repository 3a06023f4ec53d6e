"""Which files a bundle takes along, and the steps that nothing could carry elsewhere."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.graph.step import Step, step
from interlock.models import bundle_code
from interlock.models.bundle_code import Code, NotBundleable, Place, collect_code

STEP = "from interlock.graph.step import step\n{}@step\ndef go() -> int: return 1\n"

Collect = Callable[..., Code]


@pytest.fixture
def collect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collect]:
    """Write files, import `name` and collect the code of its step `go`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def collect(files: dict[str, str], name: str, root: Path | None = None) -> Code:
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        module: Any = importlib.import_module(name)
        return collect_code(root or tmp_path, {"go": module.go})

    yield collect
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("files", "module", "taken"),
    [
        ({"one_a.py": STEP.format("")}, "one_a", ["one_a.py"]),
        (
            {"two_a.py": STEP.format("import two_b\n"), "two_b.py": "", "two_c.py": ""},
            "two_a",
            ["two_a.py", "two_b.py"],
        ),
        (
            {"thr/__init__.py": "", "thr/a.py": STEP.format(""), "thr/sub/__init__.py": "", "thr/sub/late.py": ""},
            "thr.a",
            ["thr/__init__.py", "thr/a.py", "thr/sub/__init__.py", "thr/sub/late.py"],
        ),
        (
            {"fou_a.py": STEP.format("def f():\n    from fou_b import x\n"), "fou_b.py": "import fou_c\n", "fou_c.py": ""},
            "fou_a",
            ["fou_a.py", "fou_b.py", "fou_c.py"],
        ),
        ({"fiv/a.py": STEP.format(""), "fiv/data.csv": "1"}, "fiv.a", ["fiv/a.py"]),
        (
            {
                "sixth/__init__.py": STEP.format(""),
                "sixth/.venv/x.py": "",
                "sixth/env/pyvenv.cfg": "",
                "sixth/env/y.py": "",
                "sixth/site-packages/z.py": "",
            },
            "sixth",
            ["sixth/__init__.py"],
        ),
        ({"sev_a.py": STEP.format("def f():\n    import numpy, interlock, sev_b\n"), "sev_b.py": "x = '\\d'\n"}, "sev_a", ["sev_a.py", "sev_b.py"]),
        ({"eig/__init__.py": STEP.format(""), "eig/template.py": "def {{name}}(:\n"}, "eig", ["eig/__init__.py", "eig/template.py"]),
    ],
)  # fmt: skip
def test_what_a_step_can_import_is_taken(
    collect: Collect, files: dict[str, str], module: str, taken: list[str]
) -> None:
    code = collect(files, module)
    assert list(code.files) == taken
    assert code.places == {"go": Place(module, "go")}
    assert code.top_levels == tuple(sorted({path.split("/")[0].removesuffix(".py") for path in taken}))


def test_a_source_folder_leaves_no_trace_in_the_paths(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    code = collect({"src/nin/__init__.py": "", "src/nin/a.py": STEP.format("")}, "nin.a")
    assert list(code.files) == ["nin/__init__.py", "nin/a.py"]


def test_a_step_of_an_installed_package_brings_no_files(tmp_path: Path, collect: Collect) -> None:
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    sys.path.insert(0, str(folder))
    try:
        code = collect({"lib/site-packages/ten_a.py": STEP.format("")}, "ten_a")
    finally:
        sys.path.remove(str(folder))
    assert (dict(code.files), code.top_levels) == ({}, ())


def test_a_step_from_outside_of_the_project_is_refused(collect: Collect, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(NotBundleable, match=r"Step 'go' is neither in the project .* nor installed"):
        collect({"ele_a.py": STEP.format("")}, "ele_a", tmp_path / "elsewhere")


def inner() -> Step[Any]:
    @step
    def hidden() -> int:
        return 1

    return hidden


@step
def replaced() -> int:
    return 1


kept = replaced
replaced = step(lambda: 2, name="other")  # type: ignore[assignment]  # a name that means something else now


@pytest.mark.parametrize(
    ("made", "says"),
    [(inner(), "is defined inside another function"), (kept, "is not what .*replaced names")],
)
def test_a_step_that_no_name_leads_to_is_refused(tmp_path: Path, made: Step[Any], says: str) -> None:
    with pytest.raises(NotBundleable, match=says):
        collect_code(tmp_path, {"x": made})


def test_too_much_code_is_refused_with_the_largest_file(
    collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_code, "CODE_LIMIT", 1000)
    with pytest.raises(NotBundleable, match=r"in 2 files; a bundle carries at most") as caught:
        collect({"twe/__init__.py": STEP.format(""), "twe/big.py": "#" * 2000}, "twe")
    assert "largest file: twe/big.py" in caught.value.where
