"""How files of a project are told: relative to its folder."""

from __future__ import annotations

from pathlib import Path


class Places:
    """Tells paths relative to one project root.

    Args:
        root: Folder of the project; None tells every path in full.
    """

    def __init__(self, root: Path | None) -> None:
        self._roots = (root, root.resolve()) if root is not None else ()
        self._known: dict[str, str] = {}
        self._inside: set[str] = set()

    def path(self, file: str) -> str:
        """Return how a file is told."""
        if file not in self._known:
            self._known[file] = self._relative(file)
        return self._known[file]

    def is_inside(self, path: str) -> bool:
        """Say whether a path that `path` returned lies below the root; a cell of a notebook does not."""
        return path in self._inside

    def _relative(self, file: str) -> str:
        path = Path(file)
        for candidate in (path, path.resolve()):
            for root in self._roots:
                if candidate.is_relative_to(root):
                    self._inside.add(candidate.relative_to(root).as_posix())
                    return candidate.relative_to(root).as_posix()
        return file
