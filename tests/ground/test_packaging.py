"""What the package promises: a small core, a light import, locks that bind, errors of one family."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import interlock
from interlock.errors import InterlockError

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")

HEAVY = {
    "pandas",
    "pyarrow",
    "numpy",
    "sklearn",
    "sqlalchemy",
    "pydantic",
    "starlette",
    "alembic",
    "rich",
    "polars",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = [
        UV,
        "build",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "-o",
        folder,
        ROOT,
        "-q",
    ]
    subprocess.run(words, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """Return an environment with the locked core alone."""
    folder = tmp_path_factory.mktemp("core") / "env"
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, folder], check=True)
    install = [UV, "pip", "install", "-q", "--python", folder / "bin" / "python"]
    subprocess.run([*install, "--require-hashes", "-r", ROOT / "requirements/core.txt"], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    return folder


def test_the_wheel_holds_what_is_not_code(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "interlock/py.typed",
        "interlock/cli/schemas/run.schema.json",
        "interlock/demo/starter/data/2013-01.csv",
        "interlock/demo/starter/interlock.toml",
        "interlock/demo/project/flights/pipeline.py",
        "interlock/records/migrations/env.py",
        "interlock/records/migrations/versions/v0001_first.py",
    } <= names


def test_the_core_is_small(core: Path) -> None:
    packages = next((core / "lib").glob("python*")) / "site-packages"
    assert len(list(packages.glob("*.dist-info"))) <= 30
    size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file())
    assert size <= 120_000_000


def test_the_core_alone_starts_and_says_what_is_missing(core: Path, tmp_path: Path) -> None:
    python = core / "bin" / "python"
    assert subprocess.run([core / "bin" / "interlock", "--help"], check=True, capture_output=True).stdout
    subprocess.run([core / "bin" / "interlock", "init"], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(
        [python, "-m", "interlock", "serve", "delays@1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'interlock[serve]'" in done.stderr


def test_importing_interlock_brings_nothing_heavy() -> None:
    code = "import sys, interlock, interlock.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert HEAVY & set(loaded) == set()


@pytest.mark.parametrize("lock", ["core", "demo", "dev", "uv"])
def test_locks_bind_by_hash_and_name_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    pins = re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text
    assert "file:" not in text


INNER = {
    "Stuck": "raised while a value is walked, where its place is not known yet; leaves as Undigestible",
    "NotPlain": "tells a format that a value is for another one; leaves as Unstorable",
    "Stopped": "the system's request to end, as KeyboardInterrupt is the user's; becomes an exit code",
    "StopRun": "raised by a step whose run has done all that there is to do; becomes the status `stopped`",
    "StopImport": "ends a module's import early, through its own `except Exception`; caught where it is imported",
}
"""Classes that never leave the package, and why they are not of the family."""


def modules() -> list[str]:
    names = [one.name for one in pkgutil.walk_packages(interlock.__path__, "interlock.")]
    return [name for name in names if ".migrations" not in name and not name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_every_error_is_one_of_ours(name: str) -> None:
    """Errors that leave the package derive from one root; private ones that never do may be anything."""
    module = importlib.import_module(name)
    public = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and not key.startswith("_")
    }
    errors = [
        value for value in public.values() if issubclass(value, BaseException) and value.__module__ == name
    ]
    strays = [error.__name__ for error in errors if not issubclass(error, InterlockError)]
    assert [stray for stray in strays if stray not in INNER] == []
