"""From a name that people write to a run: `delays/3`, `delays@champion`, a version's short id, or a git commit."""

from __future__ import annotations

import re
from pathlib import Path

from interlock.engine.commit import VERSION_LENGTH
from interlock.errors import UsageError
from interlock.identity.git import commit_named
from interlock.models.registry import resolve
from interlock.records.model import RunRecord
from interlock.records.records import Records

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_SHORT = re.compile(rf"[0-9a-f]{{{VERSION_LENGTH}}}")


def run_named(records: Records, name: str) -> RunRecord:
    """Return the run that a name stands for: itself, or the one that a model version came from.

    A short id, and a commit of git (also the first digits of one, or a name that git knows), stand for the latest run
    that has it.

    Raises:
        UnknownRun: There is no such run.
        UsageError: At a commit, only work trees with uncommitted changes were run.
        UnknownModel: There is no such model, or no such version or alias of it.
    """
    if "@" in name:
        return records.runs.get(resolve(records, name).run_id)
    found = records.runs.of_version_id(name) if _SHORT.fullmatch(name) else None
    if found is None and "/" not in name:
        commit = name if _COMMIT.fullmatch(name) else commit_named(Path.cwd(), name)
        found = _of_commit(records, commit, name) if commit else None
    return found or records.runs.get(name)


def _of_commit(records: Records, commit: str, name: str) -> RunRecord | None:
    """Return the latest run of the very commit: files that git does not know may have lain beside it."""
    made = records.runs.of_commit(commit)
    for run in made:
        changed = records.runs.patch(run.id).splitlines()
        if all(line.startswith("# untracked:") for line in changed):
            return run
    if made:
        raise UsageError(
            f"No run was made of {name!r} itself, only of changes to it that were not committed: "
            f"{', '.join(run.id for run in made[:5])}.",
            hint="Name one of these runs, or run what was committed.",
        )
    return None
