"""A project's modules run as their files are now, also where Python would take old bytecode for current."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from interlock import pipeline, step
from shop.helper import number

@step
def one() -> int:
    return number()

@pipeline
def train():
    one()
"""
RUN = """
import os
from pathlib import Path
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline

load_pipeline(find_project(Path(".").resolve()), "shop.flow:train")
from shop.helper import number
print(number())
"""


def answer(folder: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.check_output([sys.executable, "-c", RUN], cwd=folder, env=kept, text=True).strip()


def write(folder: Path, number: int) -> None:
    """Write a helper of always the same size and time of change."""
    helper = folder / "shop" / "helper.py"
    helper.write_text(f"def number() -> int:\n    return {number}\n")
    os.utime(helper, (helper.parent.stat().st_mtime, helper.parent.stat().st_mtime))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    package = tmp_path / "shop"
    package.mkdir()
    (tmp_path / "interlock.toml").touch()
    (package / "__init__.py").touch()
    (package / "flow.py").write_text(MODULE)
    return tmp_path


def test_a_module_edited_twice_in_a_second_runs_as_it_is_now(shop: Path) -> None:
    for number in (1, 2, 3):
        write(shop, number)
        assert answer(shop) == str(number)


def test_bytecode_of_a_module_that_rests_is_kept(shop: Path) -> None:
    write(shop, 1)
    os.utime(shop / "shop" / "helper.py", (1_000_000_000, 1_000_000_000))
    answer(shop)
    (bytecode,) = (shop / "shop" / "__pycache__").glob("helper.*.pyc")
    before = bytecode.stat().st_ino, bytecode.stat().st_mtime_ns
    assert answer(shop) == "1"
    assert (bytecode.stat().st_ino, bytecode.stat().st_mtime_ns) == before
