"""Where a run reads and writes: the store and the records of one project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from interlock.engine.place import records_place
from interlock.engine.rebuild import open_records
from interlock.identity.code import project_naming
from interlock.records.records import Records
from interlock.stack.config import Project
from interlock.store.artifacts import ArtifactStore
from interlock.store.opening import Store, store_of


@dataclass(frozen=True)
class RunContext:
    """The project and what it keeps."""

    project: Project
    store: Store
    artifacts: ArtifactStore
    records: Records


@contextmanager
def open_context(project: Project) -> Iterator[RunContext]:
    """Open the store and the records of a project; both are made on first use.

    Records that are gone while the store is there are rebuilt from it.

    Raises:
        InterlockError: The home folder cannot be made or written, or the records are of a newer version.
    """
    project.home.create()
    store = store_of(project)
    records = open_records(records_place(project), store)
    try:
        naming = project_naming(project.root, project.data_files)
        yield RunContext(project, store, ArtifactStore(store, naming=naming), records)
    finally:
        records.close()
