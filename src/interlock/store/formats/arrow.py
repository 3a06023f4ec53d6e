"""Arrow files: uncompressed, so that they are mapped into memory instead of read."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.format import Stored, Vault, loaded

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowFormat:
    """pyarrow tables."""

    name = "arrow"

    def handles(self, value: Any) -> bool:
        """Match tables."""
        arrow = loaded("pyarrow")
        return arrow is not None and type(value) is arrow.Table

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the file."""
        return put_table(value, vault)

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Map the file; a table cannot be changed."""
        return MappedTable.of(vault.path(artifact)).table


class ArrowColumnFormat:
    """pyarrow arrays and record batches: the columns that `table["x"]` gives, and what readers yield."""

    name = "arrow-column"

    def handles(self, value: Any) -> bool:
        """Match arrays, chunked arrays and record batches."""
        arrow = loaded("pyarrow")
        return arrow is not None and isinstance(value, arrow.Array | arrow.ChunkedArray | arrow.RecordBatch)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write an array as a table of one column."""
        pa = require("pyarrow", extra="tables")
        kind = next(one for one in _COLUMN_KINDS if isinstance(value, getattr(pa, one)))
        table = pa.Table.from_batches([value]) if kind == "RecordBatch" else pa.table({"": value})
        return vault.put_stream(lambda out: write_table(table, out), kind=kind)

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Map the file, and return what was saved."""
        table = MappedTable.of(vault.path(artifact)).table
        kind = artifact.meta["kind"]
        if kind == "RecordBatch":
            return table.combine_chunks().to_batches()[0] if table.num_rows else _empty_batch(table)
        column = table.column(0)
        return column if kind == "ChunkedArray" else _whole(column)


_COLUMN_KINDS = ("ChunkedArray", "RecordBatch", "Array")


def _empty_batch(table: pa.Table) -> Any:
    pa = require("pyarrow", extra="tables")
    return pa.RecordBatch.from_pylist([], schema=table.schema)


def _whole(column: pa.ChunkedArray) -> Any:
    """Return the one array that was written: an empty one was not even a chunk."""
    return column.chunk(0) if column.num_chunks else column.combine_chunks()


def put_table(table: pa.Table | pa.RecordBatch, vault: Vault) -> Stored:
    """Store a table, or one batch, as an Arrow file."""
    return vault.put_stream(
        lambda out: write_table(table, out), rows=table.num_rows, columns=table.schema.names
    )


def write_table(table: pa.Table | pa.RecordBatch, out: Any) -> None:
    """Write a table, or one batch, into an open file. A batch is written even when it is empty."""
    pa = require("pyarrow", extra="tables")
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write(table)


class MappedTable:
    """An Arrow file in memory of its own: what is written into it reaches no file.

    Args:
        memory: The file's bytes.
    """

    def __init__(self, memory: mmap.mmap | bytearray) -> None:
        pa = require("pyarrow", extra="tables")
        buffer = pa.py_buffer(memory)
        self._memory = memory
        self._start = buffer.address
        self.table = pa.ipc.open_file(pa.BufferReader(buffer)).read_all()

    @classmethod
    def of(cls, path: Path) -> Self:
        """Map a file privately: pages are read when they are looked at, and copied when they are changed."""
        with path.open("rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    def writable(self, column: pa.Array, dtype: Any) -> Any:
        """Return the values of a column as a numpy array that may be written to, without a copy.

        numpy arrays that come from Arrow itself are read-only, and pandas hands that on to its users.
        """
        np = require("numpy", extra="tables")
        if not len(column):
            return np.empty(0, dtype)
        offset = column.buffers()[1].address - self._start + column.offset * np.dtype(dtype).itemsize
        return np.frombuffer(self._memory, dtype, len(column), offset)
