"""`python -m interlock.loop.look MODEL`: let the monitors of a model look once, in a process of their own.

The metrics of a pipeline are the user's code; and the tables that monitors read are given back to the system
when they are done.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from interlock.engine.context import open_context
from interlock.errors import InterlockError
from interlock.monitor.performance import watch_performance
from interlock.monitor.watch import watch_drift
from interlock.stack.home import find_project


def main() -> int:
    """Look at drift and at metrics, print how many windows that made, and return the exit code."""
    model, troubles, made = sys.argv[1], [], 0
    with open_context(find_project(Path.cwd())) as context:
        for watch in (watch_drift, watch_performance):
            try:
                made += len(watch(context, model))
            except InterlockError as error:  # the other monitor still looks
                troubles.append(str(error))
    sys.stdout.write(json.dumps({"windows": made, "troubles": troubles}) + "\n")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
