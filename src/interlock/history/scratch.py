"""The place in which a run is made again: its code in a folder, its environment in a scratch venv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from interlock.engine.kept import CELLS
from interlock.errors import InterlockError
from interlock.extras import require
from interlock.history.sources import KeptCode
from interlock.identity.environment import Environment

_OURS = "interlock"
_READY = ".ready"


class EnvironmentNotBuilt(InterlockError):
    """The packages of a recorded environment cannot be installed."""


def lay_out(code: KeptCode, folder: Path) -> None:
    """Write the kept files of a run into a folder.

    What was typed into a prompt or a notebook lies in no file, and is left out.

    Raises:
        MissingBlob: A file is no longer in the store.
    """
    for path in code.files:
        if path.startswith(CELLS):
            continue
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(code.read(path))


def requirements(environment: Environment) -> tuple[list[str], list[str]]:
    """Return an environment as lines that pip and uv install from, and what no line can say, in words."""
    lines, missing = [], []
    for name, version in environment.distributions.items():
        origin = environment.origins.get(name, "")
        if name == _OURS:
            continue
        if not origin:
            lines.append(f"{name}=={version}")
        elif "://" in origin:
            lines.append(f"{name} @ {origin}")
        else:
            missing.append(f"{name} {version} was installed from: {origin}")
    return lines, missing


def interpreter_for(environment: Environment, folder: Path, *, own_code: Iterable[str] = ()) -> Path:
    """Build an environment below a folder, or take the one that was built there before; return its interpreter.

    Interlock itself is the one that runs now.

    Args:
        environment: What to build.
        folder: Where environments are built, one folder each.
        own_code: Names of distributions that need not be installed, as their code is the run's own.

    Raises:
        EnvironmentNotBuilt: The interpreter or a package is not to be had.
        MissingExtra: uv is not installed.
    """
    place = folder / environment.digest.rpartition(":")[2][:16]
    python = place / "bin" / "python"
    if (place / _READY).exists():
        return python
    lines, missing = requirements(environment)
    missing = [one for one in missing if one.partition(" ")[0] not in set(own_code)]
    if missing:
        raise EnvironmentNotBuilt(
            f"The environment cannot be built: {'; '.join(missing)}.",
            hint="Use the present environment: --here",
        )
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    _uv("venv", "--quiet", "--python", _python_of(environment), str(place))
    (place / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _uv(
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        str(python),
        "-r",
        str(place / "requirements.txt"),
    )
    _copy_ourselves(place)
    (place / _READY).touch()
    return python


def _python_of(environment: Environment) -> str:
    wanted = environment.python.rpartition(" ")[2]
    here = ".".join(map(str, sys.version_info[:3]))
    return sys.executable if wanted == here else wanted


def _uv(*words: str) -> None:
    uv = require("uv", extra="reproduce").find_uv_bin()
    done = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.strip()][:6]
        raise EnvironmentNotBuilt(
            "\n".join(["The environment cannot be built:", *told]), hint="Use the present environment: --here"
        )


def _copy_ourselves(place: Path) -> None:
    source = Path(__file__).parents[1]
    (target,) = (place / "lib").glob("python*/site-packages")
    shutil.copytree(source, target / _OURS, ignore=shutil.ignore_patterns("__pycache__"))
