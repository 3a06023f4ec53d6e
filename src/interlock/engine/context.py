"""Where a run reads and writes: the store and the records of one project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from interlock.engine.place import records_place
from interlock.engine.rebuild import open_records
from interlock.identity.code import project_naming
from interlock.records.records import Records
from interlock.stack.config import Project
from interlock.stack.layout import Home
from interlock.store.artifacts import ArtifactStore
from interlock.store.locks import file_lock
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
<<<<<<< HEAD
    records = open_records(records_place(project), store)
=======
    with _first(home):
        records = _opened(home, store)
>>>>>>> 76e1d80 (Chaos of writers beside a removal of garbage; faults of a bucket)
    try:
        yield RunContext(project, store, ArtifactStore(store, naming=project_naming(project.root)), records)
    finally:
        records.close()


@contextmanager
def _first(home: Home) -> Iterator[None]:
    """Let nobody write to new records before who made them has rebuilt them."""
    with ExitStack() as stack:
        with suppress(OSError):  # a home that is only read
            stack.enter_context(file_lock(home.path / "opening.lock"))
        yield


def _opened(home: Home, store: Store) -> Records:
    records = Records.open(home.records, store)
    try:
        rebuild_if_lost(records, store)
    except BaseException:
        records.close()
        raise
    return records
