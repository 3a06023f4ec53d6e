"""What the sampler of a step's processes costs: the time of one look, beside the time between two, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from table import Row, verdicts

from interlock.engine.sampler import EVERY, Sampler, descendants

LOOKS = 2000
CHILDREN = 4


def look_seconds() -> float:
    """Return the CPU time of one look at the processes below this one."""
    with Sampler(every=3600.0) as sampler:
        started = time.process_time()
        for _ in range(LOOKS):
            sampler.look(gpu=False)
        return (time.process_time() - started) / LOOKS


def rows() -> list[Row]:
    """Measure and return the lines of the table."""
    alone = look_seconds()
    children = [
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(CHILDREN)
    ]
    try:
        assert len(list(descendants(os.getpid()))) == CHILDREN
        among = look_seconds()
    finally:
        for child in children:
            child.communicate(b"\n")
    return [
        Row("sampling, no process started", alone / EVERY * 100, "% of a core", 1.0),
        Row(f"sampling, {CHILDREN} processes started", among / EVERY * 100, "% of a core", 1.0),
    ]


if __name__ == "__main__":
    verdicts(rows())
