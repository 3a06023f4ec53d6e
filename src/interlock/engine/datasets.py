"""The datasets of a run: their snapshots, taken before the first step, and their values on demand."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from interlock.engine.context import RunContext
from interlock.errors import InterlockError, did_you_mean
from interlock.graph.annotations import NOTHING, type_name
from interlock.graph.model import Graph, Node, Ref
from interlock.identity.artifact import Snapshot
from interlock.stack.config import DataConfig, Project
from interlock.store.sources import read_snapshot, take_snapshot

_PATH_SIGNS = ("/", ".", "*")


class UnknownDataset(InterlockError):
    """A dataset is named that the project does not have."""


def dataset_config(project: Project, name: str) -> DataConfig:
    """Return where a dataset is: its entry in `interlock.toml`, or its name read as a path.

    Raises:
        UnknownDataset: There is no such entry, and the name is no path.
    """
    configured = project.config.data.get(name)
    if configured is not None:
        return configured
    if any(sign in name for sign in _PATH_SIGNS):
        return DataConfig(uri=name)
    raise UnknownDataset(
        f"There is no dataset {name!r}.",
        where=str(project.file or project.root),
        hint=did_you_mean(name, project.config.data)
        or f'Name its files in interlock.toml:  [data.{name}]  uri = "data/{name}.csv"',
    )


def current_snapshot(context: RunContext, name: str) -> Snapshot:
    """Take the snapshot of a dataset as it is now and record it; unchanged parts are not read again.

    Raises:
        InterlockError: The dataset is unknown, or no file of it can be read.
    """
    latest = context.records.datasets.latest(name)
    known = latest.snapshot.parts if latest else ()
    snapshot = take_snapshot(name, dataset_config(context.project, name), context.project.root, known)
    context.records.datasets.add_snapshot(snapshot)
    return snapshot


class RunDatasets:
    """The snapshots that a run reads.

    Args:
        graph: What is run.
        context: Where the datasets and the records are.
        pinned: Snapshots that are read in place of the present state of their datasets.
    """

    def __init__(
        self, graph: Graph, context: RunContext, pinned: Mapping[str, Snapshot] | None = None
    ) -> None:
        self._graph = graph
        self._root = context.project.root
        names = dict.fromkeys(node.dataset for node in graph.nodes if node.dataset is not None)
        self.snapshots: Mapping[str, Snapshot] = {
            name: pinned[name] if pinned and name in pinned else current_snapshot(context, name)
            for name in names
        }

    def identity(self, node: Node) -> str:
        """Return what identifies a dataset's value as an input: the type it is loaded as, and its content."""
        return f"{type_name(self._wanted_type(node))}@{self._snapshot(node).digest}"

    def load(self, node: Node) -> Any:
        """Load a dataset as the type that its consumers are annotated with.

        Raises:
            InterlockError: A file changed since the snapshot was taken, or cannot be read.
        """
        return read_snapshot(self._snapshot(node), self._root, self._wanted_type(node))

    def _snapshot(self, node: Node) -> Snapshot:
        return self.snapshots[node.dataset or ""]

    def _wanted_type(self, node: Node) -> Any:
        ref = Ref(node.name)
        for consumer in self._graph.nodes:
            for name, value in consumer.inputs.items():
                if value == ref and consumer.step is not None:
                    return _loadable(consumer.step.signature.parameters[name].annotation)
        return _loadable(NOTHING)


def _loadable(annotation: Any) -> Any:
    """Return the annotated class; what stands in text (imported for type checkers only) is looked up by name."""
    if isinstance(annotation, str):
        library = {"pd": "pandas", "pl": "polars", "pa": "pyarrow"}
        module, _, name = annotation.rpartition(".")
        return getattr(sys.modules.get(library.get(module, module)), name, annotation)
    if annotation is NOTHING or annotation is Any:
        import pandas as pd  # a dataset inside a list, say: the commonest table is what is wanted

        return pd.DataFrame
    return annotation
