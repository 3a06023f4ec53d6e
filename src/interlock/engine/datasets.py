"""The datasets of a run: their snapshots, taken before the first step, and their values on demand."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import GenericAlias
from typing import Any

from interlock.engine.context import RunContext
from interlock.errors import InterlockError, did_you_mean
from interlock.graph.annotations import NOTHING, items_of, type_name
from interlock.graph.model import Graph, Group, Input, Node, Ref
from interlock.identity.artifact import Part, Snapshot
from interlock.records.model import SnapshotRecord
from interlock.stack.config import DataConfig, Project
from interlock.stack.sockets import BlobStore
from interlock.store.sources.address import scheme_of
from interlock.store.sources.faults import ChangedPart, LostSnapshot
from interlock.store.sources.local import find_files
from interlock.store.sources.reading import Reader, copy_parts, is_read_later, named_type
from interlock.store.sources.snapshots import take_snapshot
from interlock.store.sources.source import Shelf

_PATH = "pathlib.Path"
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
    if any(sign in name for sign in _PATH_SIGNS) and scheme_of(name) in ("", "s3"):
        return DataConfig(uri=name)
    raise UnknownDataset(
        f"There is no dataset {name!r}.",
        where=str(project.file or project.root),
        hint=did_you_mean(name, project.config.data)
        or (
            "Files are read from paths and s3://; a database needs a query in interlock.toml:  [data.NAME]"
            if scheme_of(name)
            else f'Name its files in interlock.toml:  [data.{name}]  uri = "data/{name}.csv"'
        ),
    )


class UnknownSnapshot(InterlockError):
    """A snapshot is named that the dataset does not have."""

    exit_code = 2

    def __init__(self, dataset: str, number: object, known: Sequence[int]) -> None:
        hint = f"Take the first one first:  interlock data show {dataset}"
        if known:
            nearest = min(known, key=lambda one: abs(one - number) if isinstance(number, int) else -one)
            hint = f"The nearest one is {dataset}@{nearest}; see:  interlock data log {dataset}"
        super().__init__(f"There is no snapshot {dataset}@{number}.", hint=hint)


@dataclass(frozen=True)
class DataChoice:
    """What a run reads of its datasets.

    Attributes:
        at: Numbers of snapshots by dataset; of the others it reads the pinned one, else the current one.
        check: Whether parts are read that look unchanged.
    """

    at: Mapping[str, int] = field(default_factory=dict)
    check: bool = False


def look_at(
    context: RunContext, name: str, *, known: Sequence[Part] | None = None, check: bool = False
) -> Snapshot:
    """Return the state of a dataset as it is now; nothing is recorded.

    Args:
        context: The project and its records.
        name: The dataset.
        known: Parts that need not be read again; left out, those of the newest recorded snapshot.
        check: Read also what looks unchanged.

    Raises:
        InterlockError: The dataset is unknown, or cannot be read.
    """
    config = dataset_config(context.project, name)
    parts = context.records.datasets.known_parts(name) if known is None else known
    return take_snapshot(name, config, context.project.root, parts, shelf=shelf_of(context), check=check)


def watched_snapshot(context: RunContext, name: str, known: Sequence[Part] | None = None) -> Snapshot:
    """Return what a run that began now would read of a dataset: its pinned snapshot, else its present state."""
    pinned = context.records.datasets.pinned(name)
    return (
        look_at(context, name, known=known)
        if pinned is None
        else find_snapshot(context, name, pinned).snapshot
    )


def record_snapshot(context: RunContext, snapshot: Snapshot) -> int:
    """Record a snapshot, and keep its contents where the configuration asks for copies; return its number.

    Raises:
        ChangedPart: A part changes while it is copied.
        WriteFailed: The store cannot be written to.
    """
    if dataset_config(context.project, snapshot.dataset).keep == "copy":
        copy_parts(snapshot, reader_of(context, snapshot.dataset), shelf_of(context))
    return context.records.datasets.add_snapshot(snapshot)


def current_snapshot(context: RunContext, name: str, *, check: bool = False) -> Snapshot:
    """Take the snapshot of a dataset as it is now and record it; unchanged parts are not read again.

    Raises:
        InterlockError: The dataset is unknown, or no file of it can be read.
    """
    snapshot = look_at(context, name, check=check)
    record_snapshot(context, snapshot)
    return snapshot


def find_snapshot(context: RunContext, name: str, number: int) -> SnapshotRecord:
    """Return a recorded snapshot.

    Raises:
        UnknownSnapshot: There is none of that number; the error names the nearest.
    """
    found = context.records.datasets.numbered(name, number)
    if found is None:
        raise UnknownSnapshot(name, number, [one.number for one in context.records.datasets.list(name)])
    return found


def shelf_of(context: RunContext) -> Shelf:
    """Return where contents of parts are kept."""
    return project_shelf(context.project, context.store)


def project_shelf(project: Project, store: BlobStore) -> Shelf:
    """Return where contents of parts are kept, for a project and its store."""
    return Shelf(store, project.home.store / "cache")


def reader_of(context: RunContext, name: str) -> Reader:
    """Return what reads the snapshots of a dataset, also of one that is no longer configured."""
    return _reader(context.project, shelf_of(context), name)


def _reader(project: Project, shelf: Shelf, name: str) -> Reader:
    return Reader(project.root, project.config.data.get(name) or DataConfig(uri=name), shelf)


def data_places(graph: Graph, project: Project) -> dict[str, str]:
    """Return where the datasets of a graph lie, by name; two that share a file have one place.

    A dataset that is unknown, or has no file yet, is left out.
    """
    files: dict[str, set[str]] = {}
    for name in dict.fromkeys(node.dataset for node in graph.nodes if node.dataset is not None):
        with suppress(InterlockError):
            mine, sharing = _files_of(project, name), [name]
            for other in [one for one, theirs in files.items() if theirs & mine]:
                mine |= files[other]
                sharing.append(other)
            files |= dict.fromkeys(sharing, mine)
    return {name: min(mine) for name, mine in files.items()}


def _files_of(project: Project, name: str) -> set[str]:
    """Return the files of a dataset, or the question that it asks a database, or its place in a bucket."""
    config = dataset_config(project, name)
    if scheme_of(config.uri):
        return {f"{config.uri} {config.query or ''}"}
    return {str(file.resolve()) for file in find_files(name, config.uri, project.root)}


class SnapshotReader:
    """Loads the datasets of a graph from their snapshots.

    Args:
        graph: What is run.
        project: Where the datasets are.
        shelf: Where contents of parts are kept.
        snapshots: What is read of each dataset.
        chosen: The numbers of the snapshots that somebody asked for, by dataset.
    """

    def __init__(
        self,
        graph: Graph,
        project: Project,
        shelf: Shelf,
        snapshots: Mapping[str, Snapshot],
        chosen: Mapping[str, int],
    ) -> None:
        self._graph = graph
        self._project = project
        self._shelf = shelf
        self.snapshots = snapshots
        self.chosen = chosen
        self._places: dict[str, Mapping[str, Path]] = {}  # of what steps read while they run

    def identity(self, node: Node) -> str:
        """Return what identifies a dataset's value as an input: the type it is loaded as, and its content."""
        wanted, snapshot = self._wanted_type(node), self._snapshot(node)
        # Who is given files reads their bytes, and not only the rows in them.
        digest = snapshot.content if named_type(wanted) == _PATH else snapshot.digest
        return f"{type_name(wanted)}@{digest}"

    def contents(self) -> dict[str, str]:
        """Return what identifies the content of each dataset, as the run reads it."""
        nodes = [node for node in self._graph.nodes if node.kind == "data"]
        return {node.dataset or "": self.identity(node).rpartition("@")[2] for node in nodes}

    def load(self, node: Node) -> Any:
        """Load a dataset as the type that its consumers are annotated with.

        Raises:
            ChangedPart: A file changed since the snapshot was taken.
            LostSnapshot: It is an old snapshot, and neither its files nor copies of them are there.
            InterlockError: It cannot be read.
        """
        snapshot, wanted = self._snapshot(node), self._wanted_type(node)
        reader, name = self._reader(snapshot.dataset), named_type(wanted)
        try:
            if is_read_later(name):
                self._places[node.name] = reader.locate(snapshot, exactly=name == _PATH)
            return reader.read(snapshot, wanted)
        except ChangedPart as changed:
            number = self.chosen.get(snapshot.dataset)
            if number is None:
                raise
            raise LostSnapshot(f"{snapshot.dataset}@{number}", changed) from changed

    def check_unchanged(self, node: Node) -> None:
        """See to it that what a step read while it ran was its snapshot to the end.

        Raises:
            ChangedPart: A file changed while the step ran.
        """
        for ref in node.refs():
            source = self._graph.node(ref.node)
            if source.name in self._places:
                snapshot = self._snapshot(source)
                self._reader(snapshot.dataset).check(snapshot, self._places[source.name])

    def _snapshot(self, node: Node) -> Snapshot:
        return self.snapshots[node.dataset or ""]

    def _wanted_type(self, node: Node) -> Any:
        ref = Ref(node.name)
        for consumer in self._graph.nodes:
            for name, value in consumer.inputs.items():
                if consumer.step is None:
                    continue
                wanted = consumer.step.signature.parameters[name].annotation
                found = next(
                    _annotations(
                        value, GenericAlias(list, (wanted,)) if name in consumer.mapped else wanted, ref
                    ),
                    None,
                )
                if found is not None:
                    return _loadable(found)
        return _loadable(NOTHING)

    def _reader(self, dataset: str) -> Reader:
        return _reader(self._project, self._shelf, dataset)


class RunDatasets(SnapshotReader):
    """The snapshots that a run reads, taken and recorded before its first step.

    Args:
        graph: What is run.
        context: Where the datasets and the records are.
        choice: Which snapshots are read, where not the pinned or the current ones.
    """

    def __init__(self, graph: Graph, context: RunContext, choice: DataChoice | None = None) -> None:
        choice = choice or DataChoice()
        names = {node.dataset: None for node in graph.nodes if node.dataset is not None}
        for name in choice.at:
            if name not in names:
                hint = did_you_mean(name, names)
                raise UnknownDataset(f"The pipeline reads no dataset {name!r}.", hint=hint)
        numbers = {name: choice.at.get(name, context.records.datasets.pinned(name)) for name in names}
        chosen = {name: number for name, number in numbers.items() if number is not None}
        snapshots = {name: _take(context, name, chosen.get(name), check=choice.check) for name in names}
        super().__init__(graph, context.project, shelf_of(context), snapshots, chosen)


def _take(context: RunContext, name: str, number: int | None, *, check: bool) -> Snapshot:
    if number is None:
        return current_snapshot(context, name, check=check)
    dataset_config(context.project, name)
    return find_snapshot(context, name, number).snapshot


def _annotations(value: Input, annotation: Any, ref: Ref) -> Iterator[Any]:
    """Yield what an annotation says for an output, wherever it stands in an input."""
    if value == ref:
        yield annotation
    elif isinstance(value, Group):
        held = dict(zip(value.keys, value.items, strict=True)) if value.kind == "dict" else list(value.items)
        for item, kind in items_of(held, annotation):
            if not isinstance(item, str):
                yield from _annotations(item, kind, ref)


def _loadable(annotation: Any) -> Any:
    """Return the annotated class; what stands in text (imported for type checkers only) is looked up by name."""
    if isinstance(annotation, str):
        library, _, name = named_type(annotation).rpartition(".")
        return getattr(sys.modules.get(library), name, annotation)
    if annotation is NOTHING or annotation is Any:
        import pandas as pd  # a dataset inside a list, say: the commonest table is what is wanted

        return pd.DataFrame
    return annotation
