"""Scripts that hold a pipeline and run it: imported by another process, they must not start another run."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import ModuleType

IMPORTING = "INTERLOCK_IMPORTING"
"""Environment variable of a process that imports a script to do the work of its run, and not to run it."""


class StopImport(BaseException):
    """End the import of a module here and take what it has defined so far.

    A script that calls `pipeline.run()` at its end would, imported for that very run, run again. What follows the call
    belongs to the script's run, not to its steps.
    """


def import_script(path: Path) -> ModuleType:
    """Run a script as Python does, as `__main__`, up to where it would run its pipeline."""
    module = ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"] = module
    sys.path.insert(0, str(path.parent))
    with contextlib.suppress(StopImport):
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))  # noqa: S102 - the run's own code
    return module
