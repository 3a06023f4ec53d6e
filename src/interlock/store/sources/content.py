"""The content of a part: what makes two files the same one.

Files whose columns have types (parquet, Arrow) are the same when their rows are: the digest is over names,
types and values, so that another writer, other row groups or another compression change nothing. Text (csv,
JSON) says its types nowhere, and libraries guess them differently: there the digest is over the bytes, with the
compression taken off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.errors import InterlockError
from interlock.extras import require
from interlock.identity.artifact import SourceFormat
from interlock.identity.digest import digest_bytes, digest_file, digest_json, digest_value
from interlock.identity.profile import Profile
from interlock.store.sources.formats import is_compressed, separator
from interlock.store.sources.profiling import Profiler
from interlock.store.sources.tables import read_table
from interlock.store.sources.unpack import open_part

BATCH = 1 << 16
"""Rows that are digested at a time; part of the digest, so it never changes."""

_BLOCK = 1 << 25
_PLAIN_DTYPE = re.compile(r"object|str|bool|u?int\d+|float\d+|(datetime64|timedelta64)\[.*\]")
_COUNTING = {"kind": "range", "name": None, "start": 0, "step": 1}


@dataclass(frozen=True)
class Content:
    """What is known of a part once it was read.

    Attributes:
        digest: What makes it the same.
        stored: Digest of its bytes.
        profile: Its rows in numbers; None when they could not be read.
    """

    digest: str
    stored: str
    profile: Profile | None


def read_content(path: Path, file_format: SourceFormat) -> Content:
    """Read a part once. One that cannot be understood is its bytes: whoever reads it will hear why.

    Raises:
        OSError: The file cannot be read.
        UnreadableData: It is a decompression bomb.
    """
    stored = digest_file(path)
    if file_format in ("csv", "json"):
        digest = _unpacked_digest(path) if is_compressed(path) else stored
        return Content(digest, stored, _text_profile(path, file_format))
    try:
        digest, profile = digest_rows(_batches(path, file_format))
    except _broken():
        return Content(stored, stored, None)
    # The allocator would keep what the part took, on top of what the steps of the run will need.
    require("pyarrow", extra="tables").default_memory_pool().release_unused()
    return Content(digest, stored, profile)


def digest_rows(batches: Iterator[Any]) -> tuple[str, Profile]:
    """Return digest and profile of rows that come as Arrow batches, the first of which may be empty.

    How the rows are cut into batches leaves no trace.
    """
    digests: list[str] = []
    profiler = Profiler()
    categories: dict[str, dict[Any, None]] = {}
    first = next(batches)
    facts = _facts(first.schema)
    rows = 0
    for table in _rebatched(first, batches):
        plain = _plain_table(table, categories)
        profiler.add(plain)
        digests.append(digest_value(plain))
        rows += table.num_rows
    known = {name: list(values) for name, values in categories.items()}
    return digest_json(["Rows", facts, rows, digest_value(known), digests]), profiler.profile(first.schema)


def _broken() -> tuple[type[Exception], ...]:
    """Return what readers and decompressors raise at files that are not what their names say."""
    import lzma
    import zipfile
    import zlib

    files = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
    return (InterlockError, ValueError, TypeError, LookupError, NotImplementedError, *files)


def _unpacked_digest(path: Path) -> str:
    from blake3 import blake3  # streams, as the digest of a file does

    hasher = blake3()
    try:
        with open_part(path) as file:
            while piece := file.read(1 << 20):
                hasher.update(piece)
    except _broken():  # it is not what its name says
        return digest_file(path)
    return f"blake3:{hasher.hexdigest()}"


def _batches(path: Path, file_format: SourceFormat) -> Iterator[Any]:
    pa = require("pyarrow", extra="tables")
    with path.open("rb") as file:
        if file_format == "parquet":
            parquet = require("pyarrow.parquet", extra="tables").ParquetFile(file)
            yield pa.Table.from_batches([], parquet.schema_arrow)
            yield from (pa.Table.from_batches([one]) for one in parquet.iter_batches(batch_size=BATCH))
        else:
            opened = require("pyarrow.ipc", extra="tables").open_file(file)
            yield pa.Table.from_batches([], opened.schema)
            for place in range(opened.num_record_batches):
                yield pa.Table.from_batches([opened.get_batch(place)])


def _rebatched(first: Any, batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the same rows, `BATCH` at a time."""
    pa = require("pyarrow", extra="tables")
    waiting = first
    for table in batches:
        waiting = pa.concat_tables([waiting, table]) if waiting.num_rows else table
        while waiting.num_rows >= BATCH:
            yield waiting.slice(0, BATCH)
            waiting = waiting.slice(BATCH)
    if waiting.num_rows:
        yield waiting


def _plain_table(table: Any, categories: dict[str, dict[Any, None]]) -> Any:
    """Return the rows in the types that other ways of keeping them stand for; note the categories."""
    pa = require("pyarrow", extra="tables")
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_dictionary(field.type):
            known = categories.setdefault(field.name, {})
            for chunk in column.chunks:
                known.update(dict.fromkeys(chunk.dictionary.to_pylist()))
        columns.append(_plain_column(column))
    return pa.table(columns, names=table.column_names)


def _plain_column(column: Any) -> Any:
    pa = require("pyarrow", extra="tables")
    target = _plain_type(column.type)
    if pa.types.is_dictionary(column.type):
        chunks = [chunk.dictionary_decode() for chunk in column.chunks]
        column = pa.chunked_array(chunks, column.type.value_type)
    # Compared as text: to pyarrow, lists whose items have other names are equal.
    return column if str(column.type) == str(target) else column.cast(target)


def _plain_type(kind: Any) -> Any:
    """Return the widest of the types that keep the same values."""
    pa = require("pyarrow", extra="tables")
    if str(kind) in ("string", "large_string", "string_view"):
        return pa.large_string()
    if str(kind) in ("binary", "large_binary", "binary_view"):
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return pa.struct([(field.name, _plain_type(field.type)) for field in fields])
    return kind


def _facts(schema: Any) -> list[Any]:
    """Return, as JSON, what the schema says beyond the values: types, categories, and what pandas makes of them."""
    columns = [[field.name, *_type_facts(field.type), _metadata(field.metadata)] for field in schema]
    return [columns, _pandas_facts(schema)]


def _type_facts(kind: Any) -> list[Any]:
    is_category = str(kind).startswith("dictionary")
    return [str(_plain_type(kind)), ("ordered" if kind.ordered else "category") if is_category else ""]


def _metadata(metadata: Mapping[bytes, bytes] | None) -> list[list[str]]:
    """Return what a field says of itself; the number that parquet gives it is none of its content."""
    pairs = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in (metadata or {}).items()]
    return sorted([key, value] for key, value in pairs if not key.startswith("PARQUET:"))


def _pandas_facts(schema: Any) -> Any:
    """Return what pandas, reading back what it wrote, makes other than from the types alone."""
    try:
        noted = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        index = [one for one in noted.get("index_columns", []) if not _counts_rows(one)]
        labels = noted.get("column_indexes", [])
        plain_labels = len(labels) <= 1 and all(
            one["name"] is None and one["pandas_type"] in ("unicode", "string", "empty") for one in labels
        )
        dtypes = [
            [one["field_name"], one["numpy_type"], one["metadata"]]
            for one in noted.get("columns", [])
            if not _PLAIN_DTYPE.fullmatch(one["numpy_type"])
        ]
        return [index, [] if plain_labels else labels, dtypes, noted.get("attributes") or {}]
    except (ValueError, LookupError, TypeError, AttributeError):
        return digest_bytes(schema.metadata[b"pandas"])


def _counts_rows(index: Any) -> bool:
    return isinstance(index, dict) and _COUNTING.items() <= index.items()


def _text_profile(path: Path, file_format: SourceFormat) -> Profile | None:
    """Return the profile of a text file by pyarrow's idea of its types; None when it has none."""
    read = _csv_profile if file_format == "csv" else _json_profile
    try:
        return read(path)
    except _broken():
        return None


def _json_profile(path: Path) -> Profile:
    profiler = Profiler()
    table = read_table("pyarrow", "json", [path])
    profiler.add(table)
    return profiler.profile(table.schema)


def _csv_profile(path: Path) -> Profile:
    pa = require("pyarrow", extra="tables")
    try:
        return _stream_csv(path, {})
    except pa.ArrowInvalid:  # a later block has values that the first did not make expect
        csv = require("pyarrow.csv", extra="tables")
        with open_part(path) as file:
            names = csv.open_csv(file, parse_options=csv.ParseOptions(delimiter=separator(path))).schema.names
        return _stream_csv(path, dict.fromkeys(names, pa.string()))


def _stream_csv(path: Path, types: Mapping[str, Any]) -> Profile:
    pa, csv = require("pyarrow", extra="tables"), require("pyarrow.csv", extra="tables")
    profiler = Profiler()
    with open_part(path) as file:
        reader = csv.open_csv(
            file,
            csv.ReadOptions(block_size=_BLOCK),
            csv.ParseOptions(delimiter=separator(path), newlines_in_values=True),
            csv.ConvertOptions(column_types=dict(types), strings_can_be_null=True),
        )
        for batch in reader:
            profiler.add(pa.Table.from_batches([batch]))
        return profiler.profile(reader.schema)
