"""The one door to optional dependencies: import on use, name the extra when it is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from interlock.errors import InterlockError


class MissingExtra(InterlockError):
    """A feature needs a package that is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"{module!r} is needed here and is not installed.",
            hint=f"Install it with: pip install 'interlock[{extra}]'",
        )
        self.module = module
        self.extra = extra


def require_all(*modules: str, extra: str) -> None:
    """Check that the modules of an extra are there, before a room is entered that imports them freely.

    Raises:
        MissingExtra: One of them cannot be found.
    """
    for module in modules:
        require(module, extra=extra)


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module` or say which extra of Interlock brings it.

    Raises:
        MissingExtra: The module cannot be found.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.split(".", maxsplit=1)[0] == error.name.split(".")[0]:
            raise MissingExtra(module, extra) from error
        raise
