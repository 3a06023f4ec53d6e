from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from interlock.identity.git import PATCH_LIMIT, git_state, without_credentials


def git(folder: Path, *words: str) -> None:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *named, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with one commit."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_folder_inside_the_tree_has_the_state_of_the_tree(tree: Path) -> None:
    inside = tree / "deep" / "er"
    inside.mkdir(parents=True)
    assert git_state(inside) == git_state(tree) is not None


def test_a_commit_checked_out_by_its_id_has_no_branch(tree: Path) -> None:
    git(tree, "checkout", "-q", "--detach")
    state = git_state(tree)
    assert state is not None
    assert (state.branch, len(state.commit)) == ("", 40)


def test_a_long_patch_is_cut_and_says_so(tree: Path) -> None:
    (tree / "a.py").write_text("x = 2\n" * PATCH_LIMIT)
    state = git_state(tree)
    assert state is not None
    assert state.patch.endswith(f"\n# cut at {PATCH_LIMIT} bytes\n")
    assert len(state.patch.encode()) < PATCH_LIMIT + 100


def test_origin_is_the_remote(tree: Path) -> None:
    git(tree, "remote", "add", "zeta", "https://other.example/x.git")
    git(tree, "remote", "add", "origin", "https://user:secret@host.example/x.git?token=secret")
    state = git_state(tree)
    assert state is not None
    assert state.remote == "https://host.example/x.git"


def test_a_linked_work_tree_has_a_state_of_its_own(tree: Path, tmp_path: Path) -> None:
    git(tree, "remote", "add", "origin", "git@host.example:x.git")
    git(tree, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    state = git_state(tmp_path / "side")
    assert state is not None
    assert (state.branch, state.remote) == ("side", "git@host.example:x.git")


def test_variables_of_a_hook_do_not_lead_elsewhere(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = git_state(tree)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert git_state(tree) == before is not None


def test_without_git_there_is_no_state(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(tree) is None


def test_a_broken_repository_has_no_state(tree: Path) -> None:
    (tree / ".git" / "HEAD").write_text("nonsense")
    assert git_state(tree) is None


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://host.example/x.git", "https://host.example/x.git"),
        ("https://token@host.example:8443/x.git#part", "https://host.example:8443/x.git"),
        ("ssh://git@host.example/x.git", "ssh://host.example/x.git"),
        ("git@host.example:x.git", "git@host.example:x.git"),
        ("../other", "../other"),
        ("https://[broken", ""),
        ("", ""),
    ],
)
def test_credentials_of_a_remote_are_left_out(url: str, clean: str) -> None:
    assert without_credentials(url) == clean
