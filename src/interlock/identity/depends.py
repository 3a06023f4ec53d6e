"""What a step declares to depend on because no search could see it: code, values and files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.errors import InterlockError
from interlock.identity.digest import digest_file
from interlock.identity.web import Node

if TYPE_CHECKING:
    from interlock.identity.reach import Search


class UnknownDependency(InterlockError):
    """A step declares to depend on a file that is not there."""

    def __init__(self, step: str, path: str, where: str) -> None:
        super().__init__(
            f"Step {step!r} depends on {path!r}, and no file of the project is called that or fits that pattern.",
            where=where,
            hint="Paths in `depends` are relative to the folder of the project; modules, functions and classes "
            "are given as they are, not as text.",
        )
        self.step = step
        self.path = path


def bind_dependency(thing: Any, step: Any, search: Search) -> object:
    """Note a function, class, module or value; for a text or a path, the files that it names.

    Raises:
        UnknownDependency: There is no such file.
    """
    if not isinstance(thing, (str, Path)):
        return search.bind(thing)
    base = (search.root or Path.cwd()).resolve()
    files = matching(base, str(thing))
    search.witness.saw_answer(lambda: matching(base, str(thing)), files)
    if not files:
        raise UnknownDependency(step.name, str(thing), step.location)
    return [bind_file(file, base, search) for file in files]


def matching(base: Path, pattern: str) -> list[Path]:
    """Return the files that a path, a folder or a pattern names, in order."""
    path = base / pattern
    if path.is_file():
        return [path]
    if path.is_dir():
        found = list(path.rglob("*"))
    else:
        inside = Path(pattern)
        relative = (
            inside.relative_to(base).as_posix()
            if inside.is_absolute() and inside.is_relative_to(base)
            else pattern
        )
        found = [] if Path(relative).is_absolute() else list(base.glob(relative))
    return sorted(one for one in found if one.is_file() and "__pycache__" not in one.parts)


def bind_file(file: Path, base: Path, search: Search) -> str:
    """Note a file by its content."""
    told = file.relative_to(base).as_posix() if file.is_relative_to(base) else file.as_posix()
    label = f"file:{told}"
    search.witness.saw_file(str(file))
    node = Node(label, label, file=str(file), line=1)
    return search.note(label, file, node, lambda node: ["File", digest_file(file)])
