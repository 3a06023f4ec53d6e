"""Files and folders that a step returns as pathlib.Path."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interlock.identity.artifact import Artifact
from interlock.store.formats.format import BLOBS, Stored, Unstorable, Vault
from interlock.store.formats.plain import to_text


class PathFormat:
    """A file, or a folder with all that is in it; loaded as a path of the same name to read-only files."""

    name = "path"

    def handles(self, value: Any) -> bool:
        """Match paths of this machine; a pure path is no file."""
        return isinstance(value, Path)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Copy the bytes in."""
        path = Path(os.path.realpath(value))
        if path.is_file():
            digest = vault.put_file(path)
            return Stored(path.stat().st_size, digest, meta={"kind": "file", "name": value.name})
        if path.is_dir():
            return _save_folder(path, value.name or path.name, vault)
        raise Unstorable(
            f"The path {str(value)!r} leads to no file or folder.",
            hint="Write the file before the step returns its path.",
            pickle_helps=False,
        )

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Return where the bytes are: under their old name, so that the suffix still tells what they are."""
        name = artifact.meta["name"]
        if artifact.meta["kind"] == "file":
            return vault.arrange({name: artifact.blob or ""}) / name
        tree = json.loads(vault.text(artifact))
        files = {f"{name}/{place}": digest for place, digest in tree["files"].items()}
        return vault.arrange(files, [name, *(f"{name}/{place}" for place in tree["folders"])]) / name


def _save_folder(folder: Path, name: str, vault: Vault) -> Stored:
    files: dict[str, str] = {}
    folders: list[str] = []
    size = 0
    for path in _walk(folder, folder):
        place = path.relative_to(folder).as_posix()
        if path.is_dir():
            folders.append(place)
        else:
            files[place] = vault.put_file(path)
            size += path.stat().st_size
    blobs = sorted(set(files.values()))
    tree = vault.put_text(to_text({"files": files, "folders": folders}), **{BLOBS: blobs})
    return Stored(size, tree.blob, tree.inline, {**tree.meta, "kind": "folder", "name": name})


def _walk(folder: Path, top: Path) -> Iterator[Path]:
    """Yield all files and folders, folders before what they hold."""
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            # A link may lead out of the folder, to a secret of this machine; a pipe never ends.
            what = "a link" if stat.S_ISLNK(mode) else "no regular file"
            raise Unstorable(
                f"{path.relative_to(top).as_posix()!r} in the folder {str(top)!r} is {what}.",
                hint="Keep only files and folders in it.",
                pickle_helps=False,
            )
        yield path
        if stat.S_ISDIR(mode):
            yield from _walk(path, top)
