"""The records as one thing: what the rooms above open and hold."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from interlock.extras import require
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
from interlock.records.place import Place, Server
from interlock.records.registry import Models
from interlock.records.runs import Runs
from interlock.records.signals import Decisions, Signals
from interlock.records.sqlite import SqliteDatabase
from interlock.records.steps import Steps
from interlock.records.upgrade import Fill, prepare
from interlock.records.windows import Windows


class Records:
    """All subjects over one database.

    Safe to share between threads; a forked child is refused. A method that writes has written when it
    returns; what it returns of a run's end, a version or an alias survives a power loss as well.

    Attributes:
        created: Whether `open` made them just now.
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
    def open(cls, place: Place, manifests: ManifestSink, *, fill: Fill = lambda _: None) -> Self:
        """Open the records at a place, make them when there are none, bring them to this version.

        Args:
            place: A SQLite file, or a database of a PostgreSQL server.
            manifests: Where the manifests of facts are put.
            fill: Writes what new records begin with, in the transaction that makes them.

        Raises:
            RecordsNotOurs: Something else is there.
            RecordsTooNew: A later Interlock wrote it.
            RecordsNotWritable: It cannot be written.
            RecordsDamaged: It cannot be read.
            RecordsBusy: It stayed locked.
            RecordsUnreachable, RecordsRefused, BadRecordsAddress: The server cannot be reached.
            MissingExtra: The driver for PostgreSQL is not installed.
        """
        database = open_database(place)
        try:
            return cls(database, manifests, created=prepare(database, fill))
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_database(place: Place) -> Database:
    """Return the database at a place, as it is and without looking into it.

    Raises:
        BadRecordsAddress: The address is none.
        MissingExtra: The driver for PostgreSQL is not installed.
    """
    if not isinstance(place, Server):
        return SqliteDatabase(place)
    require("psycopg", extra="postgres")
    from interlock.records.postgres import PostgresDatabase  # imports the driver

    return PostgresDatabase(place)
