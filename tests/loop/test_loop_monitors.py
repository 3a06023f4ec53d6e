from __future__ import annotations

import time
from pathlib import Path

from tiny_project import MODEL, answer, make_project, rows, train, write_rows

from interlock.engine.context import RunContext, open_context
from interlock.loop.monitors import Monitors


class Watched:
    """Monitors, the clock that they go by, and what they told."""

    def __init__(self, context: RunContext) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.monitors = Monitors(
            context, MODEL, lambda _kind, text: self.told.append(text), every=60, clock=lambda: self.now
        )

    def look(self, seconds: float) -> bool:
        """Look after some seconds, wait for the child that this started; return whether it started one."""
        self.now += seconds
        self.monitors.look()
        started = self.monitors._child is not None
        while self.monitors._child is not None:
            time.sleep(0.05)
            self.monitors.look()
        return started


def test_monitors_look_when_it_is_time_and_there_is_something_new(tmp_path: Path):
    with open_context(make_project(tmp_path)) as context:
        train(context)
        watched = Watched(context)
        assert watched.look(0)
        assert not watched.look(61)
        answer(context, rows(600, seed=1))
        assert not watched.look(10)
        assert watched.look(51)
        assert [window.rows for window in context.records.windows.list(MODEL)] == [600]
        assert watched.told == []


def test_what_goes_wrong_is_told_once(tmp_path: Path):
    with open_context(make_project(tmp_path)) as context:
        train(context)
        answer(context, rows(600, seed=1))
        write_rows(tmp_path, 1, rows(10), "outcomes")
        watched = Watched(context)
        watched.monitors.look_now()
        watched.monitors.look_now()
        [told] = watched.told
        assert told.startswith("monitors: The outcomes in dataset 'outcomes' have no column 'row_id'")
