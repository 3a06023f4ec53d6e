"""What a run does, written into the records as it happens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from interlock.engine.capture import Printed, StreamName
from interlock.engine.context import RunContext
from interlock.engine.lookup import StepKey
from interlock.engine.resources import Usage
from interlock.engine.tracking import LoggedMetric
from interlock.engine.worker import Outcome
from interlock.graph.model import Node
from interlock.identity.artifact import Artifact
from interlock.records.model import AttemptRecord, ItemRecord, MetricPoint, StepRecord, StepState

_FLUSH_SECONDS = 1.0
"""How long what a running step tells may wait before it is written."""


class Journal:
    """The records of one run under way.

    What costs work to make again is written at once. What the cache gave is written together: losing it costs a
    look-up.
    """

    def __init__(self, context: RunContext, run_id: str, positions: Mapping[str, int]) -> None:
        self._records = context.records
        self._id = run_id
        self._positions = positions
        self._hits: list[StepRecord] = []
        self._items: list[ItemRecord] = []
        self._told: dict[str, Printed] = {}
        self._points: list[MetricPoint] = []
        self._flushed = time.monotonic()

    def cached(
        self, node: Node, key: StepKey, reason: str, outputs: Mapping[str, Artifact], seconds: float
    ) -> None:
        """Note a step that was taken from the cache."""
        record = self._step(node, "cached", key, reason)
        started_at = time.time() - seconds
        self._hits.append(replace(record, outputs=outputs, seconds=seconds, started_at=started_at))

    def left_out(self, node: Node, reason: str) -> None:
        """Note a step in a branch that was not taken."""
        self._hits.append(self._step(node, "skipped", None, reason))

    def chose(self, node: Node, reason: str, outputs: Mapping[str, Artifact]) -> None:
        """Note what an `either` gives."""
        self._hits.append(replace(self._step(node, "ran", None, reason), outputs=outputs))

    def ran(
        self,
        node: Node,
        key: StepKey | None,
        reason: str,
        tries: Sequence[Outcome],
    ) -> None:
        """Write a step that ran, with all its attempts; the last one says how it ended."""
        self.flush()
        last, failure = tries[-1], tries[-1].failure
        for outcome in tries:
            self._heard(node.name, outcome.printed, outcome.metrics)
        record = replace(
            self._step(node, last.state, key, reason),
            outputs=last.artifacts,
            seconds=sum(one.usage.seconds for one in tries),
            cpu_seconds=sum(one.usage.cpu_seconds for one in tries),
            peak_memory=max(one.usage.peak_memory for one in tries),
            error=(failure.user_traceback or str(failure)) if failure else None,
            started_at=tries[0].attempt.started_at,
            attempts=_attempts(tries),
        )
        self._records.steps.record(self._id, record)

    def joined(
        self,
        node: Node,
        key: StepKey,
        reason: str,
        usage: Usage,
        started_at: float,
        outputs: Mapping[str, Artifact],
    ) -> None:
        """Write a mapped step, all of whose items have been made."""
        self.flush()
        record = replace(
            self._step(node, "ran", key, reason),
            outputs=outputs,
            seconds=usage.seconds,
            cpu_seconds=usage.cpu_seconds,
            peak_memory=usage.peak_memory,
            started_at=started_at,
        )
        self._records.steps.record(self._id, record)

    def cached_items(self, node: Node, found: Mapping[int, tuple[str, Mapping[str, Artifact]]]) -> None:
        """Note the items of a mapped step that were taken from the cache."""
        self._items.extend(
            ItemRecord(node.name, place, "cached", key, outputs=outputs)
            for place, (key, outputs) in found.items()
        )

    def item(self, node: Node, position: int, key: str, state: StepState, tries: Sequence[Outcome]) -> None:
        """Note an item of a mapped step that ran or failed; written with others that end soon after."""
        step = node.step
        last, failure = tries[-1], tries[-1].failure
        for outcome in tries:
            for stream, text in outcome.printed.taken():
                self._told.setdefault(node.name, Printed()).add(stream, text)
            self._points.extend(self._point(node.name, one) for one in outcome.metrics)
        self._items.append(
            ItemRecord(
                node=node.name,
                item=position,
                state=state,
                key=key,
                cacheable=step.options.cache if step else False,
                outputs=last.artifacts,
                seconds=sum(one.usage.seconds for one in tries),
                cpu_seconds=sum(one.usage.cpu_seconds for one in tries),
                peak_memory=max(one.usage.peak_memory for one in tries),
                error=(failure.user_traceback or str(failure)) if failure else None,
                started_at=tries[0].attempt.started_at,
                attempts=_attempts(tries),
            )
        )
        self._flush_soon()

    def skipped(self, nodes: Sequence[Node], reason: str) -> None:
        """Write the steps that are not reached."""
        self._records.steps.record_many(
            self._id, [self._step(node, "skipped", None, reason) for node in nodes]
        )

    def printed(self, node: str, stream: StreamName, text: str) -> None:
        """Take in what a step prints while it runs elsewhere."""
        self._told.setdefault(node, Printed()).add(stream, text)
        self._flush_soon()

    def logged(self, node: str, metrics: Sequence[LoggedMetric]) -> None:
        """Take in numbers that a step logs while it runs elsewhere."""
        self._points.extend(self._point(node, one) for one in metrics)
        self._flush_soon()

    def flush(self) -> None:
        """Write everything that waits."""
        self._flushed = time.monotonic()
        if self._hits:
            self._records.steps.record_many(self._id, self._hits)
            self._hits = []
        if self._items:
            self._records.items.record_many(self._id, self._items)
            self._items = []
        if self._points:
            self._records.metrics.add(self._points)
            self._points = []
        for node, printed in self._told.items():
            self._write(node, printed)

    def _flush_soon(self) -> None:
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def _heard(self, node: str, printed: Printed, metrics: Sequence[LoggedMetric]) -> None:
        self._write(node, printed)
        if metrics:
            self._records.metrics.add([self._point(node, one) for one in metrics])

    def _write(self, node: str, printed: Printed) -> None:
        for stream, text in printed.taken():
            self._records.logs.add(self._id, node, stream, text)

    def _point(self, node: str, metric: LoggedMetric) -> MetricPoint:
        return MetricPoint(self._id, node, metric.name, metric.step, metric.value, metric.at)

    def _step(self, node: Node, state: Any, key: StepKey | None, reason: str) -> StepRecord:
        step = node.step
        return StepRecord(
            node=node.name,
            position=self._positions[node.name],
            step=step.name if step else node.name,
            kind=node.kind,
            state=state,
            key=key.key if key else None,
            cacheable=step.options.cache if step else False,
            fingerprint=key.fingerprint.digest if key else None,
            fingerprint_parts=key.fingerprint.parts if key else {},
            inputs=key.inputs if key else {},
            reason=reason,
        )


def _attempts(tries: Sequence[Outcome]) -> tuple[AttemptRecord, ...]:
    return tuple(
        AttemptRecord(
            one.attempt.number,
            one.attempt.started_at,
            one.attempt.seconds,
            one.attempt.error,
            **one.usage.more(),
        )
        for one in tries
    )
