"""Modules and files of the project that code finds by a text."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.identity.depends import bind_file
from interlock.identity.modules import absolute_name, package_of
from interlock.identity.web import Node

if TYPE_CHECKING:
    from interlock.identity.reach import Search

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:.*)?")
_RELATIVE = re.compile(r"\.+[^\W\d]\w*(\.[^\W\d]\w*)*")
# The start of a name that is made up: "plugins." + name, "plugins.{}", "plugins.%s".
_PREFIX = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)\.(?:[{%].*)?")
_FILE = re.compile(r"[\w./*?\[\]-]*\w[\w./*?\[\]-]*")
# The end of a name that is made up: name + ".sql".
_SUFFIX = re.compile(r"\.\w+")
_TOP = re.compile(r"[^\W\d]\w*")
_INSTALLED = re.compile(r"(site|dist)-packages|lib[/\\]python\d")
_LONGEST = 200
_PATTERN = re.compile(r"[*?\[]")


class Named:
    """Notes what texts name, for one search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._listed: dict[str, frozenset[str]] = {}

    def modules(self, found: Iterable[Node]) -> None:
        """Note the modules of the project that texts in parts name, for code that imports by a text.

        A relative text counts from the packages of the code that imports, and from each package that a
        text names. Of a name that is made up, all modules count that begin as it does.
        """
        nodes = list(found)
        texts = {text for node in nodes for text in node.texts}
        packages = {_package(node) for node in nodes if "imports" in node.reads}
        tops = self._tops()
        texts = {text for text in texts if text[:1] == "." or _top(text) in tops}
        for name in sorted(_names(texts, packages)):
            self._module(name)
        made_up = {match[1] for text in texts if (match := _PREFIX.fullmatch(text))}
        made_up |= {one.rpartition(".")[0] for one in texts if self._is_beginning(one)}
        made_up |= {_package(node) for node in nodes if "imports" in node.reads and "." in node.texts}
        for package in sorted(made_up - {""}):
            self._inside(package)

    def files(self, found: Iterable[Node]) -> None:
        """Note the files of the project that texts in parts name, for code that reads files.

        A text counts from the folder of the project, from those of the code, and from each folder in
        these that a text names. Of such a folder all files count where code lists folders, and those that
        end as a text says, which may be put behind a name that is made up.
        """
        nodes = list(found)
        base = self._base()
        held = {text.removeprefix(f"{base}/") for node in nodes for text in node.texts}
        texts = sorted(text for text in held if len(text) < _LONGEST and _FILE.fullmatch(text))
        folders = {str(base)}
        listing = any("folders" in node.reads for node in nodes)
        for file in {node.file for node in nodes if node.file is not None}:
            folders.update(str(one) for one in Path(file).resolve().parents if one.is_relative_to(base))
        inside: set[str] = set()
        for _ in range(2):
            named = [os.path.join(one, text) for one in sorted(folders) for text in self._present(one, texts)]  # noqa: PTH118
            inside |= {os.path.normpath(one) for one in named if os.path.isdir(one)} - {str(base)}  # noqa: PTH112
            folders |= inside
        whole = [f"*{one}" for one in texts if _SUFFIX.fullmatch(one)] + (["*"] if listing else [])
        for folder in sorted(folders):
            wanted = [*self._present(folder, texts), *(whole if folder in inside else [])]
            for file in sorted({file for text in wanted for file in _files_of(folder, text)}):
                if not self._is_apart(os.path.relpath(file, base)):
                    bind_file(Path(file), base, self._search)

    def _is_apart(self, path: str) -> bool:
        """Say whether a file belongs to a dataset: such a file, or one in such a folder, is told apart by its rows."""
        return any(fnmatch(path, one) or path.startswith(f"{one}/") for one in self._search.apart)

    def _present(self, folder: str, texts: list[str]) -> list[str]:
        """Return the texts that may name something in a folder."""
        names = self._list(folder)
        return [one for one in texts if one.partition("/")[0] in names or _PATTERN.search(one)]

    def _tops(self) -> set[str]:
        """Return the names in the folders that modules are looked for in, but for those of installed packages."""
        folders = [one or "." for one in sys.path if not _INSTALLED.search(one)]
        return {name.partition(".")[0] for folder in folders for name in self._list(folder)}

    def _list(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            self._listed[folder] = found = _names_in(folder)
            self._search.witness.saw_answer(lambda: _names_in(folder), found)
        return self._listed[folder]

    def _base(self) -> Path:
        return (self._search.root or Path.cwd()).resolve()

    def _module(self, name: str) -> None:
        late = self._search.late
        file = late.file(name)
        if file is not None and self._search.is_project(name, file):
            late.importing(name)
            late.whole(name, file)

    def _is_beginning(self, text: str) -> bool:
        """Say whether a text is no module and no name in one, and may be the beginning of one: "plugins.p"."""
        package, _, last = text.rpartition(".")
        if not package or not _NAME.fullmatch(text) or self._search.late.file(text) is not None:
            return False
        found = self._search.late.outline(package)
        return found is not None and not found[0].defines(last)

    def _inside(self, package: str) -> None:
        """Note all modules of a package, or of a folder of the project without `__init__`."""
        file = self._search.late.file(package)
        folder = Path(file).parent if file else self._base() / package.replace(".", "/")
        if file is not None and not file.replace("\\", "/").endswith("/__init__.py"):
            return
        if self._search.is_project(package, file or str(folder)) and folder.is_dir():
            names = _modules_in(package, folder)
            self._search.witness.saw_answer(lambda: _modules_in(package, folder), names)
            for name in names:
                self._module(name)


def _top(text: str) -> str:
    found = _TOP.match(text)
    return found[0] if found is not None else ""


def _names_in(folder: str) -> frozenset[str]:
    try:
        return frozenset((*os.listdir(folder), ".", ".."))  # noqa: PTH208
    except OSError:
        return frozenset()


def _files_of(folder: str, text: str) -> list[str]:
    path = os.path.join(folder, text)  # noqa: PTH118 - asked for often: a Path costs more than the call
    if _PATTERN.search(text):
        return sorted(one for one in glob.glob(path) if _is_data(one))  # noqa: PTH207
    return [os.path.normpath(path)] if _is_data(path) else []


def _is_data(path: str) -> bool:
    return os.path.isfile(path) and not path.endswith("/interlock.toml")  # noqa: PTH113


def _modules_in(package: str, folder: Path) -> list[str]:
    files = (one.relative_to(folder).with_suffix("") for one in folder.rglob("*.py"))
    names = (".".join((package, *(part for part in one.parts if part != "__init__"))) for one in files)
    return sorted(names)


def _names(texts: set[str], packages: set[str]) -> Iterator[str]:
    """Yield what of texts may be the full name of a module: `a.b`, and that before a colon or the last dot."""
    plain = {one.partition(":")[0] for one in texts if _NAME.fullmatch(one)}
    plain |= {one.rpartition(".")[0] for one in plain if "." in one}
    relative = {one for one in texts if _RELATIVE.fullmatch(one)}
    inside = {absolute_name(one, package) for one in relative for package in packages | plain}
    yield from plain | {one for one in inside if one is not None}


def _package(node: Node) -> str:
    """Return the package from which relative imports of a part start."""
    return package_of(node.label.partition(":")[0], node.file or "")
