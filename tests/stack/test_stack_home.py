"""Which project a folder belongs to, and where its state lies."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from interlock.stack.config_file import ConfigError
from interlock.stack.home import Home, UnknownStack, find_project
from interlock.stack.layout import HomeNotWritable


@pytest.fixture(autouse=True)
def _home_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERLOCK_HOME", raising=False)


def test_the_nearest_configuration_above_makes_the_root(tmp_path: Path) -> None:
    (tmp_path / "interlock.toml").write_text('[data.d]\nuri = "x"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    project = find_project(inner)
    assert (project.root, project.file) == (tmp_path, tmp_path / "interlock.toml")
    assert project.home == Home(tmp_path / ".interlock")
    assert list(project.config.data) == ["d"]


def test_a_pyproject_counts_only_with_a_section_of_ours(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.interlock.data.d]\nuri = "x"\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[project]\nname = "inner"\n')
    assert find_project(inner).file == tmp_path / "pyproject.toml"


def test_without_a_configuration_the_folder_is_a_project_of_defaults(tmp_path: Path) -> None:
    project = find_project(tmp_path)
    assert (project.root, project.file, project.config.model) == (tmp_path, None, {})


def test_a_broken_pyproject_is_ours_to_judge_only_with_a_section_of_ours(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    assert find_project(tmp_path).file is None
    (tmp_path / "pyproject.toml").write_text("[tool.interlock]\n[project\n")
    with pytest.raises(ConfigError, match="it is no TOML"):
        find_project(tmp_path)


def test_two_configurations_in_one_folder_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "interlock.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.interlock]\n")
    with pytest.raises(ConfigError, match=r"pyproject.toml beside it has \[tool.interlock\] too"):
        find_project(tmp_path)


def test_a_variable_moves_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_HOME", str(tmp_path / "state"))
    assert find_project(tmp_path).home.path == tmp_path / "state"
    monkeypatch.setenv("INTERLOCK_HOME", "")
    assert find_project(tmp_path).home.path == tmp_path / ".interlock"


def test_a_home_is_made_private_and_invisible_to_git(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / ".interlock").create().create()
    folders = [home.path, home.store, home.predictions, home.tmp]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert (home.path / ".gitignore").read_text() == "*\n"
    assert {home.records.parent, home.token_file.parent} == {home.path}


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeNotWritable) as caught:
        Home(tmp_path / "file" / "home").create()
    assert str(caught.value) == (
        f"The folder {tmp_path}/file/home for runs and models cannot be made: Not a directory.\n"
        "  Make it writable, or name another folder with INTERLOCK_HOME."
    )


def test_a_home_that_is_no_path_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_HOME", "~nobody-of-that-name/home")
    with pytest.raises(HomeNotWritable, match="home directory"):
        find_project(tmp_path)


def test_the_default_stack_is_used_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INTERLOCK_STACK", raising=False)
    (tmp_path / "interlock.toml").write_text(
        '[stack.default]\nengine = "processes"\n[stack.big]\nengine = { use = "processes", workers = 8 }\n'
    )
    assert find_project(tmp_path).stack.engine.use == "processes"
    monkeypatch.setenv("INTERLOCK_STACK", "big")
    assert find_project(tmp_path).stack.engine.workers == 8
    monkeypatch.setenv("INTERLOCK_STACK", "bgi")
    with pytest.raises(UnknownStack, match="There is no stack 'bgi'") as caught:
        find_project(tmp_path)
    assert caught.value.hint == "Did you mean 'big'?"


def test_without_a_file_there_is_the_embedded_stack_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCK_STACK", "default")
    assert find_project(tmp_path).stack.engine.use == "in-process"
    monkeypatch.setenv("INTERLOCK_STACK", "cluster")
    with pytest.raises(UnknownStack, match="There is no stack 'cluster'"):
        find_project(tmp_path)
