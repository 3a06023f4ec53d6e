"""Ends the worker processes of a run whose own process is gone. Run as a file, by nothing but the standard library.

Each line on stdin is `+PID` for a process group that began or `-PID` for one that ended. When stdin closes, whatever
the cause, what is left is killed: also a worker that holds the interpreter's lock for ever, and what it started.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Read until the end, then kill."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    alive: set[int] = set()
    for line in sys.stdin:
        change = alive.add if line.startswith("+") else alive.discard
        change(int(line[1:]))
    for group in alive:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
