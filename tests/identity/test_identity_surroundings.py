from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from interlock.identity.environment import Environment, environment, installed
from interlock.identity.git import git_state, without_credentials


def git(folder: Path, *words: str) -> None:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *named, *words], cwd=folder, check=True, capture_output=True)


def test_the_environment_names_interpreter_and_distributions() -> None:
    here = environment()
    assert here.python.endswith(".".join(map(str, sys.version_info[:3])))
    assert here.distributions["sqlalchemy"]
    assert Environment.from_json(here.to_json()) == here


def test_another_version_is_another_environment(tmp_path: Path) -> None:
    (tmp_path / "Some_Package-1.0.dist-info").mkdir()
    (tmp_path / "other.pkg-2.0-py3.11.egg-info").mkdir()
    found = installed([str(tmp_path)])
    assert found == {"some-package": "1.0", "other-pkg": "2.0"}
    one, two = (
        Environment.of("CPython 3", "Linux", found),
        Environment.of("CPython 3", "Linux", {**found, "other-pkg": "3"}),
    )
    assert one.digest != two.digest


def test_no_repository_no_state(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) is None  # no commit yet


def test_a_dirty_tree_is_kept_as_a_patch(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    clean = git_state(tmp_path)
    assert clean is not None
    assert (clean.branch, clean.dirty, clean.patch) == ("main", False, "")
    (tmp_path / "a.py").write_text("x = 2\n")
    (tmp_path / "new.py").write_text("y = 1\n")
    dirty = git_state(tmp_path)
    assert dirty is not None
    assert dirty.commit == clean.commit
    assert "+x = 2" in dirty.patch
    assert "untracked: new.py" in dirty.patch


def test_credentials_of_a_remote_are_left_out() -> None:
    assert without_credentials("https://user:secret@host.example/x.git") == "https://host.example/x.git"
    assert without_credentials("git@host.example:x.git") == "git@host.example:x.git"
