"""What processes that died left half written."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

TEMPORARY = ".tmp-"
"""How the name of every file begins that is not in place yet; the id of the writing process follows."""

_GRACE_SECONDS = 3600.0


def sweep(folder: Path, *, grace_seconds: float = _GRACE_SECONDS) -> list[Path]:
    """Remove what dead processes left half written below a folder, and return what that was.

    A process that is dead here may be alive in another container that shares the folder: therefore only
    files that were left alone for a while are removed.
    """
    removed = []
    for path in folder.rglob(f"{TEMPORARY}*"):
        with contextlib.suppress(FileNotFoundError):
            if is_abandoned(path) and path.stat().st_mtime <= time.time() - grace_seconds:
                path.unlink()
                removed.append(path)
    return removed


def is_temporary(path: Path) -> bool:
    """Tell whether a file is a draft, finished or not."""
    return path.name.startswith(TEMPORARY)


def is_abandoned(path: Path) -> bool:
    """Tell whether the process that wrote a draft is dead."""
    pid = path.name.removeprefix(TEMPORARY).partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except ValueError:
        return False  # not ours
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
