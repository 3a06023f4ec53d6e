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
