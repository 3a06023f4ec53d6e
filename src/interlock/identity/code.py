"""Fingerprints of code: does a function still do what it did when its result was recorded?

A fingerprint covers the function and everything that it reaches: helpers in the same and in other
modules, through names and through attributes of modules; classes with their methods, bases and
decorators; nested functions; default values; what closures hold; what decorators made of a
function; module constants, by the digest of their value. Project code enters by its syntax tree,
without comments, docstrings, formatting and positions; code without a source that fits, as in a
REPL, by its bytecode. Distributions enter by name and version, and Python by its minor version.

What no fingerprint sees: names made up at run time (`getattr(module, name)`, `eval`), methods of
objects that are only known when the function runs (these enter through the digest of the input),
files and environment variables that the code reads, and compiled extensions of the project.
A module that a function imports when it runs counts as a whole, as it need not be loaded yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.identity.digest import digest_json
from interlock.identity.reach import Search
from interlock.identity.walk import Naming


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


def fingerprint(function: Callable[..., Any], *, root: Path | None) -> Fingerprint:
    """Return the fingerprint of a function, a class, or a step.

    Args:
        function: Where to start.
        root: Folder of the project. Code in a file below it is followed, unless it is installed
            there in a `site-packages`; so is code that belongs to no distribution, wherever it is.
    """
    search = Search(root)
    entry = search.bind(function)
    parts = dict(sorted(search.finish().items()))
    return Fingerprint(
        digest_json(["Code", entry, parts]), parts, search.places.texts(), search.places.files()
    )


def project_naming(root: Path | None) -> Naming:
    """Return a naming for `digest_value` that names the project's code by its fingerprint.

    With it, an object of a project class is another value once the class behaves otherwise. Code of
    others keeps its qualified name. The naming remembers: make a new one when code may have changed.
    """
    known: dict[int, tuple[Any, str | None]] = {}

    def name(value: Any) -> str | None:
        if isinstance(value, Path):
            return None
        if id(value) not in known:
            # The value is kept beside its name, so that its id is not given to another.
            found = fingerprint(value, root=root)
            is_ours = any(":" in part and not part.startswith("dist:") for part in found.parts)
            known[id(value)] = (value, found.digest if is_ours else None)
        return known[id(value)][1]

    return name
