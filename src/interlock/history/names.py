"""From a name that people write to a run: `delays/3`, `delays@champion`, or the short id of a version."""

from __future__ import annotations

import re

from interlock.engine.commit import VERSION_LENGTH
from interlock.models.registry import resolve
from interlock.records.model import RunRecord
from interlock.records.records import Records

_SHORT = re.compile(rf"[0-9a-f]{{{VERSION_LENGTH}}}")


def run_named(records: Records, name: str) -> RunRecord:
    """Return the run that a name stands for: itself, or the one that a model version came from.

    A short id stands for the latest run that has it.

    Raises:
        UnknownRun: There is no such run.
        UnknownModel: There is no such model, or no such version or alias of it.
    """
    if "@" in name:
        return records.runs.get(resolve(records, name).run_id)
    if _SHORT.fullmatch(name):
        found = records.runs.of_version(name)
        if found is not None:
            return found
    return records.runs.get(name)
