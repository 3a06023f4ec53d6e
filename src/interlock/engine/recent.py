"""The values that a worker process has had lately, so that what many tasks take is loaded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from interlock.engine.datasets import SnapshotReader
from interlock.engine.worker import Task
from interlock.graph.handing import is_guarded
from interlock.graph.model import Graph, Node, Ref
from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore

KEPT_BYTES = 512 * 1024 * 1024
"""How many bytes of stored values are kept in memory, beside the one that was loaded last."""


class RecentValues:
    """The inputs of one task after another.

    Kept is only what a step cannot change for others; an estimator, say, is loaded anew for each task.
    """

    def __init__(self, graph: Graph, artifacts: ArtifactStore, datasets: SnapshotReader) -> None:
        self._graph = graph
        self._store = artifacts
        self._datasets = datasets
        self._inputs: Mapping[Ref, Artifact] = {}
        self._kept: OrderedDict[object, tuple[int, Any]] = OrderedDict()

    def begin(self, task: Task) -> None:
        """Note which artifacts the next task takes."""
        self._inputs = task.inputs

    def of(self, refs: Iterable[Ref]) -> dict[Ref, Any]:
        """Return the values of some outputs and datasets.

        Raises:
            InterlockError: One cannot be loaded.
        """
        return {ref: self._value(ref) for ref in dict.fromkeys(refs)}

    def load(self, artifact: Artifact) -> Any:
        """Return the value of an artifact."""
        # What a run of this project recorded may be unpickled in a run of this project, and nowhere else.
        return self._store.load(artifact, allow_pickle=True)

    def check(self, node: Node) -> None:
        """See to it that what a step read while it ran is still what its snapshot says."""
        self._datasets.check_unchanged(node)

    def _value(self, ref: Ref) -> Any:
        node = self._graph.node(ref.node)
        if node.kind == "data":
            return self._datasets.load(node)
        artifact = self._inputs[ref]
        key = (artifact.type, artifact.digest)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        value = self.load(artifact)
        if is_guarded(value):
            self._keep(key, artifact.size, value)
        return value

    def _keep(self, key: object, size: int, value: Any) -> None:
        self._kept[key] = size, value
        while len(self._kept) > 1 and sum(one for one, _ in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
