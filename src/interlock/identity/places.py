"""Where the parts of a fingerprint are defined, told relative to the project."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


class Places:
    """Collects files and lines, for one project root.

    Args:
        root: Folder of the project; None tells every path in full.
    """

    def __init__(self, root: Path | None) -> None:
        self._roots = (root, root.resolve()) if root is not None else ()
        self._texts: dict[str, str] = {}
        self._files: dict[str, str] = {}

    def add(self, label: str, file: str, line: int | None) -> None:
        """Note where a part is defined; a line that is not known notes the file only."""
        path = self.path(file)
        if line is not None:
            self._texts[label] = f"{path}:{line}"

    def path(self, file: str) -> str:
        """Note a file and return how it is told."""
        if file not in self._files:
            self._files[file] = self._relative(file)
        return self._files[file]

    def texts(self) -> dict[str, str]:
        """Return "path:line" by label, in order of the labels."""
        return dict(sorted(self._texts.items()))

    def files(self) -> tuple[str, ...]:
        """Return the files below the root; a cell of a notebook is none."""
        return tuple(sorted({told for file, told in self._files.items() if told != file}))

    def _relative(self, file: str) -> str:
        path = Path(file)
        for candidate in (path, path.resolve()):
            for root in self._roots:
                if candidate.is_relative_to(root):
                    return candidate.relative_to(root).as_posix()
        return file


def first_bindings(tree: ast.Module) -> dict[str, int]:
    """Return the first line at module level that binds each name."""
    lines: dict[str, int] = {}
    for statement in tree.body:
        for name, line in _bound(statement):
            lines.setdefault(name, line)
    return lines


def _bound(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names that a statement binds in the scope around it."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, node.lineno
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((one.asname or one.name.partition(".")[0], node.lineno) for one in node.names)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, node.lineno
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)
