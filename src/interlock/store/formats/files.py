"""Files and folders that a step returns as a `pathlib.Path`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.identity.artifact import Artifact
from interlock.store.formats.base import Unstorable, Written


class FileFormat:
    """One file; the path that is read back is a read-only copy in the store."""

    name = "file"

    def handles(self, value: Any) -> bool:
        return isinstance(value, Path) and value.is_file()

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        return Written(file=value, meta={"name": value.name})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        return path


class FolderFormat:
    """A folder of files; it is laid out beside the store's blobs, as links to them, when it is read."""

    name = "folder"

    def handles(self, value: Any) -> bool:
        return isinstance(value, Path) and value.is_dir()

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        files = {}
        for path in sorted(value.rglob("*")):
            if path.is_symlink():
                raise Unstorable(f"The folder {value} holds a link, {path.name!r}; a link cannot be kept.")
            if path.is_file():
                files[path.relative_to(value).as_posix()] = nested(path).to_json()
        return Written(json.dumps({"files": files}).encode(), meta={"name": value.name, "files": len(files)})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        target = path.parent.parent.parent / "folders" / path.name
        for name, body in json.loads(path.read_bytes())["files"].items():
            blob: Path = nested(Artifact.from_json(body))
            place = target / name
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(blob, place)
        return target
