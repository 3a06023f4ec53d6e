"""Branches: the words by which a pipeline leaves to a step which way a run takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from interlock.errors import shown
from interlock.graph.model import Condition
from interlock.graph.output import Output, TraceError, user_location
from interlock.graph.tracing import Trace, current_trace


@dataclass(frozen=True, slots=True)
class Branch:
    """Steps called in `with branch:` run only when its condition gives what is wanted."""

    _trace: Trace
    _condition: Condition

    @property
    def otherwise(self) -> Branch:
        """The branch of the steps that run when those of this one do not."""
        return replace(self, _condition=replace(self._condition, wanted=not self._condition.wanted))

    def __enter__(self) -> None:
        self._trace.enter(self._condition)

    def __exit__(self, *_: object) -> None:
        self._trace.leave()


def when(condition: Any) -> Branch:
    """Return a branch of the pipeline that is run when a step returns True.

    ::

        many = when(is_big(rows))
        with many:
            large = train_large(rows)
        with many.otherwise:
            small = train_small(rows)
        model = either(large, small)

    Args:
        condition: The output of a step: a bool.

    Raises:
        TraceError: It is no output of a step, or no bool; or this stands outside a pipeline function.
    """
    trace = _trace("when")
    if not isinstance(condition, Output):
        raise TraceError(
            f"when(...) takes what a step gives, not {shown(condition)}.",
            where=user_location(),
            hint="What is known while steps are connected, such as a param, is asked by a plain `if`.",
        )
    trace.check_condition(condition)
    return Branch(trace, Condition(condition.ref))


def either(*options: Any) -> Any:
    """Return the first of some outputs that there is: that of the branch that was taken.

    The last one may stand outside of branches: it is taken when none of the others is there.

    Raises:
        TraceError: There are fewer than two, one is no output of a step, or one that is always there stands
            before another; or this stands outside a pipeline function.
    """
    return _trace("either").add_either(options, either)


def _trace(word: str) -> Trace:
    trace = current_trace()
    if trace is None:
        raise TraceError(f"{word}(...) stands outside a pipeline function.", where=user_location())
    return trace
