"""The loop of a run: steps whose inputs are there are taken from the cache or given to the engine."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from interlock.engine.fanout import Fanout, spread
from interlock.engine.finished import Finished
from interlock.engine.frontier import Frontier
from interlock.engine.journal import Journal
from interlock.engine.lookup import Lookup, StepKey
from interlock.engine.progress import Progress
from interlock.engine.resources import Usage
from interlock.engine.result import StepResult, StepState
from interlock.engine.retries import delay_after
from interlock.engine.socket import Engine, Job
from interlock.engine.worker import Outcome, StepFailed, Task, step_of
from interlock.errors import InterlockError
from interlock.graph.conditions import ConditionError, taken, why_left_out, words_of_choice
from interlock.graph.model import RESULT, Node, Ref
from interlock.identity.artifact import Artifact

_LOOK_EVERY = 0.2
"""Seconds after which a step that another run is at work on is looked for again."""

_OVERTAKING = 64
"""How many waiting tasks are looked at for one that there is room for."""


@dataclass
class _Tracked:
    """A step that has begun: why it runs, and its attempts so far, by item."""

    node: Node
    key: StepKey
    reason: str
    tries: dict[int | None, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    fanout: Fanout | None = None
    usage: Usage = field(default_factory=Usage)
    started_at: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.perf_counter)

    def add(self, tries: Sequence[Outcome]) -> None:
        """Count what attempts took."""
        for one in tries:
            self.usage = self.usage.joined(one.usage)


class Driver:
    """Drives one run from its first step to its last.

    A step is finished when its record is committed: whatever kills this process after that, the next run takes it
    from the cache.

    Attributes:
        results: What became of each step.
        left_out: Why steps in branches that were not taken did not run, by name.
        stopped: Why the rest was skipped, where a step ended the run early.
    """

    def __init__(
        self,
        job: Job,
        lookup: Lookup,
        journal: Journal,
        frontier: Frontier,
        progress: Progress,
        finished: Finished | None = None,
    ) -> None:
        self._job = job
        self._lookup = lookup
        self._journal = journal
        self._frontier = frontier
        self._progress = progress
        self._finished = finished or Finished({})
        self._held: list[Task] = []  # another run is at work on these
        self._looked = 0.0
        self._ids = itertools.count()
        self._tracked: dict[str, _Tracked] = {}
        self._waiting: deque[Task] = deque()
        self._spreading: deque[Iterator[Task]] = deque()
        self._delayed: list[tuple[float, int, Task]] = []
        self._under_way = 0
        self._twins: dict[str, list[Node]] = {}  # steps that wait for one with the same key
        self._failure: StepFailed | None = None
        self.results: list[StepResult] = []
        self.left_out: dict[str, str] = {}
        self.stopped: str | None = None

    def run(self, open_engine: Callable[[Job], Engine]) -> StepFailed | None:
        """Run all steps; return what ended the run, if a step did."""
        self._begin_ready()
        if self._is_busy():  # all of a run may come from the cache, and then there is no engine
            engine = open_engine(self._job)
            try:
                while self._is_busy():
                    self._turn(engine)
            finally:
                engine.close()
        if self._failure is not None:
            self._skip_the_rest(f"after {self._failure.step!r} failed")
        elif self.stopped is not None:
            self._skip_the_rest(self.stopped)
        self._journal.flush()
        self.results.sort(key=lambda one: self._frontier.positions[one.name])
        return self._failure

    @property
    def _is_ending(self) -> bool:
        return self._failure is not None or self.stopped is not None

    def _is_busy(self) -> bool:
        return bool(self._under_way or self._waiting or self._spreading or self._delayed or self._held)

    def _turn(self, engine: Engine) -> None:
        self._look_again()
        self._submit(engine)
        pause = self._pause()
        if self._under_way:
            for outcome in engine.wait(pause):
                self._under_way -= 1
                self._ended(outcome)
            self._begin_ready()
        elif pause:
            self._journal.flush()
            time.sleep(pause)

    def _submit(self, engine: Engine) -> None:
        now = time.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            self._waiting.appendleft(heapq.heappop(self._delayed)[2])
        passed: list[Task] = []
        while len(passed) < _OVERTAKING and (task := self._next_task()) is not None:
            if engine.takes(task):
                self._start(engine, task)
            else:
                passed.append(task)
                if len(self._waiting) == 0 and self._under_way:
                    break  # the next ones are like this one: items of one step
        self._waiting.extendleft(reversed(passed))

    def _next_task(self) -> Task | None:
        if self._waiting:
            return self._waiting.popleft()
        while self._spreading:
            task = next(self._spreading[0], None)
            if task is not None:
                return task
            self._spreading.popleft()
        return None

    def _start(self, engine: Engine, task: Task) -> None:
        if task.number == 1 and task.item is None:
            self._journal.flush()
            if not self._claim(task):
                self._begin_ready()  # there may be what follows it, where another run has made it
                return
            self._progress.step_started(task.node, self._frontier.positions[task.node])
        engine.submit(task)
        self._under_way += 1

    def _claim(self, task: Task) -> bool:
        """Tell whether this run may do the work of a step; not where another one is at the same, or has done it."""
        tracked = self._tracked[task.node]
        claims = self._job.context.records.claims
        if not (step_of(tracked.node).options.cache and self._lookup.caching):
            claims.take(f"{self._job.id} {task.node}", self._job.id, task.node, unless_made=False)
            return True
        taken = claims.take(tracked.key.key, self._job.id, task.node, unless_made=True)
        if taken == "made" and not self._is_found(tracked):  # its bytes are gone
            taken = claims.take(tracked.key.key, self._job.id, task.node, unless_made=False)
        if taken == "held":
            self._held.append(task)
        return taken == "mine"

    def _is_found(self, tracked: _Tracked) -> bool:
        """Take what another run has made since this one looked, if it is there."""
        found, reason = self._lookup.find(tracked.node, tracked.key)
        if found is None:
            return False
        seconds = time.perf_counter() - tracked.clock
        self._journal.cached(tracked.node, tracked.key, reason, found, seconds)
        self._tell(tracked.node, "cached", seconds, reason)
        self._settle(tracked, found, {})
        return True

    def _look_again(self) -> None:
        """Let what other runs were at work on come to its turn again."""
        now = time.monotonic()
        if not self._held or now < self._looked + _LOOK_EVERY:
            return
        self._looked = now
        self._job.context.records.runs.mark_lost()
        held, self._held = self._held, []
        self._waiting.extend(held)

    def _pause(self) -> float | None:
        """Return how long to wait for what is under way; None for as long as it takes."""
        pauses = [_LOOK_EVERY] if self._held else []
        if self._delayed:
            pauses.append(max(0.0, self._delayed[0][0] - time.monotonic()))
        return min(pauses, default=None)

    def _begin_ready(self) -> None:
        while not self._is_ending and (node := self._frontier.next()) is not None:
            self._begin(node)

    def _begin(self, node: Node) -> None:
        try:
            why = why_left_out(node, self.left_out, self._value)
        except ConditionError as error:
            self._undecided(node, error)
            return
        if why:
            self._leave_out(node, why)
        elif node.kind == "either":
            self._choose(node)
        else:
            self._begin_step(node)

    def _value(self, ref: Ref) -> Any:
        return self._job.values.of([ref])[ref]

    def _undecided(self, node: Node, error: ConditionError) -> None:
        failure = StepFailed.of(node.name, error, where=node.location)
        self._journal.ran(node, None, "", [Outcome.failed(Task(next(self._ids), node.name), failure)])
        self._tell(node, "failed", 0.0, "", str(failure))
        self._give_up(failure)

    def _leave_out(self, node: Node, why: str) -> None:
        self.left_out[node.name] = why
        self._journal.left_out(node, why)
        self._tell(node, "skipped", 0.0, why)
        self._job.values.consumed(node)
        self._frontier.finished(node)

    def _choose(self, node: Node) -> None:
        values, one, words = (
            self._job.values,
            taken(node, self.left_out),
            words_of_choice(node, self.left_out),
        )
        outputs = {RESULT: values.artifacts[one]}
        self._journal.chose(node, words, outputs)
        self._tell(node, "ran", 0.0, words)
        self._done(node, outputs, values.in_memory(one))

    def _begin_step(self, node: Node) -> None:
        clock = time.perf_counter()
        key = self._lookup.key(node)
        if key.key in self._twins:
            self._twins[key.key].append(node)
            return
        record = self._finished.step(node, key)
        if record is not None:  # this very run has finished it, before it was resumed
            self._tell(node, record.state, record.seconds, record.reason)
            self._done(node, record.outputs, {})
            return
        found, reason = self._lookup.find(node, key)
        if found is not None:
            seconds = time.perf_counter() - clock
            self._journal.cached(node, key, reason, found, seconds)
            self._tell(node, "cached", seconds, reason)
            self._done(node, found, {})
            return
        if step_of(node).options.cache and self._lookup.caching:
            self._twins[key.key] = []
        self._tracked[node.name] = tracked = _Tracked(node, key, reason)
        if node.mapped:
            self._spread(tracked)
        else:
            inputs = self._job.values.known(node.input_refs())
            self._waiting.append(Task(next(self._ids), node.name, inputs=inputs))

    def _spread(self, tracked: _Tracked) -> None:
        node, job = tracked.node, self._job
        try:
            fanout = spread(node, tracked.key, job.context, job.values, self._lookup)
        except InterlockError as error:
            failure = StepFailed.of(node.name, error, where=node.location)
            outcome = Outcome.failed(Task(next(self._ids), node.name), failure)
            tracked.tries[None].append(outcome)
            self._step_failed(tracked, failure)
            return
        fanout.take(self._finished.items(node, fanout.keys))
        found = {
            place: one
            for place, one in self._lookup.find_items(node, fanout.keys).items()
            if not fanout.has(place)
        }
        fanout.take(found)
        self._journal.cached_items(node, {place: (fanout.keys[place], one) for place, one in found.items()})
        tracked.fanout, tracked.reason = fanout, f"{tracked.reason}; {fanout.words()}"
        if fanout.done:
            self._joined(tracked, fanout)
            return
        self._progress.step_started(node.name, self._frontier.positions[node.name])
        self._spreading.append(self._tasks_of(fanout))

    def _tasks_of(self, fanout: Fanout) -> Iterator[Task]:
        inputs = self._job.values.known(fanout.node.input_refs())
        for place, walked in fanout.missing():
            yield Task(next(self._ids), fanout.node.name, inputs=inputs, item=place, walked=walked)

    def _ended(self, outcome: Outcome) -> None:
        task, tracked = outcome.task, self._tracked[outcome.task.node]
        tries = tracked.tries[task.item]
        tries.append(outcome)
        if outcome.stopped is not None:
            self._stop(tracked, outcome, outcome.stopped)
        elif outcome.again and not self._is_ending:
            due = time.monotonic() + delay_after(step_of(tracked.node).options, task.number)
            again = replace(task, id=next(self._ids), number=task.number + 1)
            heapq.heappush(self._delayed, (due, again.id, again))
        elif tracked.fanout is not None:
            self._item_ended(tracked, tracked.fanout, outcome)
        elif outcome.failure is not None:
            self._step_failed(tracked, outcome.failure)
        else:
            tracked.add(tries)
            self._journal.ran(tracked.node, tracked.key, tracked.reason, tries)
            self._ran(tracked, outcome.artifacts, outcome.values)

    def _stop(self, tracked: _Tracked, outcome: Outcome, reason: str) -> None:
        node, item = tracked.node, outcome.task.item
        tries = tracked.tries[item]
        if item is not None and tracked.fanout is not None:
            self._journal.item(node, item, tracked.fanout.keys[item], "stopped", tries)
        if not self._is_told(node):
            self._journal.ran(node, tracked.key, reason, tries)
            self._tell(node, "stopped", sum(one.usage.seconds for one in tries), reason)
        self.stopped = self.stopped or f"after {node.name!r} stopped the run: {reason}"
        self._drop_what_waits()

    def _item_ended(self, tracked: _Tracked, fanout: Fanout, outcome: Outcome) -> None:
        place = outcome.task.item or 0
        tries = tracked.tries.pop(place)
        state: StepState = "failed" if outcome.failure else "ran"
        self._journal.item(tracked.node, place, fanout.keys[place], state, tries)
        tracked.add(tries)
        if outcome.failure is not None:
            tracked.tries[None].append(outcome)
            self._step_failed(tracked, outcome.failure)
            return
        fanout.finished(place, outcome.artifacts)
        if fanout.done:
            self._joined(tracked, fanout)

    def _joined(self, tracked: _Tracked, fanout: Fanout) -> None:
        outputs = fanout.outputs(self._job.context.artifacts)
        tracked.usage = replace(
            tracked.usage, seconds=time.perf_counter() - tracked.clock
        )  # not of all items
        self._journal.joined(
            tracked.node, tracked.key, tracked.reason, tracked.usage, tracked.started_at, outputs
        )
        self._ran(tracked, outputs, {})

    def _ran(self, tracked: _Tracked, outputs: Mapping[str, Artifact], values: Mapping[str, Any]) -> None:
        self._tell(tracked.node, "ran", tracked.usage.seconds, tracked.reason)
        self._settle(tracked, outputs, values)

    def _settle(self, tracked: _Tracked, outputs: Mapping[str, Artifact], values: Mapping[str, Any]) -> None:
        self._done(tracked.node, outputs, values)
        del self._tracked[tracked.node.name]
        for twin in self._twins.pop(tracked.key.key, ()):
            self._begin(twin)

    def _step_failed(self, tracked: _Tracked, failure: StepFailed) -> None:
        if not self._is_told(tracked.node):  # another item may have failed before
            tries = tracked.tries[None]
            self._journal.ran(tracked.node, tracked.key, tracked.reason, tries)
            seconds = sum(one.usage.seconds for one in tries)
            self._tell(tracked.node, "failed", seconds, tracked.reason, str(failure))
        self._give_up(failure)

    def _give_up(self, failure: StepFailed) -> None:
        self._failure = self._failure or failure
        self._drop_what_waits()

    def _drop_what_waits(self) -> None:
        self._waiting.clear()
        self._spreading.clear()
        self._delayed.clear()
        self._held.clear()

    def _is_told(self, node: Node) -> bool:
        return any(one.name == node.name for one in self.results)

    def _done(self, node: Node, outputs: Mapping[str, Artifact], values: Mapping[str, Any]) -> None:
        self._job.values.add(node, outputs, values)
        self._lookup.add(node, outputs)
        self._job.values.consumed(node)
        self._frontier.finished(node)

    def _skip_the_rest(self, reason: str) -> None:
        told = {one.name for one in self.results}
        nodes = [node for node in self._frontier.unfinished() if node.name not in told]
        self._journal.skipped(nodes, reason)
        for node in nodes:
            self._tell(node, "skipped", 0.0, reason)

    def _tell(
        self, node: Node, state: StepState, seconds: float, reason: str, error: str | None = None
    ) -> None:
        result = StepResult(node.name, state, seconds, reason, error)
        self.results.append(result)
        self._progress.step_finished(result, self._frontier.positions[node.name])
