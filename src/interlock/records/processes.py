"""Whether the process that a record names still lives, also after its number was given to another."""

from __future__ import annotations

import os
from pathlib import Path

_STATE, _START_TIME = 0, 19
"""Fields of /proc/PID/stat, counted after the command's name."""


def process_identity(pid: int) -> str:
    """Return a text that no other process shares, now or after a reboot; empty where the system does not tell.

    Boot and start in ticks since boot: unlike a wall-clock time they do not move when the clock is set.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name may hold spaces and parentheses
    if fields[_STATE] in {"Z", "X"}:
        return ""  # dead, and only not yet collected by its parent
    return f"{boot}/{pid}/{fields[_START_TIME]}"


def is_alive(pid: int, identity: str) -> bool:
    """Tell whether process `pid` of this host lives and is still the one of `identity`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it lives under another user, whose /proc entry may be hidden
    return not identity or process_identity(pid) == identity
