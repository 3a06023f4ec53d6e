"""The code that a run was made of, as it was kept: definitions by label, and how they changed."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.engine.kept import KIND
from interlock.errors import InterlockError
from interlock.stack.sockets import BlobStore

_LONGEST = 40
"""Lines of a difference that are shown."""


@dataclass(frozen=True)
class Definition:
    """Where a part of the code was, as `path:line`, and its text."""

    place: str
    lines: tuple[str, ...]


class KeptCode:
    """The files of a run.

    Args:
        store: Where they are.
        digest: Of the manifest; None for a run whose code was not kept.

    Attributes:
        main: The path of the script that ran, where it is the project's.
    """

    def __init__(self, store: BlobStore, digest: str | None) -> None:
        body = store.get_manifest(KIND, digest) if digest else {}
        self._store = store
        self._files: Mapping[str, str] = body.get("files", {})
        self._places: Mapping[str, str] = body.get("places", {})
        self._texts: dict[str, str] = {}
        self.main: str = body.get("main", "")

    @property
    def files(self) -> Mapping[str, str]:
        """The digest of each file by its path in the project."""
        return self._files

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        return self._store.get_bytes(self._files[path])

    def definition(self, label: str) -> Definition | None:
        """Return a part of the code by its label in a fingerprint, or None where it was not kept."""
        place = self._places.get(label)
        if place is None:
            return None
        path, _, line = place.rpartition(":")
        try:
            text = self._text(path)
        except (InterlockError, KeyError):
            return Definition(place, ())
        return Definition(place, tuple(_lines_at(text, int(line))))

    def _text(self, path: str) -> str:
        if path not in self._texts:
            self._texts[path] = self.read(path).decode("utf-8", "replace")
        return self._texts[path]


def changed_lines(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """Return the lines that went, with `-`, and came, with `+`, in order; long differences are cut."""
    found = [
        line.rstrip()
        for line in difflib.unified_diff(before, after, n=0, lineterm="")
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    cut = len(found) - _LONGEST
    return (*found[:_LONGEST], f"… and {cut} lines more") if cut > 0 else tuple(found)


def _lines_at(text: str, line: int) -> list[str]:
    """Return the lines of the statement, or of the definition, that begins at a line."""
    lines = text.splitlines()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return lines[line - 1 : line]
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and _first_line(node) <= line <= (node.lineno):
            return lines[_first_line(node) - 1 : node.end_lineno or line]
    return lines[line - 1 : line]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])
