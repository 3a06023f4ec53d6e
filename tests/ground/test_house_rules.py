"""Rules of the house that no linter knows: no address of a registry or a machine, no import of our own front door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/interlock"
ROOMS = {path.stem for path in PACKAGE.iterdir()}
USERS = (PACKAGE / "demo/project", PACKAGE / "demo/starter")
"""What a user would write imports `interlock` as users do."""

LEFT_BY_TOOLS = {"__pycache__", ".hypothesis"}
OURS = ("src", "tests", "docs", "bench", "requirements", ".ci", ".github")
ADDRESSES = [
    r"\bpypi\b",
    r"python" + r"hosted",
    r"--(extra-)?index-url",
    r"--find-links",
    r"(?<![\w.~])/(root|home|work|opt|Users)/\w",
]
"""An address here would tie an installation to one registry, or a file to one machine."""


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text file that is ours, named from the root of the project."""
    within = [path for folder in OURS for path in (ROOT / folder).glob("**/*")]
    for path in [*within, *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]:
        left_by_tools = LEFT_BY_TOOLS.intersection(path.parts) or path.suffix == ".csv"
        if path.is_file() and path != Path(__file__) and not left_by_tools:
            yield path.relative_to(ROOT).as_posix(), path.read_text(errors="replace")


def test_no_file_names_a_registry_or_a_folder_of_a_machine() -> None:
    read = dict(texts())
    assert "pyproject.toml" in read
    found = {name: [one for one in ADDRESSES if re.search(one, text)] for name, text in read.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


def front_door_imports(file: Path) -> list[str]:
    """Return the names that a file imports from the root package and that are no modules of it."""
    tree = ast.walk(ast.parse(file.read_text()))
    roots = [node for node in tree if isinstance(node, ast.ImportFrom) and node.module == "interlock"]
    return [one.name for node in roots for one in node.names if one.name not in ROOMS]


def test_the_package_imports_names_from_the_modules_that_own_them() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if not any(user in file.parents for user in USERS)]
    assert len(files) > 100
    assert {file.name: names for file in files if (names := front_door_imports(file))} == {}
    assert front_door_imports(PACKAGE / "demo/starter/pipeline.py")
