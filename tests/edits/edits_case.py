"""One case of the edit table: a project, an edit of it, and which steps must run again."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = "from interlock import data, pipeline, step\n"
MAIN = """
@step
def other(n: int) -> int:
    return n

@pipeline
def main():
    one(1)
    other(2)
"""

Edit = tuple[str, str]
"""A text and what replaces it."""


@dataclass(frozen=True)
class Case:
    """A project before an edit and after it.

    Attributes:
        name: What is edited.
        files: The project; steps and the pipeline `main` are in `pipe.py`.
        edits: By file: (text, replacement), a whole new text, or None to delete it.
        ran: The steps that must run again; all others must not.
        params: Params of the pipeline, before and after.
        preload: Modules that are loaded before the pipeline is, before and after.
    """

    name: str
    files: Mapping[str, str]
    edits: Mapping[str, Edit | str | None]
    ran: frozenset[str]
    params: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})
    preload: tuple[Sequence[str], Sequence[str]] = ((), ())

    def write(self, root: Path) -> None:
        """Write the project as it was before."""
        for name, text in self.files.items():
            _write(root / name, text)

    def edit(self, root: Path) -> None:
        """Make the edit."""
        for name, edit in self.edits.items():
            if edit is None:
                (root / name).unlink()
            elif isinstance(edit, str):
                _write(root / name, edit)
            else:
                before = self.files[name]
                assert edit[0] in before, f"{edit[0]!r} is not in {name}"
                _write(root / name, before.replace(*edit))


def case(
    name: str,
    body: str,
    edit: Edit | None = None,
    *,
    ran: str,
    files: Mapping[str, str] | None = None,
    edits: Mapping[str, Edit | str | None] | None = None,
    main: str = MAIN,
    **more: Any,
) -> Case:
    """Build a case.

    Args:
        name: What is edited.
        body: What stands in `pipe.py` between the imports and the pipeline.
        edit: An edit of `pipe.py`.
        ran: The steps that must run again, with blanks between them.
        files: Other files.
        edits: Edits of other files.
        main: What follows in `pipe.py`: by default a step `other`, and a pipeline of `one` and `other`.
        more: Other fields of the case.
    """
    texts = {file: textwrap.dedent(text) for file, text in (files or {}).items()}
    texts["pipe.py"] = HEAD + textwrap.dedent(body) + textwrap.dedent(main)
    changes: dict[str, Edit | str | None] = {"pipe.py": edit} if edit else {}
    for file, change in (edits or {}).items():
        changes[file] = textwrap.dedent(change) if isinstance(change, str) else change
    return Case(name, texts, changes, frozenset(ran.split()), **more)


def real(
    name: str,
    text: str,
    body: str,
    edit: Edit | None,
    ran: str = "one",
    *,
    files: Mapping[str, str] | None = None,
    edits: Mapping[str, Edit | str | None] | None = None,
) -> Case:
    """Build a case of a step `one`: what stands before it, and what it returns or its body."""
    plain = "\n" not in body and not body.startswith("return")
    inner = f"return {body}" if plain else body
    step = f"\n@step\ndef one(n: int) -> int:\n    {inner}\n"
    return case(name, text + step, edit, ran=ran, files=files, edits=edits)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
