"""The log of predictions: what was asked, what was answered, by which version.

A log is a folder of Parquet files for each model, one row for each predicted row. The file's name tells the
span of time and the version inside, so that a reader opens only what it is asked for. The columns are
`request_id`, `row_id`, `at`, `version`, `run_id`, `latency_ms`; `given.<column>` for each column of the
request; and `answer`, or `answer.<column>` where an answer has columns. Whole numbers are 64-bit integers,
other numbers 64-bit floats, categories text: the log does not change when a model changes its dtypes.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.models.codec.cells import as_list, read_cells
from interlock.models.codec.faults import Faults
from interlock.models.codec.schema import Column, Schema
from interlock.stack.layout import Home
from interlock.store.publish import Pending, publish_bytes

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = re.compile(r"(?P<first>\d+)-(?P<last>\d+)-v(?P<version>\d+)-\d+-\d+\.parquet")
_COUNTER = itertools.count()
GIVEN = "given."
ANSWER = "answer"


@dataclass(frozen=True)
class Answered:
    """One request that was answered.

    Args:
        request_id: The request's id.
        row_ids: One id for each row, by which the truth may find it later.
        at: When, in seconds since the epoch.
        version: The model version that answered, made by the run `run_id`.
        rows: Returns the rows as JSON, in the form of the request schema; called when the log is written.
        answers: The answers as JSON, in the form of the answer schema.
        latency_ms: How long decoding, predicting and encoding took.
    """

    request_id: str
    row_ids: Sequence[str]
    at: float
    version: int
    run_id: str
    request_schema: Schema
    answer_schema: Schema
    rows: Callable[[], Sequence[Any]]
    answers: Sequence[Any]
    latency_ms: float


def write_predictions(home: Home, model: str, answered: Sequence[Answered]) -> int:
    """Add requests to the log of a model and return how many rows that were.

    The files appear whole. They survive the death of the process, not necessarily a loss of power.

    Raises:
        WriteFailed: The disk refuses; what was written before remains.
    """
    rows = 0
    for version, group in itertools.groupby(sorted(answered, key=_version), key=_version):
        requests = list(group)
        table = _table(requests)
        publish_bytes(_parquet(table), _file(home, model, version, requests), Pending())
        rows += table.num_rows
    return rows


def read_predictions(
    home: Home,
    model: str,
    since: float | None = None,
    version: int | None = None,
    *,
    until: float | None = None,
) -> pa.Table:
    """Return what was logged for a model, in the order of time.

    Args:
        home: Where the log lies.
        model: The model.
        since: Only rows answered at this time or later.
        version: Only rows that this version answered.
        until: Only rows answered before this time.

    A model without a log has an empty table, with the columns that every log has.
    """
    # pyarrow is heavy, and this module is imported by all who may write a log.
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tables = [pq.read_table(path) for path in _files(home, model, since, version, until)]
    table = (
        _together(tables)
        if tables
        else pa.table({name: pa.array([], kind) for name, kind in _fixed().items()})
    )
    for bound, keep in ((since, pc.greater_equal), (until, pc.less)):
        if bound is not None:
            table = table.filter(keep(table["at"], pa.scalar(bound, pa.float64())))
    return table.sort_by([("at", "ascending")])


def given_of(table: pa.Table) -> pa.Table:
    """Return the request columns of a read log, under their own names."""
    names = [name for name in table.column_names if name.startswith(GIVEN)]
    return table.select(names).rename_columns([name.removeprefix(GIVEN) for name in names])


def answer_of(table: pa.Table) -> pa.Table:
    """Return the answer of a read log: the column `answer`, or the columns of the answer under their own names."""
    names = [name for name in table.column_names if name == ANSWER or name.startswith(f"{ANSWER}.")]
    return table.select(names).rename_columns([name.removeprefix(f"{ANSWER}.") for name in names])


def columns_of(schema: Schema, rows: Sequence[Any]) -> dict[str, pa.Array]:
    """Return rows in their JSON form as Arrow columns in the types of the log.

    The columns of a matrix are called 0, 1, 2 and so on. The monitor brings the recorded reference through
    here too, so that both sides of a comparison have the same names and types.
    """
    if schema.rows_are_objects:
        return {
            column.name: _column(column, [row.get(column.name) for row in rows]) for column in schema.columns
        }
    only = schema.columns[0]
    if schema.container == "matrix":
        return {str(place): _column(only, [row[place] for row in rows]) for place in range(schema.width)}
    return {only.name: _column(only, list(rows))}


def _version(request: Answered) -> int:
    return request.version


def _fixed() -> dict[str, pa.DataType]:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return {
        "request_id": text,
        "row_id": text,
        "at": number,
        "version": pa.int64(),
        "run_id": text,
        "latency_ms": number,
    }


def _table(requests: Sequence[Answered]) -> pa.Table:
    import pyarrow as pa

    first = requests[0]
    each = [(request, row_id) for request in requests for row_id in request.row_ids]
    values = [
        (request.request_id, row_id, request.at, request.version, request.run_id, request.latency_ms)
        for request, row_id in each
    ]
    fixed = zip(_fixed().items(), zip(*values, strict=True), strict=True)
    columns = {name: pa.array(column, kind) for (name, kind), column in fixed}
    rows = [row for request in requests for row in request.rows()]
    answers = [answer for request in requests for answer in request.answers]
    columns |= {f"{GIVEN}{name}": column for name, column in columns_of(first.request_schema, rows).items()}
    return pa.table(columns | _answer_columns(first.answer_schema, answers))


def _answer_columns(schema: Schema, answers: Sequence[Any]) -> dict[str, pa.Array]:
    columns = columns_of(schema, answers)
    if schema.container == "column" and len(columns) == 1:
        return {ANSWER: next(iter(columns.values()))}
    return {f"{ANSWER}.{name}": column for name, column in columns.items()}


def _column(column: Column, values: list[Any]) -> pa.Array:
    import orjson
    import pyarrow as pa

    if column.type == "json":
        return pa.array(
            [None if value is None else orjson.dumps(value).decode() for value in values], pa.string()
        )
    if column.type == "category":
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    cells = read_cells(column, values, Faults())
    if cells is None:  # the endpoint has checked these values, so that this is a mistake of ours
        raise ValueError(f"the column {column.name!r} does not fit its own schema")
    plain = as_list(cells)
    if column.type in {"timestamp", "date"} and column.number:
        counts = pa.array(plain, pa.int64())
        return (
            counts.cast(pa.int32()).cast(pa.date32())
            if column.type == "date"
            else counts.cast(_moment(column))
        )
    return pa.array([None if value != value else value for value in plain], _type(column))  # noqa: PLR0124 - NaN


def _moment(column: Column) -> pa.DataType:
    import pyarrow as pa

    return pa.timestamp(column.unit, column.tz)


def _type(column: Column) -> pa.DataType:
    import pyarrow as pa

    if column.type in {"int", "duration"}:
        return pa.uint64() if column.number == "uint64" else pa.int64()
    types: Mapping[str, pa.DataType] = {
        "float": pa.float64(),
        "number": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "date": pa.date32(),
        "timestamp": pa.timestamp(column.unit or "us", column.tz),
    }
    return types[column.type]


def _parquet(table: pa.Table) -> memoryview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return memoryview(sink.getvalue())


def _file(home: Home, model: str, version: int, requests: Sequence[Answered]) -> Path:
    times = [request.at for request in requests]
    first, last = int(min(times) * 1000), int(max(times) * 1000) + 1
    return (
        home.predictions
        / model
        / f"{first:013d}-{last:013d}-v{version}-{os.getpid()}-{next(_COUNTER)}.parquet"
    )


def _files(
    home: Home, model: str, since: float | None, version: int | None, until: float | None
) -> Iterator[Path]:
    for path in sorted((home.predictions / model).glob("*.parquet")):
        match = _NAME.fullmatch(path.name)
        if match is None or (version is not None and int(match["version"]) != version):
            continue
        if (since is None or int(match["last"]) >= since * 1000) and (
            until is None or int(match["first"]) < until * 1000
        ):
            yield path


def _together(tables: list[pa.Table]) -> pa.Table:
    """Put tables under each other; a column that two versions disagree about becomes text."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        clash = {
            name
            for name in set().union(*(table.column_names for table in tables))
            if _types(tables, name) > 1
        }
        return pa.concat_tables([_as_text(table, clash) for table in tables], promote_options="default")


def _types(tables: list[pa.Table], name: str) -> int:
    return len({table.schema.field(name).type for table in tables if name in table.column_names})


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    import pyarrow as pa

    for name in names & set(table.column_names):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.string()))
    return table
