"""Make the locks: exact versions with hashes, for every Python from 3.11 on, without any address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILD = "hatchling\neditables\n"
UV_VERSION = "uv==0.13.9\n"

OPTIONS = (
    "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate",
    "--no-emit-index-url", "--no-emit-find-links", "--quiet",
)  # fmt: skip


def lock(name: str, extras: tuple[str, ...], more: str = "") -> None:
    words = [sys.executable.replace("python", "uv"), "pip", "compile", *OPTIONS]
    words += ["-o", str(HERE / f"{name}.txt"), *(word for extra in extras for word in ("--extra", extra))]
    subprocess.run([*words, "pyproject.toml", "-"], input=more.encode(), cwd=HERE.parent, check=True)


def lock_uv() -> None:
    words = [
        sys.executable.replace("python", "uv"),
        "pip",
        "compile",
        *OPTIONS,
        "-o",
        str(HERE / "uv.txt"),
        "-",
    ]
    subprocess.run(words, input=UV_VERSION.encode(), cwd=HERE.parent, check=True)


if __name__ == "__main__":
    lock_uv()
    lock("core", ())
    lock("demo", ("demo",), BUILD)
    lock("dev", ("dev",), BUILD)
