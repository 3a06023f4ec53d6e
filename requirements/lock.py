"""Make the locks: exact versions with hashes, for every Python from 3.11 on, without any address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
UV = Path(sys.executable).with_name("uv")

TOOL = "uv==0.13.9"
"""What installs everything else."""

BUILD = "hatchling\neditables"
"""What an editable install of the project needs, since it is made without build isolation."""

OPTIONS = [
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"),
]

TESTED = ["--constraints", "requirements/dev.txt"]


def lock(name: str, sources: list[str], more: str = "") -> None:
    words = [UV, "pip", "compile", *OPTIONS, "-o", HERE / f"{name}.txt", *sources, "-"]
    subprocess.run(words, input=more.encode(), cwd=HERE.parent, check=True)


if __name__ == "__main__":
    lock("uv", [], TOOL)
    lock("dev", ["pyproject.toml", "--extra", "dev"], BUILD)
    # What users install is what was tested: the smaller locks are parts of the large one.
    lock("core", ["pyproject.toml", *TESTED])
    lock("demo", ["pyproject.toml", "--extra", "demo", *TESTED], BUILD)
