"""What building a model version came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from interlock.engine.result import Run
from interlock.errors import InterlockError
from interlock.graph.leakage import LeakReport
from interlock.models.gates import Verdict
from interlock.records.model import ModelVersion

if TYPE_CHECKING:
    from interlock.models.compare import Comparison
    from interlock.models.parity import Parity


class NoVersion(InterlockError):
    """A run succeeded, and no model version can be made of it; the run stands, as `run`."""

    def __init__(self, run: Run, cause: InterlockError) -> None:
        what = f"Run {run.id} succeeded, but no model version can be made of it: {cause.what}"
        super().__init__(what, where=cause.where, hint=cause.hint)
        self.run = run


def why_no_model(run: Run) -> str:
    """Return why a run that ended well has nothing to deploy, though its pipeline says what; "" where it has.

    A step stopped it, or the branch was not taken in which the given rows or the answer are made.
    """
    if run.status != "succeeded":
        return run.stopped or ""
    made = run.graph.deployable
    needed = (made.given.node, made.answer.node) if made else ()
    return next(
        (
            f"{step.name}: {step.reason}"
            for step in run.steps
            if step.name in needed and step.state == "skipped"
        ),
        "",
    )


@dataclass(frozen=True)
class Build:
    """A run, and the model version that came of it, if the pipeline names a deployable.

    A run that comes to the very bundle of an earlier version makes no new one: `version` is that one then, judged
    again unless it is the champion, and `new` is False.
    """

    run: Run
    version: ModelVersion | None = None
    verdicts: Sequence[Verdict] = ()
    comparison: Comparison | None = None
    parity: Parity | None = None
    leaks: LeakReport | None = field(default=None, repr=False)
    new: bool = True
