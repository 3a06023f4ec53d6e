"""Import a project's modules from what their files say now, however fast they are edited.

Python takes a module's bytecode for current while the second of the source's last change and its size are
the same (PEP 552). A file that is edited twice in a second, by a script or a formatter, would run as it was before
the second edit, under the fingerprint of what it is now.
"""

from __future__ import annotations

import contextlib
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType

_INSTALLED = ("site-packages", "dist-packages")

_RACY_SECONDS = 2
"""Bytecode that was written so soon after the second of the source's last change may be of what was there before."""


class _FreshLoader(SourceFileLoader):
    """Load bytecode only where it is surely that of the source."""

    def get_code(self, fullname: str) -> CodeType | None:
        with contextlib.suppress(OSError, NotImplementedError):
            bytecode = Path(cache_from_source(self.path))
            if bytecode.stat().st_mtime < int(Path(self.path).stat().st_mtime) + _RACY_SECONDS:
                bytecode.unlink()
        return super().get_code(fullname)


def import_fresh(root: Path) -> None:
    """Have the modules below `root` imported from what their files say now. Saying it twice is harmless."""
    hook = _ProjectHook(str(root))
    if any(getattr(known, "root", None) == hook.root for known in sys.path_hooks):
        return
    sys.path_hooks.insert(0, hook)
    for entry in [entry for entry in sys.path_importer_cache if hook.holds(entry)]:
        del sys.path_importer_cache[entry]


class _ProjectHook:
    """A path hook (PEP 302) for the folders of one project; what is installed below it is not its own."""

    def __init__(self, root: str) -> None:
        self.root = root

    def holds(self, entry: str) -> bool:
        ours = entry == self.root or entry.startswith(f"{self.root}/")
        return ours and not any(name in entry for name in _INSTALLED)

    def __call__(self, entry: str) -> FileFinder:
        if not self.holds(entry) or not Path(entry).is_dir():
            raise ImportError(f"{entry} is no folder of the project.", path=entry)
        return FileFinder(
            entry,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (_FreshLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )
