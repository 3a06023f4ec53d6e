"""Small projects, and commands called in them as a user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from interlock.demo.projects import write_project


def interlock(
    folder: Path, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Call the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "interlock", *words],
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def interlock_json(folder: Path, *words: str) -> Any:
    """Call the command with --json and return what it printed, which must be one JSON value."""
    done = interlock(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def starter(folder: Path) -> Path:
    """Write the project of `interlock init`."""
    write_project("starter", folder)
    return folder


def project(folder: Path, pipeline: str, toml: str = "") -> Path:
    """Write a project with one module, `steps.py`."""
    (folder / "steps.py").write_text(
        "from interlock import data, deployable, fit, pipeline, split, step\nimport pandas as pd\n\n"
        + pipeline
    )
    (folder / "interlock.toml").write_text(toml)
    return folder
