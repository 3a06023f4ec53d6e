"""Batch scoring: a file of rows through the slice of a model version."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext
from interlock.errors import InterlockError, did_you_mean
from interlock.extras import require
from interlock.identity.artifact import Snapshot
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.codec import Fault, InvalidRequest, Schema, decode_rows, encode_answer
from interlock.models.registry import resolve
from interlock.models.score_rows import json_rows
from interlock.models.score_target import check_target
from interlock.stack.config import DataConfig
from interlock.store.publish import write_output
from interlock.store.sources.formats import separator
from interlock.store.sources.reading import Reader
from interlock.store.sources.snapshots import take_snapshot
from interlock.store.sources.unpack import open_part

CHUNK = 50_000
"""Rows that are scored at a time."""


class NoRows(InterlockError):
    """There is no file of rows to score."""


class UnknownOutput(InterlockError):
    """Scored rows cannot be written to a file of that name."""


@dataclass(frozen=True)
class Scored:
    """What was scored by which version."""

    model: str
    version: int
    rows: int


def score_file(context: RunContext, name: str, source: Path, target: Path) -> Scored:
    """Score the rows of a file and write them with their answers, the version and the run.

    Raises:
        UnknownOutput: The name of the output does not say a format.
        OutputInDataset: The output would become part of a dataset, or replace the rows.
        NoRows: There is no such file.
        InvalidRequest: The rows are not what the model takes.
        InterlockError: There is no such version, or its bundle cannot be loaded.
    """
    write = _writer(target)
    if not source.is_file():
        raise NoRows(
            f"There is no file {str(source)!r}.", hint="Name a csv, parquet, arrow or JSON lines file."
        )
    check_target(context, source, target)
    version = resolve(context.records, name)
    pd = require("pandas", extra="tables")
    snapshot = take_snapshot(source.name, DataConfig(uri=str(source.resolve()), format=None), Path("/"))
    bundle = load_bundle(
        context.store,
        version.bundle,
        workdir=context.project.home.tmp,
        version=version.number,
        run=version.run_id,
    )
    try:
        table = _read(snapshot, source, bundle.request_schema)
        chunks = [_scored(bundle, table, at) for at in range(0, len(table), CHUNK)]
    finally:
        bundle.close()
    if not chunks:
        raise InvalidRequest([Fault(None, None, "there are no rows")])
    write(pd.concat(chunks, ignore_index=True), target)
    return Scored(version.model, version.number, len(table))


def _scored(bundle: LoadedBundle, table: Any, at: int) -> Any:
    try:
        return score_rows(bundle, table.iloc[at : at + CHUNK])
    except InvalidRequest as error:
        raise InvalidRequest([_moved(fault, at) for fault in error.faults], error.total) from None


def score_rows(bundle: LoadedBundle, part: Any) -> Any:
    """Return rows of a pandas frame with their answers, the version and the run.

    Raises:
        InvalidRequest: The rows are not what the model takes.
    """
    pd = require("pandas", extra="tables")
    given = decode_rows(bundle.request_schema, json_rows(bundle.request_schema, part))
    answers = encode_answer(bundle.answer_schema, bundle.predict(given))
    several = isinstance(answers[0], dict | list)
    columns = pd.DataFrame(answers) if several else pd.DataFrame({"answer": answers})
    names = [name if isinstance(name, str) else f"answer_{name}" for name in columns.columns]
    columns.columns = [f"{name}_answer" if name in part.columns else name for name in names]
    made = pd.concat([part.reset_index(drop=True), columns], axis=1)
    return made.assign(model_version=bundle.version, run=bundle.run_id)


def _read(snapshot: Snapshot, source: Path, schema: Schema) -> Any:
    """Return the rows; text in a csv file is text where the model takes text, whatever it looks like."""
    pd = require("pandas", extra="tables")
    text = [one.name for one in schema.columns if one.type == "string"]
    if snapshot.format != "csv" or not text:
        return Reader(Path("/")).read(snapshot, pd.DataFrame)
    with open_part(source) as file:
        head = pd.read_csv(file, sep=separator(source), nrows=0).columns
    with open_part(source) as file:
        return pd.read_csv(file, sep=separator(source), **_as_text(head, text))


def _as_text(head: Any, text: Sequence[str]) -> dict[str, Any]:
    """Return the options of pandas by which some columns of a csv file are text."""
    nulls = {name: [""] if name in text else list(_NULLS) for name in head}
    kinds = {name: "str" for name in text if name in head}
    return {"dtype": kinds, "keep_default_na": False, "na_values": nulls}


def read_chunks(source: Path, schema: Schema) -> Iterator[Any]:
    """Yield the rows of a file, at most `CHUNK` at a time; a csv file is never in memory as a whole."""
    pd = require("pandas", extra="tables")
    snapshot = take_snapshot(source.name, DataConfig(uri=str(source), format=None), Path("/"))
    if snapshot.format != "csv":
        table = _read(snapshot, source, schema)
        yield from (table.iloc[at : at + CHUNK] for at in range(0, len(table), CHUNK))
        return
    with open_part(source) as file:
        head = pd.read_csv(file, sep=separator(source), nrows=0).columns
    text = [one.name for one in schema.columns if one.type == "string"]
    with open_part(source) as file:
        yield from pd.read_csv(file, sep=separator(source), chunksize=CHUNK, **_as_text(head, text))


_NULLS = ("", "NA", "NaN", "nan", "null", "NULL", "None", "N/A", "n/a", "<NA>", "#N/A")
"""What is no value in a column of a csv file that is not text."""


def _moved(fault: Fault, at: int) -> Fault:
    return fault if fault.row is None else replace(fault, row=fault.row + at)


def _writer(target: Path) -> Callable[[Any, Path], None]:
    writers: Mapping[str, Callable[[Any], bytes]] = {
        ".parquet": lambda frame: _bytes(frame.to_parquet),
        ".csv": lambda frame: frame.to_csv(index=False).encode(),
        ".jsonl": _json_lines,
    }
    writer = writers.get(target.suffix)
    if writer is None:
        raise UnknownOutput(
            f"Scored rows cannot be written to {target.name!r}.", hint=did_you_mean(target.suffix, writers)
        )
    return lambda frame, path: write_output(path, writer(frame))


def _json_lines(frame: Any) -> bytes:
    """Return rows as JSON, each number with all of its digits."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return "".join(f"{json.dumps(row, ensure_ascii=False, default=_spelled)}\n" for row in rows).encode()


def _spelled(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _bytes(write: Callable[[Any], None]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()
