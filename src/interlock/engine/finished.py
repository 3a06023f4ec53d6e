"""What a run that is resumed has finished before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.engine.context import RunContext
from interlock.engine.lookup import StepKey, is_stored
from interlock.graph.model import Node
from interlock.identity.artifact import Artifact
from interlock.records.model import StepRecord


class Finished:
    """The steps and items of one run that need not be done again, whether or not the cache may be asked.

    Args:
        steps: What the run has recorded, by node.
        context: Where its items are recorded and its outputs kept.
        run_id: The run.
    """

    def __init__(
        self, steps: Mapping[str, StepRecord], context: RunContext | None = None, run_id: str = ""
    ) -> None:
        self._steps = steps
        self._context = context
        self._run_id = run_id

    @classmethod
    def of(cls, context: RunContext, run_id: str) -> Finished:
        """Return what a run has finished."""
        steps = {one.node: one for one in context.records.steps.of(run_id) if one.state in ("ran", "cached")}
        return cls(steps, context, run_id)

    def step(self, node: Node, key: StepKey) -> StepRecord | None:
        """Return the record of a step that is finished, with all of its outputs in the store."""
        record = self._steps.get(node.name)
        if record is None or self._context is None or record.key != key.key:
            return None
        return record if is_stored(self._context.store, record.outputs) else None

    def items(self, node: Node, keys: Sequence[str]) -> dict[int, Mapping[str, Artifact]]:
        """Return the outputs of the items of a mapped step that are finished, by the place of the item."""
        if self._context is None:
            return {}
        store = self._context.store
        return {
            one.item: one.outputs
            for one in self._context.records.items.of(self._run_id, node.name)
            if one.state in ("ran", "cached")
            and one.item < len(keys)
            and one.key == keys[one.item]
            and is_stored(store, one.outputs)
        }
