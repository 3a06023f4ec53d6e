"""From a name that people write to a run: `delays/3`, `delays@champion`, a version's short id, or a git commit."""

from __future__ import annotations

import re
from pathlib import Path

from interlock.engine.commit import VERSION_LENGTH
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
        UnknownModel: There is no such model, or no such version or alias of it.
    """
    if "@" in name:
        return records.runs.get(resolve(records, name).run_id)
    found = records.runs.of_version(name) if _SHORT.fullmatch(name) else None
    if found is None and "/" not in name:
        commit = name if _COMMIT.fullmatch(name) else commit_named(Path.cwd(), name)
        found = records.runs.of_commit(commit) if commit else None
    return found or records.runs.get(name)
