"""What pyproject.toml asks for, what the locks pin, and what the code imports are one and the same."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
USERS = ("demo/project", "demo/starter")
"""Folders of the package that hold what a user would write; the extra `demo` brings what they import."""

SAFE_FROM = {"starlette": "0.49.1", "h11": "0.16", "pyarrow": "14.0.1", "skops": "0.13"}
"""Versions below which a known vulnerability is open."""


def declared(*extras: str) -> list[Requirement]:
    texts = [*PROJECT["dependencies"], *(one for e in extras for one in PROJECT["optional-dependencies"][e])]
    return [Requirement(text) for text in texts]


def pins(lock: str) -> dict[str, set[Version]]:
    """Return the versions that a lock pins; a name has several where platforms need different ones."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    found: dict[str, set[Version]] = {}
    for name, version in re.findall(r"^([a-z0-9.-]+)==([^ ;\n]+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(Version(version))
    return found


@pytest.mark.parametrize("lock", ["core", "demo"])
def test_the_smaller_locks_are_parts_of_the_one_that_is_tested(lock: str) -> None:
    tested = pins("dev")
    assert {name: versions for name, versions in pins(lock).items() if tested.get(name) != versions} == {}


@pytest.mark.parametrize(
    "lock", [("core",), ("demo", "demo"), ("dev", "dev", "all", "demo")], ids=lambda one: one[0]
)
def test_all_that_is_asked_for_is_locked_in_a_fitting_version(lock: tuple[str, ...]) -> None:
    locked = pins(lock[0])
    asked = [one for one in declared(*lock[1:]) if one.name != "interlock"]
    assert [str(one) for one in asked if not any(map(one.specifier.contains, locked.get(one.name, ())))] == []


def test_no_bound_lets_a_version_with_a_known_hole_in() -> None:
    every = declared(*PROJECT["optional-dependencies"])
    for name, safe in SAFE_FROM.items():
        bounds = [one.specifier for one in every if one.name == name]
        assert bounds
        assert not any(
            bound.contains("0.1") or bound.contains(f"{safe}.dev0", prereleases=True) for bound in bounds
        )
        assert all(version >= Version(safe) for version in pins("dev")[name])


def imported(file: Path) -> set[str]:
    """Return the top-level modules that a file imports, also those that are asked for by name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.startswith("require")
        ):
            names |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"interlock"}


def test_every_package_that_the_code_imports_is_declared() -> None:
    owners = packages_distributions()
    names = {canonicalize_name(one.name) for one in declared(*PROJECT["optional-dependencies"])}
    files = [
        file for file in (ROOT / "src").rglob("*.py") if not any(user in file.as_posix() for user in USERS)
    ]
    used = {module: file.name for file in files for module in imported(file)}
    used.pop("torch", None)  # values of it are digested where a project brings it; we never install it
    strays = {
        module: file
        for module, file in used.items()
        if names.isdisjoint(map(canonicalize_name, owners.get(module, [])))
    }
    assert strays == {}
