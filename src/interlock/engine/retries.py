"""When a failed attempt of a step is followed by another one, and how long after."""

from __future__ import annotations

from interlock.graph.step import StepOptions

LONGEST_DELAY = 30.0
"""Seconds that are waited at most before a retry."""


def is_retried(options: StepOptions, number: int, error: BaseException) -> bool:
    """Tell whether another attempt follows.

    Args:
        options: Of the step.
        number: Which attempt failed, from 1 on.
        error: What it failed with.
    """
    return number <= options.retries and isinstance(error, options.retry_on)


def delay_after(options: StepOptions, number: int) -> float:
    """Return how many seconds to wait after a failed attempt: exponential back-off with some jitter.

    So that many steps that failed together do not all come again together.
    """
    from tenacity import RetryCallState, wait_exponential, wait_random  # most runs need no retry

    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # only its count is read
    state.attempt_number = number
    wait = wait_exponential(multiplier=options.retry_delay, max=LONGEST_DELAY)
    return min(LONGEST_DELAY, (wait + wait_random(0, options.retry_delay / 4))(state))
