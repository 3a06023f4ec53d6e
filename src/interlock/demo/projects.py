"""The projects that come with the package, written into a folder of the user's."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from interlock.errors import InterlockError
from interlock.store.publish import write_output


class FolderInUse(InterlockError):
    """A project would be written over files that are there."""

    def __init__(self, folder: Path, files: list[str]) -> None:
        super().__init__(
            f"{folder} already holds {', '.join(files)}; nothing was written.",
            hint="Name a new folder: interlock init FOLDER",
        )
        self.files = files


def write_project(name: Literal["starter", "project"], folder: Path) -> list[str]:
    """Copy a project into a folder and return the files written, relative to it.

    Raises:
        FolderInUse: A file of the project is there already; then none is written.
        WriteFailed: The folder cannot be made or written to.
    """
    source = resources.files("interlock.demo").joinpath(name)
    files = _files(source, "")
    there = [file for file in files if (folder / file).exists()]
    if there:
        raise FolderInUse(folder, there)
    for file in files:
        write_output(folder / file, source.joinpath(file).read_bytes())
    return files


def _files(folder: Traversable, prefix: str) -> list[str]:
    found: list[str] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir() and entry.name != "__pycache__":
            found += _files(entry, f"{prefix}{entry.name}/")
        elif entry.is_file():
            found.append(f"{prefix}{entry.name}")
    return found
