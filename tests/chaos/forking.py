"""Runs with one fault each, at one pass of a failpoint after the other; what came of each is a line of JSON.

One process imports everything and forks for each fault; a failpoint is read when it is first passed. Therefore this
process itself passes none: whatever opens the records is done in a fork.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401 - imported once, for all forks
from chaos_project import Chaos

import interlock.cli.main
import interlock.cli.resume
import interlock.cli.run
import interlock.engine.run
import interlock.models.build
import interlock.records.upgrade
import interlock.stack.targets

MOST = 400


def forked(work: Callable[[], int]) -> int:
    """Do something in a fork and return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = work()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def command(place: Path, *words: str, failpoint: str = "") -> int:
    """Give a command in a project, and keep what it tells in the file `told`."""

    def work() -> int:
        os.chdir(place)
        sys.path.insert(0, str(place))
        told = os.open("told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(told, 1)
        os.dup2(told, 2)
        if failpoint:
            os.environ["INTERLOCK_FAILPOINT"] = failpoint
        sys.argv[:] = ["interlock", *words]
        return interlock.cli.main.main()

    return forked(work)


def look(place: Path) -> dict[str, Any]:
    """Return what is wrong with store and records, and which drafts lie there."""

    def work() -> int:
        faults = Chaos.at(place).faults()
        temporary = [str(one) for one in place.rglob(".tmp-*")]
        (place / "look.json").write_text(json.dumps({"faults": faults, "temporary": temporary}))
        return 0

    if forked(work):
        return {"faults": ["the records cannot be opened"], "temporary": []}
    found: dict[str, Any] = json.loads((place / "look.json").read_text())
    return found


def last_run(place: Path) -> tuple[str, str] | None:
    """Return id and state of the last run, if there is one."""
    file = place / ".interlock" / "records.db"
    if file.exists():
        with contextlib.closing(sqlite3.connect(file)) as connection, contextlib.suppress(sqlite3.Error):
            found: tuple[str, str] | None = connection.execute(
                "SELECT id, status FROM runs ORDER BY sequence DESC"
            ).fetchone()
            return found
    return None


def disturbed(place: Path, failpoint: str, *, resume: bool) -> dict[str, Any]:
    """Run with a fault, look, go on, and return what was seen."""
    chaos = Chaos(place, "in-process")
    code = command(place, "run", "flow:flow", failpoint=failpoint)
    seen, finished, before, last = look(place), chaos.finished(), chaos.calls(), last_run(place)
    resume = resume and last is not None and last[1] != "succeeded"
    again = command(place, *(("resume", last[0]) if resume and last else ("run", "flow:flow")))
    after = chaos.calls()
    twice = sorted(name for name in finished if after[name] != before[name])
    told = (place / "told").read_text()[-2000:]
    return {"code": code, "again": again, "resumed": resume, "twice": twice, "told": told, **seen}


def main(folder: Path, wanted: list[str], every: int) -> None:
    """Disturb one run for each fault that is asked for, or, with `every`, run after run until none is disturbed any more."""
    for turn, fault in enumerate(wanted):
        point, _, rest = fault.partition(":")
        first, _, kind = rest.partition("=")
        for n in range(int(first), MOST, every) if every else [int(first)]:
            place = folder / f"{point}-{kind}-{n}"
            found = disturbed(place, f"{point}:{n}={kind}", resume=(n + turn) % 2 == 0)
            told = {"point": point, "kind": kind, "n": n, "place": str(place), **found}
            print(json.dumps(told), flush=True)
            if found["code"] == 0:
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[3:], int(sys.argv[2]))
