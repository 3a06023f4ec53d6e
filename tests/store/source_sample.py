"""Datasets as their configuration would have them, and a place for what they keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from interlock.identity.artifact import Part, Snapshot
from interlock.stack.config import DataConfig
from interlock.store.blobs import LocalStore
from interlock.store.sources.reading import Reader
from interlock.store.sources.snapshots import take_snapshot
from interlock.store.sources.source import Shelf


class World:
    """A project's folder with its store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = LocalStore(root / ".store")
        self.shelf = Shelf(self.store, root / ".store" / "cache")

    def write(self, name: str, table: dict[str, Any] | pa.Table, **how: Any) -> Path:
        """Write a parquet file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **how)
        return path

    def take(self, config: DataConfig, known: tuple[Part, ...] = (), *, check: bool = False) -> Snapshot:
        """Take a snapshot of the dataset `flights`."""
        return take_snapshot("flights", config, self.root, known, shelf=self.shelf, check=check)

    def reader(self, config: DataConfig) -> Reader:
        """Return what reads its snapshots."""
        return Reader(self.root, config, self.shelf)

    def rows(self, config: DataConfig, snapshot: Snapshot) -> list[dict[str, Any]]:
        """Return the rows of a snapshot."""
        found: list[dict[str, Any]] = self.reader(config).read(snapshot, pa.Table).to_pylist()
        return found
