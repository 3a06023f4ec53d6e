"""One of several supervisors that race for the same signals: `loop_racer.py FOLDER STOP_AFTER`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "monitor"))

from loop_world import RecordsRunner
from tiny_project import MODEL

from interlock.engine.context import open_context
from interlock.loop.keeper import Holder, Keeper
from interlock.loop.watcher import Watcher
from interlock.stack.home import find_project


def main() -> None:
    """Act on signals until none is open; die without a word after STOP_AFTER runs."""
    folder, stop_after = Path(sys.argv[1]), int(sys.argv[2])
    with open_context(find_project(folder)) as context:
        runner = RecordsRunner(context)
        keeper = Keeper(
            context,
            context.project.config.model[MODEL].retrain,
            watcher=Watcher(context, MODEL, (), time.time),
            runner=runner,
            tell=lambda _kind, _text: None,
            holder=Holder(str(os.getpid()), seconds=0.2),
        )
        while context.records.signals.pending(MODEL) or not keeper.holding:
            keeper.look()
            if len(runner.started) >= stop_after:
                os._exit(9)
            if not context.records.signals.pending(MODEL):
                break
            time.sleep(0.003 if keeper.holding else 0.02)


main()
