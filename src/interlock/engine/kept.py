"""The code of a run, kept: the files of the project that the run was made of.

Whether or not they were ever committed to git, a run can be looked at and made again from them.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from interlock.graph.model import Graph
from interlock.identity.code import Fingerprint
from interlock.stack.config import Project
from interlock.stack.sockets import BlobStore

KIND = "code"
"""The kind of the manifests: `files` gives the digest of each file by its path, `places` where each part of the
code is."""

CELLS = "<typed>/"
"""What the paths begin with of code that was typed into a prompt or a notebook: it lies in no file."""

_INSTALLED = ("site-packages", "dist-packages")


def keep_code(store: BlobStore, project: Project, graph: Graph, reached: Iterable[Fingerprint] = ()) -> str:
    """Put the code of a run into the store and return the digest of its manifest.

    Kept are the files of the project that this process has imported, those that the steps reach beside,
    and the configuration.

    Args:
        store: Where it is kept.
        project: The project.
        graph: What is run; steps that were typed in are kept as text.
        reached: The fingerprints of the steps: they say which further files are reached, and where things are.
    """
    root = project.root.resolve()
    reached = tuple(reached)
    paths = {*_imported(root), *(root / path for one in reached for path in one.files)}
    if project.file is not None:
        paths.add(project.file.resolve())
    files = {
        path.relative_to(root).as_posix(): store.put_bytes(path.read_bytes())
        for path in sorted(paths)
        if path.is_relative_to(root) and path.is_file()
    }
    typed = {name: store.put_bytes(text.encode()) for name, text in _typed(graph).items()}
    places = {label: place for one in reached for label, place in one.places.items()}
    return store.put_manifest(KIND, {"files": {**files, **typed}, "places": places, "main": _main(root)})


def _main(root: Path) -> str:
    """Return the path of the script that runs, in the project; "" when it is not the project's."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    path = Path(file).resolve() if file else root
    return path.relative_to(root).as_posix() if path != root and path.is_relative_to(root) else ""


def _imported(root: Path) -> Iterable[Path]:
    prefix = f"{root}/"
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = file if file.startswith("/") else str(Path(file).resolve())
        if path.startswith(prefix) and _is_ours(Path(path), root):
            yield Path(path)


def _is_ours(path: Path, root: Path) -> bool:
    if any(part in _INSTALLED for part in path.parts):
        return False
    between = [path, *path.parents][: len(path.parts) - len(root.parts)]
    return not any((folder / "pyvenv.cfg").exists() for folder in between)


def _typed(graph: Graph) -> dict[str, str]:
    names = {node.step.location.rpartition(":")[0] for node in graph.nodes if node.step is not None}
    found = {name: "".join(linecache.getlines(name)) for name in names if not Path(name).is_file()}
    return {f"{CELLS}{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}": text for name, text in found.items() if text}
