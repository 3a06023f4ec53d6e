"""`python -m interlock.loop.child PARENT MODULE ARGUMENT…`: run a module that ends when its parent does.

The children of the supervisor must not outlive it: a run that nobody waits for would race with the one that
the next supervisor starts.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

from interlock.serving.process import end_with


def main() -> None:
    """Run the module in this process, as `python -m MODULE` would."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    # Its own group holds all that it starts in turn; nothing of that outlives it either.
    end_with(parent, lambda: os.killpg(os.getpgrp(), signal.SIGKILL))
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
