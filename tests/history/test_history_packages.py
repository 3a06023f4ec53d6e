"""Another version of a package: seen by the cache, told by `why`, `env diff` and `diff`, and found as a cause."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_project import interlock, interlock_json

from interlock.store.publish import write_output

STEPS = """
import tinylib
from interlock import pipeline, step


@step
def scaled() -> float:
    return tinylib.scale(2.0)


@step
def plain() -> float:
    return 1.0


@pipeline
def two():
    return scaled(), plain()
"""


def _install(folder: Path, version: str, factor: float) -> dict[str, str]:
    """Put a version of a package where an installer would, and return what makes Python find it."""
    packages = folder / version / "site-packages"
    (packages / f"tinylib-{version}.dist-info").mkdir(parents=True)
    write_output(
        packages / f"tinylib-{version}.dist-info" / "METADATA",
        f"Metadata-Version: 2.1\nName: tinylib\nVersion: {version}\n".encode(),
    )
    (packages / "tinylib.py").write_text(f"def scale(value):\n    return value * {factor}\n")
    return {"PYTHONPATH": str(packages)}


@pytest.fixture
def ran_with_both(tmp_path: Path) -> Path:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "steps.py").write_text(STEPS)
    for version, factor in (("1.0", 3.0), ("2.0", 5.0)):
        done = interlock(folder, "run", "steps:two", env=_install(tmp_path / "lib", version, factor))
        assert done.returncode == 0, done.stderr
    return folder


def test_a_step_that_uses_the_package_runs_anew_and_says_which_version_it_was(ran_with_both: Path) -> None:
    found = {one["step"]: one for one in interlock_json(ran_with_both, "why", "two/2")["steps"]}
    assert found["plain"]["state"] == "cached"
    assert found["scaled"]["words"] == "another version of tinylib"
    (change,) = found["scaled"]["changes"]
    assert (change["kind"], change["before"], change["after"]) == ("package", "1.0", "2.0")


def test_the_environments_of_the_runs_differ_in_that_package(ran_with_both: Path) -> None:
    found = interlock_json(ran_with_both, "env", "diff", "two/1", "two/2")
    assert found["distributions"] == {"tinylib": ["1.0", "2.0"]}
    differ = interlock_json(ran_with_both, "diff", "two/1", "two/2")
    assert differ["changed"] == ["code", "environment"]
    assert "tinylib: 1.0 → 2.0" in interlock(ran_with_both, "diff", "two/1", "two/2").stdout


def test_a_run_made_again_with_another_version_names_the_package_as_the_cause(
    ran_with_both: Path, tmp_path: Path
) -> None:
    env = {"PYTHONPATH": str(tmp_path / "lib" / "2.0" / "site-packages")}
    done = interlock(ran_with_both, "reproduce", "two/1", "--here", "--json", env=env)
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["first"]["step"]) == (1, "different", "scaled")
    assert found["differences"]["distributions"] == {"tinylib": ["1.0", "2.0"]}
    assert found["first"]["cause"]["kind"] == "library"
    assert "tinylib 1.0 → 2.0" in found["first"]["cause"]["evidence"]


def test_an_environment_of_which_a_package_is_nowhere_is_told_on_the_certificate(ran_with_both: Path) -> None:
    done = interlock(ran_with_both, "reproduce", "two/1", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (3, "not reproducible")
    assert found["missing"][0].startswith("The environment cannot be built:")
    assert "tinylib" in found["missing"][0]


SMALL = """
from interlock import pipeline, step


@step
def words() -> list[str]:
    return ["a", "b"]


@step
def count(words: list[str]) -> int:
    return len(words)


@pipeline
def small():
    return count(words())
"""


def test_a_run_is_made_again_in_an_environment_that_is_built_for_it(tmp_path: Path) -> None:
    """The environment holds what the core needs, and uv; so it is small enough to be built in a test."""
    import uv

    tool, venv = uv.find_uv_bin(), tmp_path / "venv"
    root = Path(__file__).parents[2]
    python = venv / "bin" / "python"
    for words in (
        ["venv", "--quiet", "--python", sys.executable, str(venv)],
        ["pip", "install", "--quiet", "--python", str(python), "-r", str(root / "requirements" / "core.txt")],
        ["pip", "install", "--quiet", "--python", str(python), "-r", str(root / "requirements" / "uv.txt")],
    ):
        subprocess.run([tool, *words], check=True)
    (folder := tmp_path / "p").mkdir()
    (folder / "steps.py").write_text(SMALL)
    env = {**os.environ, "PYTHONPATH": str(root / "src")}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "interlock", *words]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)

    assert call("run", "steps:small").returncode == 0
    (folder / "steps.py").unlink()
    done = call("reproduce", "small/1", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["environment"]["built"]) == (0, "identical", True), (
        done.stderr
    )
    (built,) = (folder / ".interlock" / "tmp" / "environments").iterdir()
    assert (built / "lib").exists()
    exported = call("env", "export", "small/1").stdout
    checked = subprocess.run(
        [
            tool,
            "pip",
            "install",
            "--dry-run",
            "--quiet",
            "--python",
            str(built / "bin" / "python"),
            "-r",
            "-",
        ],
        input=exported,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
