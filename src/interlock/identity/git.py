"""The state of the git work tree that code was run from.

It is recorded beside a run for the people who read it; nothing depends on it, so nothing here
raises: without git, or where git cannot answer in time, there is no state.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PATCH_LIMIT = 1 << 20
"""Longest patch that is kept, in bytes."""

_SECONDS = 10.0
_URL = re.compile(r"\s*url\s*=\s*(?P<url>.+?)\s*")


@dataclass(frozen=True)
class GitState:
    """What a work tree was at one moment.

    Attributes:
        commit: Full id of the commit.
        branch: Name of the branch; empty where a commit is checked out by its id.
        remote: Address of `origin`, or of the first remote, without credentials; empty without one.
        dirty: Whether something differs from the commit, untracked files among it.
        patch: The difference as `git diff` writes it, then a line for each untracked path.
    """

    commit: str
    branch: str
    remote: str
    dirty: bool
    patch: str


def git_state(folder: Path) -> GitState | None:
    """Return the state of the work tree that holds `folder`, or None: without git, a repository, or a first commit."""
    settings = _settings(folder)
    if settings is None:
        return None
    try:
        status = _status(folder)
    except (OSError, subprocess.SubprocessError):
        return None
    commit, branch, changed, untracked = _parse(status)
    if not commit:
        return None
    patch = _diff(folder) if changed else ""
    dirty = changed or bool(untracked)
    return GitState(commit, branch, _remote(settings), dirty, _limited(patch, untracked))


def commit_named(folder: Path, name: str) -> str:
    """Return the full id of the commit that a branch, a tag or the like names; "" when there is none."""
    if _settings(folder) is None or name.startswith("-"):
        return ""
    command = _command(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    try:
        done = subprocess.run(
            command, env=_surroundings(), capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def _settings(folder: Path) -> Path | None:
    """Return the repository's config file: found by hand, as each call of git costs milliseconds."""
    try:
        start = folder.resolve()
        for parent in (start, *start.parents):
            marker = parent / ".git"
            if marker.is_dir():
                return marker / "config"
            if marker.is_file():
                return _linked_settings(marker)
    except OSError:
        return None
    return None


def _linked_settings(marker: Path) -> Path:
    """Follow the file that stands for `.git` in a linked work tree or a submodule."""
    target = marker.parent / marker.read_text("utf-8", "replace").removeprefix("gitdir:").strip()
    common = target / "commondir"
    return (target / common.read_text("utf-8", "replace").strip() if common.is_file() else target) / "config"


def _remote(settings: Path) -> str:
    try:
        lines = settings.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    remotes = dict(_remotes(lines))
    url = remotes.get("origin") or next(iter(remotes.values()), "")
    return without_credentials(url)


def _remotes(lines: list[str]) -> Iterator[tuple[str, str]]:
    name = ""
    for line in lines:
        if line.lstrip().startswith("["):
            name = line.partition('"')[2].rpartition('"')[0] if "remote" in line.partition('"')[0] else ""
        elif name and (match := _URL.fullmatch(line)):
            yield name, match["url"].strip('"')


def without_credentials(url: str) -> str:
    """Return an address without user, password, query and fragment.

    The user of `git@host:path` stays: it is the same for everybody, and there is no password beside it.
    """
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _status(folder: Path) -> str:
    command = _command(folder, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal")
    done = subprocess.run(command, env=_surroundings(), capture_output=True, timeout=_SECONDS, check=True)
    return done.stdout.decode("utf-8", "replace")


def _command(folder: Path, *words: str) -> list[str]:
    # A file-system monitor is a program of the repository's choosing, and would outlive us.
    return ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *words]


def _surroundings() -> dict[str, str]:
    """Return the environment for git: within a hook, variables would point it at another work tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _parse(status: str) -> tuple[str, str, bool, list[str]]:
    """Return commit, branch, whether tracked files changed, and the untracked paths."""
    commit = branch = ""
    untracked = []
    changed = False
    for entry in status.split("\0"):
        kind, _, rest = entry.partition(" ")
        if kind == "?":
            untracked.append(rest)
        elif rest.startswith("branch.oid "):
            commit = rest.removeprefix("branch.oid ").replace("(initial)", "")
        elif rest.startswith("branch.head "):
            branch = rest.removeprefix("branch.head ").replace("(detached)", "")
        elif kind in ("1", "2", "u"):
            changed = True
    return commit, branch, changed, untracked


def _diff(folder: Path) -> str:
    """Return what `git diff` writes, a little more than the limit at most."""
    command = _command(folder, "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv")
    pipe, drop = subprocess.PIPE, subprocess.DEVNULL
    try:
        with subprocess.Popen(command, env=_surroundings(), stdout=pipe, stderr=drop) as process:
            timer = threading.Timer(_SECONDS, process.kill)
            timer.start()
            try:
                data = process.stdout.read(PATCH_LIMIT + 1) if process.stdout else b""
            finally:
                timer.cancel()
                # Enough was read: git would wait for ever for somebody to take the rest.
                process.kill()
    except OSError:
        return "# the difference could not be read\n"
    return data.decode("utf-8", "replace")


def _limited(patch: str, untracked: list[str]) -> str:
    text = patch + "".join(f"# untracked: {path}\n" for path in untracked)
    data = text.encode("utf-8")
    if len(data) <= PATCH_LIMIT:
        return text
    return data[:PATCH_LIMIT].decode("utf-8", "ignore") + f"\n# cut at {PATCH_LIMIT} bytes\n"
