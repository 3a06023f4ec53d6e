from __future__ import annotations

from pathlib import Path

import pytest
from cli_project import interlock, interlock_json
from history_project import write_project

from interlock.engine.context import open_context
from interlock.history.child import ReplayFailed, Surroundings, run_replay
from interlock.history.environments import NoEnvironment, environment_of
from interlock.history.replay import ReplaySpec
from interlock.history.scratch import EnvironmentNotBuilt, interpreter_for
from interlock.history.why import NoComparison, explain
from interlock.identity.environment import Environment
from interlock.stack.home import find_project


def test_a_run_without_an_environment_has_none_to_show(tmp_path: Path) -> None:
    with open_context(find_project(tmp_path)) as context:
        run = context.records.runs.start("delays")
        with pytest.raises(NoEnvironment, match="Run delays/1 has no recorded environment"):
            environment_of(context.records, run)


def test_a_step_is_not_compared_with_a_run_that_never_came_to_it(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    assert interlock(folder, "run", "sums", "-p", "weight=1").returncode == 0
    with open_context(find_project(folder)) as context:
        other = context.records.runs.start("sums")
        with pytest.raises(NoComparison, match="Step 'clean' took no part in run sums/2"):
            explain(context, "sums/1", "clean", against=other.id)


def test_a_replay_that_ends_without_a_result_says_how(tmp_path: Path) -> None:
    places = {name: str(tmp_path) for name in ("root", "data_root", "home", "scratch")}
    spec = ReplaySpec(**places, model="sums", ref="steps:sums")
    with pytest.raises(ReplayFailed, match="The replay ended with code 1"):
        run_replay(spec, Surroundings(python=Path("/bin/false")))


def test_what_was_installed_from_a_folder_cannot_be_built_elsewhere(tmp_path: Path) -> None:
    here = Environment.of("CPython 3.11.7", "Linux", {"ours": "1"}, {"ours": "editable folder"})
    with pytest.raises(EnvironmentNotBuilt, match="ours 1 was installed from: editable folder"):
        interpreter_for(here, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_interpreter_that_is_not_to_be_had_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotBuilt, match="The environment cannot be built"):
        interpreter_for(Environment.of("CPython 9.9.9", "Linux", {}), tmp_path)


def test_names_of_runs_are_taken_by_why_as_by_the_others(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    interlock_json(folder, "run", "sums")
    short = interlock_json(folder, "show", "sums/1")["version_id"]
    assert interlock_json(folder, "why", short)["run"] == "sums/1"
