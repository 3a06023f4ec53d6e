"""The records as one thing: what the rooms above open and hold."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from interlock.records.cache import Cache
from interlock.records.certificates import Certificates
from interlock.records.claims import Claims
from interlock.records.database import Database
from interlock.records.datasets import Datasets
from interlock.records.deployments import Deployments
from interlock.records.environments import Environments
from interlock.records.items import Items
from interlock.records.leases import Leases
from interlock.records.ledger import Ledger, ManifestSink
from interlock.records.logs import Logs
from interlock.records.metrics import Metrics
from interlock.records.registry import Models
from interlock.records.runs import Runs
from interlock.records.signals import Decisions, Signals
from interlock.records.steps import Steps
from interlock.records.upgrade import prepare
from interlock.records.windows import Windows


class Records:
    """All subjects over one database.

    Safe to share between threads; a forked child is refused. A method that writes has written when it
    returns; what it returns of a run's end, a version or an alias survives a power loss as well.

    Attributes:
        created: Whether `open` made the file just now. Where the store holds manifests already, that
            is the moment to `rebuild`.
    """

    def __init__(self, database: Database, manifests: ManifestSink, *, created: bool) -> None:
        ledger = Ledger(database, manifests)
        self.database = database
        self.ledger = ledger
        self.created = created
        self.runs = Runs(ledger)
        self.steps = Steps(database)
        self.items = Items(database)
        self.claims = Claims(database)
        self.cache = Cache(database)
        self.metrics = Metrics(database)
        self.logs = Logs(database)
        self.environments = Environments(ledger)
        self.certificates = Certificates(ledger)
        self.datasets = Datasets(ledger)
        self.models = Models(ledger)
        self.signals = Signals(ledger)
        self.decisions = Decisions(ledger)
        self.windows = Windows(ledger)
        self.deployments = Deployments(database)
        self.leases = Leases(database)

    @classmethod
    def open(cls, path: Path, manifests: ManifestSink) -> Self:
        """Open the records file at `path`, make it when there is none, bring it to this version.

        Raises:
            RecordsNotOurs: Something else is at `path`.
            RecordsTooNew: A later Interlock wrote it.
            RecordsNotWritable: It cannot be written.
            RecordsDamaged: It cannot be read.
            RecordsBusy: It stayed locked.
        """
        database = Database(path)
        try:
            return cls(database, manifests, created=prepare(database))
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
