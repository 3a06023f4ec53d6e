"""What another process must know to do the tasks of a run, and how it gets ready for them."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.engine.datasets import SnapshotReader, project_shelf
from interlock.engine.recent import RecentValues
from interlock.engine.scripts import IMPORTING, import_script
from interlock.engine.socket import Job
from interlock.errors import InterlockError
from interlock.extras import MissingExtra, require
from interlock.graph.model import Graph
from interlock.identity.artifact import Snapshot
from interlock.identity.code import project_naming
from interlock.stack.config import Project
from interlock.stack.fresh import import_fresh
from interlock.store.artifacts import ArtifactStore
from interlock.store.opening import store_of


class NotSendable(InterlockError):
    """A pipeline cannot be sent to another process."""

    def __init__(self, pipeline: str, why: str) -> None:
        super().__init__(
            f"Pipeline {pipeline!r} cannot be sent to another process: {why}",
            hint="Define its steps in a module, and hand them plain values; steps that are typed into a notebook need: "
            "pip install 'interlock[pickle]'",
        )


@dataclass(frozen=True)
class Setup:
    """What is sent to a process before its first task.

    Attributes:
        path: Where modules are found.
        main: The script that holds the pipeline, or "".
        graph: The graph, pickled: its steps by the place where they are defined.
        snapshots: What is read of each dataset.
        chosen: The numbers of the snapshots that somebody asked for.
        seed: What the random numbers of the run begin with.
    """

    path: tuple[str, ...]
    main: str
    project: Project
    graph: bytes
    snapshots: Mapping[str, Snapshot]
    chosen: Mapping[str, int]
    seed: int


@dataclass(frozen=True)
class Bench:
    """Where a process does the tasks of a run."""

    graph: Graph
    artifacts: ArtifactStore
    inputs: RecentValues
    seed: int


def setup_of(job: Job) -> Setup:
    """Return what another process must know to do the tasks of a run.

    Raises:
        NotSendable: Something in the graph cannot be sent.
    """
    return Setup(
        tuple(sys.path),
        _script(),
        job.context.project,
        _pickled(job.graph),
        dict(job.datasets.snapshots),
        dict(job.datasets.chosen),
        job.seed,
    )


def get_ready(setup: Setup, values: type[RecentValues] = RecentValues) -> Bench:
    """Load the project in this process.

    Args:
        setup: What is to be known.
        values: How the tasks find their inputs.

    Raises:
        Exception: Whatever its modules raise.
    """
    sys.path[:] = setup.path
    os.environ[IMPORTING] = "1"
    root = setup.project.root
    import_fresh(root)
    if setup.main:
        import_script(Path(setup.main))
    graph: Graph = pickle.loads(setup.graph)  # noqa: S301 - sent by the process that began this one
    store = store_of(setup.project)
    artifacts = ArtifactStore(store, naming=project_naming(root, setup.project.data_files))
    shelf = project_shelf(setup.project, store)
    datasets = SnapshotReader(graph, setup.project, shelf, setup.snapshots, setup.chosen)
    return Bench(graph, artifacts, values(graph, artifacts, datasets), setup.seed)


def _script() -> str:
    """Return the script that runs here; "" at a prompt, in a notebook, and for a command that is a module."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    by_name = getattr(main, "__spec__", None) is not None
    is_command = file is not None and Path(file).name in ("interlock", "interlock.exe")
    return "" if file is None or by_name or is_command else str(Path(file).resolve())


def _pickled(graph: Graph) -> bytes:
    try:
        return pickle.dumps(graph)
    except Exception as error:  # noqa: BLE001 - whatever objects of the user's raise
        try:
            dumped: bytes = require("cloudpickle", extra="pickle").dumps(graph)
        except MissingExtra:
            raise NotSendable(graph.name, f"{type(error).__name__}: {error}") from error
        except Exception as again:
            raise NotSendable(graph.name, f"{type(again).__name__}: {again}") from again
        return dumped
