from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from engine_project import project_in, run

from interlock import step


@step
def drawn() -> list[float]:
    return [random.random(), float(np.random.rand())]


@step
def drawn_too() -> list[float]:
    return [random.random(), float(np.random.rand())]


def _two() -> object:
    return drawn(), drawn_too()


def test_a_step_draws_the_same_in_every_run_and_another_step_draws_others(tmp_path: Path) -> None:
    with project_in(tmp_path) as context:
        first, second = (run(_two, context, cache=False) for _ in range(2))
        assert first["drawn"].value == second["drawn"].value
        assert first["drawn"].value != first["drawn_too"].value


def test_with_another_seed_a_step_draws_others_and_has_another_key(tmp_path: Path) -> None:
    with project_in(tmp_path) as context:
        runs = [run(_two, context, seed=seed) for seed in (0, 7, 7)]
        assert [one.steps[0].state for one in runs] == ["ran", "ran", "cached"]
        assert runs[0]["drawn"].value != runs[1]["drawn"].value
        assert context.records.runs.get(runs[1].id).facts["seed"] == 7


def test_the_generators_of_the_process_go_on_as_if_no_step_had_drawn(tmp_path: Path) -> None:
    with project_in(tmp_path) as context:
        random.seed(1)
        np.random.seed(1)
        expected = [random.random(), np.random.rand()]
        random.seed(1)
        np.random.seed(1)
        run(_two, context, cache=False)
        assert [random.random(), np.random.rand()] == expected
