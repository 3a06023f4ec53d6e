"""Kill -9 at moments that nobody chose: of the run, of a worker, of both; then go on.

`make chaos` takes two hundred moments, the ordinary tests a dozen.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chaos_project import ENGINES, STEPS, Chaos, Outputs, are_gone, kill, workers_of

from interlock.store.leftovers import sweep

MOMENTS = int(os.environ.get("CHAOS_MOMENTS", "12"))
VICTIMS = ("run", "worker", "both")


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_run_that_was_killed_goes_on_and_ends_as_if_nothing_had_been(
    tmp_path: Path, undisturbed: Outputs, moment: int
) -> None:
    chance = random.Random(moment)
    engine = ENGINES[moment % 2]
    victim = VICTIMS[moment // 2 % 3] if engine == "processes" else "run"
    chaos = Chaos(tmp_path / "project", engine)

    seen = _strike(chaos, victim, after=chance.randrange(STEPS), pause=chance.uniform(0.0, 0.02))
    assert seen == []
    assert chaos.faults() == []

    finished, before = chaos.finished(), chaos.calls()
    code, told = chaos.again(resume=chance.random() < 0.5)
    assert code == 0, told
    assert chaos.outputs() == undisturbed
    after = chaos.calls()
    assert {name: after[name] for name in finished} == {name: before[name] for name in finished}
    assert set(after) >= finished
    sweep(chaos.home / "store", grace_seconds=0.0)
    assert list(chaos.store().verify()) == []


def _strike(chaos: Chaos, victim: str, *, after: int, pause: float) -> list[str]:
    """Kill once so many steps have been called; return what a reader saw wrong in the store until then."""
    process = chaos.start()
    seen: list[str] = []
    while process.poll() is None and sum(chaos.calls().values()) < after:
        seen += [str(one) for one in chaos.store().verify() if one.kind != "leftover"]
    time.sleep(pause)
    workers = workers_of(process.pid)
    if victim != "run" and workers:
        kill(random.Random(after).choice(workers))
    if victim != "worker":
        kill(process.pid)
    told = process.communicate(timeout=120.0)[1]
    assert process.returncode in (0, 1, -9), told  # 0: it was quicker; 1: a step lost its worker
    assert are_gone(workers), "workers outlived their run"
    return seen
