"""The one function that does the work of one step, whatever engine or orchestrator calls it."""

from __future__ import annotations

import contextlib
import pickle
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from interlock.engine.capture import Printed, printing_into
from interlock.engine.resources import Meter, Usage
from interlock.engine.retries import delay_after, is_retried
from interlock.engine.sampler import Sampler, Seen
from interlock.engine.seeds import seeded
from interlock.engine.timeouts import limited
from interlock.engine.tracking import LoggedMetric, Scope, logging_into
from interlock.errors import (
    InterlockError,
    Stopped,
    StopRun,
    first_line,
    first_user_frame,
    format_user_traceback,
)
from interlock.graph.model import RESULT, Node, Ref, refs_of
from interlock.graph.slices import call_item, call_node
from interlock.graph.step import Step
from interlock.identity.artifact import Artifact
from interlock.records.model import StepState
from interlock.store.artifacts import ArtifactStore

_NOTHING = Seen()


class StepFailed(InterlockError):
    """A step raised, or what it takes or returned cannot be read or kept. That error is its cause.

    Attributes:
        step: The name of the node.
        in_user_code: Whether the step itself raised; else the sentence says all there is to say.
        user_traceback: The traceback from the user's first line on; empty where the step itself did not raise.
    """

    def __init__(
        self, step: str, what: str, *, where: str = "", hint: str = "", user_traceback: str = ""
    ) -> None:
        super().__init__(f"Step {step!r} failed: {what}", where=where, hint=hint)
        self.step = step
        self.in_user_code = bool(user_traceback)
        self.user_traceback = user_traceback

    @classmethod
    def of(cls, step: str, error: BaseException, *, where: str) -> StepFailed:
        """Return the failure that an error is, with the error as its cause."""
        code = next(
            (
                one.__code__
                for one in (call_node, call_item)
                if first_user_frame(error, one.__code__) is not None
            ),
            None,
        )
        if isinstance(error, InterlockError) and code is None:
            made = cls(step, error.what, where=error.where or where, hint=error.hint)
        else:
            said = f"{type(error).__name__}: {first_line(error)}".rstrip(": ")
            made = cls(
                step, said, where=where, user_traceback=format_user_traceback(error, code) if code else ""
            )
        made.__cause__ = error
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled with the cause, where that can be; the sentence and the traceback always go along."""
        body = (self.step, self.what, self.where, self.hint, self.user_traceback)
        cause = self.__cause__
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(cause))  # noqa: S301 - made here
            return _failed_again, (*body, cause)
        return _failed_again, (*body, None)


def _failed_again(
    step: str, what: str, where: str, hint: str, user_traceback: str, cause: BaseException | None
) -> StepFailed:
    said = what.removeprefix(f"Step {step!r} failed: ")
    made = StepFailed(step, said, where=where, hint=hint, user_traceback=user_traceback)
    made.__cause__ = cause
    return made


@dataclass(frozen=True)
class Task:
    """One attempt of a step, or of one item of a mapped step: all that a process must know to do it.

    Attributes:
        id: Names the task within its run.
        node: The step.
        number: Which attempt it is, from 1 on.
        inputs: The outputs of other steps that it takes.
        item: Which item of a mapped step it is; None for a whole step.
        walked: For an item, what it takes of the lists that are walked over, by argument.
    """

    id: int
    node: str
    number: int = 1
    inputs: Mapping[Ref, Artifact] = field(default_factory=dict)
    item: int | None = None
    walked: Mapping[str, Artifact] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """One try of a step."""

    number: int
    started_at: float
    seconds: float
    error: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a task: artifacts by output, or the failure; and what it took.

    Attributes:
        values: The outputs as they are in memory, where they were made in this process.
        again: Whether the step may be tried again after this failure.
        stopped: Why the step ended the run early, where it did.
    """

    task: Task
    attempt: Attempt
    usage: Usage = field(default_factory=Usage)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[LoggedMetric, ...] = ()
    printed: Printed = field(default_factory=Printed)
    failure: StepFailed | None = None
    again: bool = False
    stopped: str | None = None

    @property
    def state(self) -> StepState:
        """What became of the step."""
        if self.failure is not None:
            return "failed"
        return "ran" if self.stopped is None else "stopped"

    @classmethod
    def failed(cls, task: Task, failure: StepFailed, *, seconds: float = 0.0, again: bool = False) -> Outcome:
        """Return the outcome of a task that failed before, or in spite of, what `attempt_step` does."""
        attempt = Attempt(task.number, time.time() - seconds, seconds, str(failure))
        return cls(task, attempt, Usage(seconds), failure=failure, again=again)


class Inputs(Protocol):
    """Where a task finds the values that it takes."""

    def of(self, refs: Iterable[Ref]) -> Mapping[Ref, Any]:
        """Return the values of outputs and datasets."""
        ...

    def load(self, artifact: Artifact) -> Any:
        """Return the value of one artifact."""
        ...

    def check(self, node: Node) -> None:
        """See to it that what a step read while it ran is still what its snapshot says."""
        ...


def attempt_step(
    node: Node,
    task: Task,
    inputs: Inputs,
    artifacts: ArtifactStore,
    *,
    seed: int = 0,
    printed: Printed | None = None,
    logged: Callable[[LoggedMetric], None] | None = None,
    timed: bool = True,
    sampler: Sampler | None = None,
) -> Outcome:
    """Do a task: load its inputs, call the function, store its outputs.

    Its random numbers begin with what `seed`, the step and the attempt make. Every failure of the step is in the
    outcome, its leaving by `sys.exit` too; KeyboardInterrupt and Stopped pass.

    Args:
        node: The step.
        task: Which attempt of it, and of which item.
        inputs: Where the values are.
        artifacts: Where the outputs are kept.
        seed: The seed of the run.
        printed: Takes what the step prints.
        logged: Told each number that the step logs as it does so.
        timed: Whether the timeout of the step is kept here; an engine may keep it from outside.
        sampler: Sees what the processes that the step starts take, and its memory on GPUs.
    """
    step = step_of(node)
    printed = printed or Printed()
    meter, scope, started_at = Meter(), Scope(tell=logged), time.time()
    if sampler is not None:
        sampler.begin()
    try:
        saved, values = _work(node, task, inputs, artifacts, printed, scope, seed, timed=timed)
        inputs.check(node)
    except (KeyboardInterrupt, Stopped):
        raise
    except StopRun as stop:
        usage = meter.read()
        attempt = Attempt(task.number, started_at, usage.seconds)
        metrics = tuple(scope.metrics)
        return Outcome(task, attempt, usage, metrics=metrics, printed=printed, stopped=stop.reason)
    except BaseException as error:  # noqa: BLE001 - the boundary to user code
        failure = StepFailed.of(node.name, error, where=_user_line(node, error))
        usage = _measured(meter, sampler)
        return Outcome(
            task,
            Attempt(task.number, started_at, usage.seconds, str(failure)),
            usage,
            metrics=tuple(scope.metrics),  # what led to a failure is worth the most
            printed=printed,
            failure=failure,
            again=is_retried(step.options, task.number, error),
        )
    usage = _measured(meter, sampler)
    attempt = Attempt(task.number, started_at, usage.seconds)
    return Outcome(task, attempt, usage, saved, values, tuple(scope.metrics), printed)


def _measured(meter: Meter, sampler: Sampler | None) -> Usage:
    usage = meter.read()
    if sampler is None:
        return usage
    seen = sampler.end()
    if seen == _NOTHING:
        return usage
    return replace(
        usage,
        cpu_seconds=usage.cpu_seconds + seen.running_cpu_seconds,
        children_cpu_seconds=usage.children_cpu_seconds + seen.running_cpu_seconds,
        children_memory=seen.children_memory,
        gpu_memory=seen.gpu_memory,
    )


def run_step(node: Node, inputs: Inputs, artifacts: ArtifactStore, *, seed: int = 0) -> Outcome:
    """Do the work of a whole step in this process, with its retries; return the last outcome."""
    task = Task(0, node.name)
    while True:
        outcome = attempt_step(node, task, inputs, artifacts, seed=seed)
        if not outcome.again:
            return outcome
        time.sleep(delay_after(step_of(node).options, task.number))
        task = replace(task, number=task.number + 1)


def step_of(node: Node) -> Step[..., Any]:
    """Return the step of a node that is one."""
    if node.step is None:
        raise TypeError(f"{node.name!r} is a dataset, not a step")
    step: Step[..., Any] = node.step
    return step


def _work(
    node: Node,
    task: Task,
    inputs: Inputs,
    artifacts: ArtifactStore,
    printed: Printed,
    scope: Scope,
    seed: int,
    *,
    timed: bool,
) -> tuple[dict[str, Artifact], dict[str, Any]]:
    step = step_of(node)
    values = inputs.of(node.input_refs() if task.item is None else _whole_refs(node))
    walked = {name: inputs.load(artifact) for name, artifact in task.walked.items()}
    with ExitStack() as around:
        around.enter_context(printing_into(printed))
        around.enter_context(logging_into(scope))
        around.enter_context(seeded(seed, _drawing(task), task.number - 1))
        around.enter_context(limited(step.options.timeout if timed else None))
        if task.item is None:
            made = call_node(node, step.function, values)
        else:
            made = {RESULT: call_item(node, values, walked)}
    whole = bool(node.mapped) and task.item is None
    saved = {name: _save(node, name, value, artifacts, joined=whole) for name, value in made.items()}
    logged = {name: artifacts.save(value) for name, value in scope.values.items()}
    return {**saved, **logged}, made


def _whole_refs(node: Node) -> tuple[Ref, ...]:
    """Return the outputs that each call of a mapped node takes whole."""
    return tuple(
        ref for name, value in node.inputs.items() if name not in node.mapped for ref in refs_of(value)
    )


def _drawing(task: Task) -> str:
    """Name what draws random numbers: an item draws by what it is, not by its place in the list."""
    if task.item is None:
        return task.node
    return "/".join([task.node, *(task.walked[name].digest for name in sorted(task.walked))])


def _save(node: Node, output: str, value: Any, artifacts: ArtifactStore, *, joined: bool) -> Artifact:
    step = step_of(node)
    try:
        if joined:
            return artifacts.join([artifacts.save(one, allow_pickle=step.options.pickle) for one in value])
        return artifacts.save(value, allow_pickle=step.options.pickle)
    except InterlockError as error:
        error.where = (
            error.where or f"output {str(Ref(node.name, output))!r} of step {step.name!r}, {step.location}"
        )
        raise


def _user_line(node: Node, error: BaseException) -> str:
    """Return the innermost line of the file that defines the step, where the error passed through it."""
    location = step_of(node).location
    file = location.rpartition(":")[0]
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1].lineno}" if lines else location
