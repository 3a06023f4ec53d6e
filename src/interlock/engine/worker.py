"""The one function that does the work of one step, whatever engine or orchestrator calls it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from interlock.engine.capture import Printed, printing_into
from interlock.engine.resources import Meter, Usage
from interlock.engine.seeds import seeded
from interlock.engine.timeouts import limited
from interlock.engine.tracking import LoggedMetric, Scope, logging_into
from interlock.errors import InterlockError, Stopped, first_line, first_user_frame, format_user_traceback
from interlock.graph.model import Node, Ref
from interlock.graph.slices import call_node
from interlock.graph.step import Step
from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore

RETRY_FIRST_DELAY = 0.1
"""Seconds before the first retry; each further one waits twice as long, up to `RETRY_LONGEST_DELAY`."""

RETRY_LONGEST_DELAY = 30.0


class StepFailed(InterlockError):
    """A step raised, or what it takes or returned cannot be read or kept. That error is its cause.

    Attributes:
        step: The name of the node.
        in_user_code: Whether the step itself raised; else the sentence says all there is to say.
        user_traceback: The traceback from the user's first line on; empty where the step itself did not raise.
    """

    def __init__(self, step: str, error: BaseException, *, where: str) -> None:
        self.step = step
        self.in_user_code = first_user_frame(error, call_node.__code__) is not None
        self.user_traceback = format_user_traceback(error, call_node.__code__) if self.in_user_code else ""
        if isinstance(error, InterlockError) and not self.in_user_code:
            super().__init__(
                f"Step {step!r} failed: {error.what}", where=error.where or where, hint=error.hint
            )
        else:
            said = f"{type(error).__name__}: {first_line(error)}".rstrip(": ")
            super().__init__(f"Step {step!r} failed: {said}", where=where)


@dataclass(frozen=True)
class Attempt:
    """One try of a step."""

    number: int
    started_at: float
    seconds: float
    error: str | None = None


@dataclass(frozen=True)
class StepOutcome:
    """What came of a step: artifacts and values by output, or the failure; and what it took."""

    usage: Usage
    attempts: tuple[Attempt, ...]
    printed: Printed
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[LoggedMetric, ...] = ()
    failure: StepFailed | None = None


def run_step(
    node: Node, load_inputs: Callable[[], Mapping[Ref, Any]], artifacts: ArtifactStore, *, seed: int = 0
) -> StepOutcome:
    """Load the inputs of a node, call its function with retries, and store its outputs.

    Its random numbers begin with what `seed` and its name make.

    Every failure of the step is in the outcome, its leaving by `sys.exit` too; KeyboardInterrupt and Stopped
    pass.
    """
    step = _step_of(node)
    meter, printed, attempts, metrics = Meter(), Printed(), list[Attempt](), list[LoggedMetric]()
    for number in range(step.options.retries + 1):
        if number:
            time.sleep(min(RETRY_FIRST_DELAY * 2 ** (number - 1), RETRY_LONGEST_DELAY))
        started_at, clock = time.time(), time.perf_counter()
        scope = Scope()
        try:
            with seeded(seed, node.name, number):
                saved, values = _attempt(node, step, load_inputs, artifacts, printed, scope)
        except (KeyboardInterrupt, Stopped):
            raise
        except BaseException as error:  # noqa: BLE001 - the boundary to user code
            failure = _failure(node, error)
            attempts.append(Attempt(number + 1, started_at, time.perf_counter() - clock, str(failure)))
            metrics.extend(scope.metrics)  # what led to a failure is worth the most
            continue
        metrics.extend(scope.metrics)
        attempts.append(Attempt(number + 1, started_at, time.perf_counter() - clock))
        return StepOutcome(meter.read(), tuple(attempts), printed, saved, values, tuple(metrics))
    return StepOutcome(meter.read(), tuple(attempts), printed, metrics=tuple(metrics), failure=failure)


def _step_of(node: Node) -> Step[..., Any]:
    if node.step is None:
        raise TypeError(f"{node.name!r} is a dataset, not a step")
    step: Step[..., Any] = node.step
    return step


def _attempt(
    node: Node,
    step: Step[..., Any],
    load_inputs: Callable[[], Mapping[Ref, Any]],
    artifacts: ArtifactStore,
    printed: Printed,
    scope: Scope,
) -> tuple[dict[str, Artifact], dict[str, Any]]:
    inputs = load_inputs()
    with ExitStack() as around:
        around.enter_context(printing_into(printed))
        around.enter_context(logging_into(scope))
        around.enter_context(limited(node.name, step.options.timeout))
        values = call_node(node, step.function, inputs)
    saved = {name: _save(node, name, value, artifacts) for name, value in values.items()}
    logged = {name: artifacts.save(value) for name, value in scope.values.items()}
    return {**saved, **logged}, values


def _save(node: Node, output: str, value: Any, artifacts: ArtifactStore) -> Artifact:
    step = _step_of(node)
    try:
        return artifacts.save(value, allow_pickle=step.options.pickle)
    except InterlockError as error:
        error.where = (
            error.where or f"output {str(Ref(node.name, output))!r} of step {step.name!r}, {step.location}"
        )
        raise


def _failure(node: Node, error: BaseException) -> StepFailed:
    failure = StepFailed(node.name, error, where=_user_line(node, error))
    failure.__cause__ = error
    return failure


def _user_line(node: Node, error: BaseException) -> str:
    """Return the innermost line of the file that defines the step, where the error passed through it."""
    location = _step_of(node).location
    file = location.rpartition(":")[0]
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1].lineno}" if lines else location
