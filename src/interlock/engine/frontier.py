"""Which steps of a graph may run now: those whose inputs are all there."""

from __future__ import annotations

import heapq
from collections import defaultdict

from interlock.graph.model import Graph, Node


class Frontier:
    """The steps of a graph on their way, and what chooses among them, in the order in which they may run.

    Of the steps that may run, the one that stands first in the graph is next.
    """

    def __init__(self, graph: Graph) -> None:
        steps = [node for node in graph.nodes if node.kind != "data"]
        self.positions = {node.name: position for position, node in enumerate(steps)}
        self._nodes = {node.name: node for node in steps}
        self._missing: dict[str, int] = {}
        self._followers: dict[str, list[str]] = defaultdict(list)
        self._ready: list[tuple[int, str]] = []
        for node in steps:
            before = {ref.node for ref in node.refs() if ref.node in self.positions}
            self._missing[node.name] = len(before)
            for name in before:
                self._followers[name].append(node.name)
            if not before:
                self._push(node.name)

    def next(self) -> Node | None:
        """Take the next step that may run; None when there is none at the moment."""
        return self._nodes[heapq.heappop(self._ready)[1]] if self._ready else None

    def finished(self, node: Node) -> None:
        """Note that the outputs of a step are there, or that it is left out."""
        del self._missing[node.name]
        for name in self._followers[node.name]:
            self._missing[name] -= 1
            if not self._missing[name]:
                self._push(name)

    def unfinished(self) -> list[Node]:
        """Return the steps whose outputs are not there, in the order of the graph."""
        return [self._nodes[name] for name in self._missing]

    def _push(self, name: str) -> None:
        heapq.heappush(self._ready, (self.positions[name], name))
