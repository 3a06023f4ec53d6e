"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.errors import UsageError

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.stack.config import Project

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout, and nothing else there.")]
CheckContent = Annotated[
    bool, typer.Option("--check-content", help="Read also the parts of datasets that look unchanged.")
]
Param = Annotated[
    list[str], typer.Option("--param", "-p", metavar="NAME=VALUE", help="A param of the pipeline.")
]


def this_project() -> Project:
    """Return the project of the current folder."""
    from interlock.stack.home import find_project  # reads TOML through pydantic: not for --help

    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise UsageError("The current folder is gone.", hint="Go to the project's folder.") from None
    return find_project(here)


@contextmanager
def this_context() -> Iterator[RunContext]:
    """Open the store and the records of the project of the current folder."""
    from interlock.engine.context import open_context  # brings SQLAlchemy: not for --help

    with open_context(this_project()) as context:
        yield context


def parse_params(words: Sequence[str], option: str = "-p") -> dict[str, str]:
    """Return what was given as NAME=VALUE words.

    Raises:
        UsageError: A word has no name or no equals sign, or a name comes twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(
                f"{option} takes {'NAME=TEXT' if option == '--tag' else 'NAME=VALUE'}, not {word!r}."
            )
        if name in found:
            raise UsageError(f"{option} gives {name!r} twice.")
        found[name] = value
    return found
