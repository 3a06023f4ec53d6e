"""Datasets that a database answers with: SQL through SQLAlchemy, and DuckDB.

A query is asked once for each look at the dataset; its rows go into the store as Arrow, and a run reads them
from there. A database in a file that nobody touched is not asked again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from interlock.errors import did_you_mean
from interlock.extras import MissingExtra, require
from interlock.identity.artifact import Part, Snapshot
from interlock.identity.digest import digest_json
from interlock.store.sources.address import recorded, resolved, scheme_of, without_secrets
from interlock.store.sources.content import digest_rows
from interlock.store.sources.faults import NoData, SourceFailed, UnknownSource
from interlock.store.sources.source import Shelf

ASKED = "query:"
"""What the names of parts begin with that a database answered."""


_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_READING = {"postgresql_readonly": True}


@dataclass(frozen=True)
class Query:
    """A question to a database.

    Args:
        dataset: The name of the dataset.
        uri: The database, placeholders unresolved.
        query: What it is asked.
        root: What the path of a database file is relative to.
        part_by: The column whose values divide the rows into parts.
    """

    dataset: str
    uri: str
    query: str
    root: Path
    part_by: str | None = None

    def snapshot(self, known: Sequence[Part], shelf: Shelf, *, trust: bool) -> Snapshot:
        """Return what the database answers now, the rows in the store.

        Args:
            known: Parts of an earlier snapshot; one of equal rows stays as it is.
            shelf: Where the rows are kept.
            trust: Whether a database file that looks unchanged is not asked again.
        """
        address = resolved(self.dataset, self.uri)
        tag = self._tag(address)
        kept = [part for part in known if tag and part.tag == tag and shelf.blobs.has(part.bytes)]
        if trust and kept and len(kept) == len(known):
            return Snapshot.of(self.dataset, recorded(self.uri), "arrow", kept)
        before = {part.path: part for part in known}
        table = self._ask(address)
        parts = [_kept(name, rows, tag, before.get(name), shelf) for name, rows in self._divided(table)]
        return Snapshot.of(self.dataset, recorded(self.uri), "arrow", parts)

    def _ask(self, address: str) -> Any:
        ask = _ask_duckdb if scheme_of(address) == "duckdb" else _ask_sql
        try:
            return ask(address, self.query, self._file(address), self.root)
        except MissingExtra:
            raise
        except _faults() as error:
            said = without_secrets(str(getattr(error, "orig", None) or error).strip(), address)
            raise SourceFailed(
                f"The query of the dataset {self.dataset!r} failed: {said.partition(chr(10))[0]}",
                where=recorded(self.uri),
                hint="Try the query with the database's own client.",
            ) from None  # the cause may show the address with its password

    def _file(self, address: str) -> Path | None:
        """Return the file that the database is; None where it is none."""
        if scheme_of(address).partition("+")[0] not in ("sqlite", "duckdb"):
            return None
        name = address.partition(":")[2].removeprefix("//").removeprefix("/").partition("?")[0]
        if name in ("", ":memory:"):
            return None
        path = self.root / name
        if not path.is_file():
            raise NoData(
                self.dataset, recorded(self.uri), self.root, "Put the database there, or correct the uri."
            )
        return path

    def _tag(self, address: str) -> str:
        """Return what changes with a database file and its log; empty where nothing tells."""
        path = self._file(address)
        if path is None:
            return ""
        states = []
        for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}.wal")):
            if one.exists():
                status = one.stat()
                states.append(f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}")
        # Another question to the same file is another answer.
        return "/".join([*states, digest_json([self.query, self.part_by])])

    def _divided(self, table: Any) -> Iterator[tuple[str, Any]]:
        if self.part_by is not None and self.part_by not in table.column_names:
            raise UnknownSource(
                f"The query of the dataset {self.dataset!r} gives no column {self.part_by!r} to part by.",
                hint=did_you_mean(self.part_by, table.column_names),
            )
        if self.part_by is None or not table.num_rows:
            yield f"{ASKED}all", table
            return
        pc = require("pyarrow.compute", extra="tables")
        column = table[self.part_by]
        for value in column.unique():
            mask = pc.equal(column, value) if value.is_valid else pc.is_null(column)
            yield f"{ASKED}{quote(self.part_by, safe='')}={quote(_text(value), safe='')}", table.filter(mask)


def _text(value: Any) -> str:
    return str(value.as_py()) if value.is_valid else "null"


def _kept(name: str, rows: Any, tag: str, before: Part | None, shelf: Shelf) -> Part:
    """Return the part of some rows, which are in the store when it is returned."""
    pa = require("pyarrow", extra="tables")
    empty = rows.schema.empty_table()
    pieces = [pa.Table.from_batches([one]) for one in rows.to_batches()]
    digest, profile = digest_rows(iter([empty, *pieces]))
    if before is not None and before.digest == digest and shelf.blobs.has(before.bytes):
        return Part(name, digest, before.size, before.mtime_ns, before.stored, tag, profile)
    buffer = io.BytesIO()
    ipc = require("pyarrow.ipc", extra="tables")
    with ipc.new_file(buffer, rows.schema) as file:
        file.write_table(rows.combine_chunks())
    data = buffer.getbuffer()
    return Part(name, digest, len(data), 0, shelf.blobs.put_bytes(data), tag, profile)


def _ask_sql(address: str, query: str, file: Path | None, root: Path) -> Any:  # noqa: ARG001 - DuckDB's needs it
    pa = require("pyarrow", extra="tables")
    if scheme_of(address) in _POSTGRES:
        require("psycopg", extra="sql")
    engine = sa.create_engine(
        _sql_address(address, file), poolclass=sa.pool.NullPool, execution_options=_READING
    )
    try:
        with engine.connect() as connection:
            # The query as it was written: neither ':' nor '%' in it mean anything to us.
            options = {"no_parameters": True}
            answer = connection.exec_driver_sql(query, execution_options=options)
            names = list(answer.keys())
            rows = answer.fetchall()
    finally:
        engine.dispose()
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pa.table([_array(list(values)) for values in columns], names=names)


def _sql_address(address: str, file: Path | None) -> str:
    if file is not None:  # opened for reading only: a query must not change what it asks
        return f"sqlite:///file:{quote(str(file.resolve()))}?mode=ro&uri=true"
    head, colon, rest = address.partition(":")
    return f"{_POSTGRES[-1] if head in _POSTGRES else head}{colon}{rest}"


def _array(values: list[Any]) -> Any:
    """Return a column; what databases have types for and Arrow does not is text."""
    pa = require("pyarrow", extra="tables")
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int, float}:
        values = [None if value is None else float(value) for value in values]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _ask_duckdb(address: str, query: str, file: Path | None, root: Path) -> Any:  # noqa: ARG001 - as above
    duckdb = require("duckdb", extra="duckdb")
    path = str(file) if file is not None else ":memory:"
    connection = duckdb.connect(path, read_only=file is not None)
    try:
        connection.execute("SET file_search_path = ?", [str(root)])
        answer = connection.sql(query)
        if answer is None:
            raise duckdb.InvalidInputException("it is no query: it gives no rows")
        return answer.to_arrow_table()
    finally:
        connection.close()


def _faults() -> tuple[type[Exception], ...]:
    """Return what databases say no with, as far as they are installed."""
    always = (sa.exc.SQLAlchemyError, ModuleNotFoundError)  # the latter of a driver
    try:
        return (*always, require("duckdb", extra="duckdb").Error)
    except MissingExtra:
        return always
