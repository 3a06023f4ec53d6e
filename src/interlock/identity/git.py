"""The state of the git work tree that a run started from."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

PATCH_LIMIT = 1 << 20
"""Bytes of a patch that are kept."""

_TIMEOUT = 10.0


@dataclass(frozen=True)
class GitState:
    """Commit, branch and remote, and what is not committed.

    `patch` is the difference to HEAD, then the names of files that git does not track.
    """

    commit: str
    branch: str
    remote: str
    dirty: bool
    patch: str


def git_state(folder: Path) -> GitState | None:
    """Return the state of the work tree that a folder is in; None without git, a repository or a commit."""
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal")
    if status is None:
        return None
    facts = dict(re.findall(r"^# branch\.(oid|head) (.*)$", status, re.MULTILINE))
    if facts.get("oid", "(initial)") == "(initial)":
        return None
    changes = [line for line in status.splitlines() if not line.startswith("#")]
    remote = _git(folder, "config", "--get", "remote.origin.url") or ""
    return GitState(
        commit=facts["oid"],
        branch=facts.get("head", ""),
        remote=without_credentials(remote.strip()),
        dirty=bool(changes),
        patch=_patch(folder, changes) if changes else "",
    )


def without_credentials(remote: str) -> str:
    """Return the address of a remote without the user and password that it may hold."""
    return re.sub(r"^([a-z+]+://)[^/@]*@", r"\1", remote)


def _patch(folder: Path, changes: list[str]) -> str:
    tracked = _git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff") or ""
    untracked = [f"untracked: {line[2:]}\n" for line in changes if line.startswith("? ")]
    text = tracked + "".join(untracked)
    if len(text) > PATCH_LIMIT:
        return f"{text[:PATCH_LIMIT]}\n… cut: the whole patch has {len(text)} characters\n"
    return text


def _git(folder: Path, *words: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            timeout=_TIMEOUT,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
