"""The values of a run while it is under way: in memory while somebody needs them, else in the store.

A step must get what is recorded. In memory is kept only what a step cannot change for others (tables, arrays,
plain values); an estimator, or any other object, is loaded anew for each step that takes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from interlock.engine.datasets import SnapshotReader
from interlock.graph.handing import is_guarded, set_aside
from interlock.graph.model import RESULT, Graph, Node, Ref
from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore


class RunValues:
    """The outputs that a run has so far, as artifacts, and as values while a later step consumes them.

    Args:
        graph: What is run; it says who consumes what.
        artifacts: Where values are that are no longer, or not yet, in memory.
        datasets: Loads the values of datasets.
    """

    def __init__(self, graph: Graph, artifacts: ArtifactStore, datasets: SnapshotReader) -> None:
        self._graph = graph
        self._store = artifacts
        self._datasets = datasets
        self._consumers = Counter(ref for node in graph.nodes for ref in set(node.refs()))
        self._values: dict[Ref, Any] = {}
        self.artifacts: dict[Ref, Artifact] = {}

    def add(self, node: Node, artifacts: Mapping[str, Artifact], values: Mapping[str, Any]) -> None:
        """Take in the outputs of a node; `values` may lack what is only in the store."""
        for output in node.outputs:
            ref = Ref(node.name, output)
            self.artifacts[ref] = artifacts[output]
            if output in values and self._consumers[ref] and is_guarded(values[output]):
                self._values[ref] = set_aside(values[output])

    def known(self, refs: Iterable[Ref]) -> dict[Ref, Artifact]:
        """Return the artifacts of some outputs; datasets have none."""
        return {ref: self.artifacts[ref] for ref in refs if ref in self.artifacts}

    def in_memory(self, ref: Ref) -> dict[str, Any]:
        """Return the value of an output, as that of a node's only output, where it is in memory."""
        return {RESULT: self._values[ref]} if ref in self._values else {}

    def of(self, refs: Iterable[Ref]) -> dict[Ref, Any]:
        """Return the values of some outputs, loading what is not in memory.

        Raises:
            InterlockError: A stored value is damaged or gone, or a dataset has changed or cannot be read.
        """
        return {ref: self._value(ref) for ref in dict.fromkeys(refs)}

    def consumed(self, node: Node) -> None:
        """Note that a node is done; values that nobody else will consume are let go."""
        for ref in set(node.refs()):
            self._consumers[ref] -= 1
            if self._consumers[ref] <= 0:
                self._values.pop(ref, None)

    def _value(self, ref: Ref) -> Any:
        if ref in self._values:
            return self._values[ref]
        node = self._graph.node(ref.node)
        value = self._datasets.load(node) if node.kind == "data" else self.load(self.artifacts[ref])
        if is_guarded(value):
            self._values[ref] = value
        return value

    def check(self, node: Node) -> None:
        """See to it that what a step read while it ran is still what its snapshot says.

        Raises:
            ChangedPart: A file changed while the step ran.
        """
        self._datasets.check_unchanged(node)

    def load(self, artifact: Artifact) -> Any:
        """Return the value of an artifact, loaded from the store."""
        # What a run of this project recorded may be unpickled in a run of this project, and nowhere else.
        return self._store.load(artifact, allow_pickle=True)
