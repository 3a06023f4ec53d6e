"""Fingerprints of code: does a function still do what it did when its result was recorded?

A fingerprint covers the function and everything that it reaches: helpers in the same and in other
modules, through names and through attributes of modules; classes with their methods, bases and
decorators; nested functions; default values; what closures hold; what decorators made of a
function; module constants, by the digest of their value. Project code enters by its syntax tree,
without comments, docstrings, formatting and positions; code without a source that fits, as in a
REPL, by its bytecode. Distributions enter by name and version, and Python by its minor version.

`docs/identity.md` tells what moves a fingerprint and what cannot be seen.
"""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.identity.digest import digest_json
from interlock.identity.places import Places
from interlock.identity.reach import Search
from interlock.identity.walk import Naming
from interlock.identity.web import Told, Web
from interlock.identity.wrappers import is_code


@dataclass(frozen=True)
class Fingerprint:
    """The identity of a function's code.

    Attributes:
        digest: Equal when the code does the same.
        parts: What was found: "module:qualname" -> digest for functions, classes and constants,
            "dist:name" -> version for distributions, "python" -> version of the language. It tells which part moved the digest.
        places: Where the parts are defined: label -> "path:line", the path relative to the project. Distributions
            and Python have none. No part of the digest.
        files: The project's files that were reached, relative to the project. No part of the digest.
    """

    digest: str
    parts: Mapping[str, str]
    places: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def fingerprint(
    function: Callable[..., Any], *, root: Path | None, apart: tuple[str, ...] = ()
) -> Fingerprint:
    """Return the fingerprint of a function, a class, or a step.

    Args:
        function: Where to start.
        root: Folder of the project. Code in a file below it is followed, unless it is installed
            there in a `site-packages`; so is code that belongs to no distribution, wherever it is.
        apart: Files that count for nothing where code names them, as patterns relative to the root: datasets have
            an identity of their own.

    Raises:
        UnknownDependency: A step declares to depend on a file that is not there.
    """
    return fingerprints([function], root=root, apart=apart)[0]


def fingerprints(
    functions: Sequence[Callable[..., Any]], *, root: Path | None, apart: tuple[str, ...] = ()
) -> list[Fingerprint]:
    """Return the fingerprints of several functions, which costs little more than that of one.

    As long as no file and nothing in memory changes that was seen, asking again costs next to nothing.

    Raises:
        UnknownDependency: As for `fingerprint`.
    """
    return _knowledge(root, apart).of(functions)


def project_naming(root: Path | None, apart: tuple[str, ...] = ()) -> Naming:
    """Return a naming for `digest_value` that names the project's code by its fingerprint.

    With it, an object of a project class is another value once the class behaves otherwise. Code of
    others keeps its qualified name. The naming remembers: make a new one when code may have changed.
    """
    known: dict[int, tuple[Any, str | None]] = {}

    def name(value: Any) -> str | None:
        if not is_code(value):
            return None
        if id(value) not in known:
            # The value is kept beside its name, so that its id is not given to another.
            found = fingerprint(value, root=root, apart=apart)
            is_ours = any(":" in part and not part.startswith("dist:") for part in found.parts)
            known[id(value)] = (value, found.digest if is_ours else None)
        return known[id(value)][1]

    return name


class _Knowledge:
    """What is known of the code of one project, for as long as it stays as it was seen.

    Args:
        root: Folder of the project.
        apart: Files that count for nothing where code names them.
    """

    def __init__(self, root: Path | None, apart: tuple[str, ...]) -> None:
        self._root = root
        self._apart = apart
        self._lock = threading.Lock()
        self._forget()

    def of(self, functions: Sequence[Callable[..., Any]]) -> list[Fingerprint]:
        """Return the fingerprint of each function."""
        with self._lock:
            if not self._search.witness.holds():
                self._forget()
            try:
                with _without_collections():
                    return self._of(functions)
            except BaseException:
                # What was noted and not looked into would be taken for known.
                self._forget()
                raise

    def _forget(self) -> None:
        self._search = Search(self._root, self._apart)
        self._places = Places(self._root)
        self._known: dict[int, Fingerprint] = {}

    def _of(self, functions: Sequence[Callable[..., Any]]) -> list[Fingerprint]:
        new = {id(one): one for one in functions if id(one) not in self._known}
        starts = {key: self._search.start(one) for key, one in new.items()}
        if starts:
            web = Web(dict.fromkeys(self._search.nodes.values()), self._places)
            made: dict[int, tuple[str, Told]] = {}
            for key, (name, edges) in starts.items():
                self._search.keep(new[key])
                reached = web.reach(edges)
                if reached not in made:
                    made[reached] = web.content(reached), web.tell(reached)
                content, told = made[reached]
                digest = digest_json(["Code", name, content])
                self._known[key] = Fingerprint(digest, told.parts, told.places, told.files)
        # Syntax trees are large, and next to never needed again.
        self._search.drop_sources()
        return [self._known[id(one)] for one in functions]


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep the garbage collector from walking again and again through trees that are still being built."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@functools.lru_cache(maxsize=8)
def _knowledge(root: Path | None, apart: tuple[str, ...]) -> _Knowledge:
    return _Knowledge(root, apart)
