"""`python -m interlock.loop.judge MODEL VERSION`: judge a version against the champion of now, in a process of its own.

Both are the user's code, as a run is: what they do to their process must not be done to the supervisor.
"""

from __future__ import annotations

import sys
from pathlib import Path

from interlock.engine.context import open_context
from interlock.errors import InterlockError
from interlock.models.judging import judge_again
from interlock.stack.home import find_project


def main() -> int:
    """Judge, record the verdicts, and return the exit code."""
    model, number = sys.argv[1], int(sys.argv[2])
    try:
        with open_context(find_project(Path.cwd())) as context:
            judge_again(context, context.records.models.get(model, number))
    except InterlockError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
