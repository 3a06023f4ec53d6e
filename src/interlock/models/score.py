"""Batch scoring: a file of rows through the slice of a model version."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext
from interlock.errors import InterlockError, did_you_mean
from interlock.extras import require
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.codec import Fault, InvalidRequest, decode_rows, encode_answer
from interlock.models.registry import resolve
from interlock.models.score_rows import json_rows
from interlock.models.score_target import check_target
from interlock.stack.config import DataConfig
from interlock.store.publish import write_output
from interlock.store.sources.reading import Reader
from interlock.store.sources.snapshots import take_snapshot

CHUNK = 50_000
"""Rows that are scored at a time."""


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
        NoData: There is no such file.
        InvalidRequest: The rows are not what the model takes.
        InterlockError: There is no such version, or its bundle cannot be loaded.
    """
    write = _writer(target)
    check_target(context, source, target)
    version = resolve(context.records, name)
    pd = require("pandas", extra="tables")
    snapshot = take_snapshot(source.name, DataConfig(uri=str(source.resolve()), format=None), Path("/"))
    table = Reader(Path("/")).read(snapshot, pd.DataFrame)
    bundle = load_bundle(
        context.store,
        version.bundle,
        workdir=context.project.home.tmp,
        version=version.number,
        run=version.run_id,
    )
    try:
        chunks = [_scored(bundle, table, at) for at in range(0, len(table), CHUNK)]
    finally:
        bundle.close()
    if not chunks:
        raise InvalidRequest([Fault(None, None, "there are no rows")])
    write(pd.concat(chunks, ignore_index=True), target)
    return Scored(version.model, version.number, len(table))


def _scored(bundle: LoadedBundle, table: Any, at: int) -> Any:
    pd = require("pandas", extra="tables")
    part = table.iloc[at : at + CHUNK]
    try:
        given = decode_rows(bundle.request_schema, json_rows(bundle.request_schema, part))
    except InvalidRequest as error:
        raise InvalidRequest([_moved(fault, at) for fault in error.faults], error.total) from None
    answers = encode_answer(bundle.answer_schema, bundle.predict(given))
    several = isinstance(answers[0], dict | list)
    columns = pd.DataFrame(answers) if several else pd.DataFrame({"answer": answers})
    names = [name if isinstance(name, str) else f"answer_{name}" for name in columns.columns]
    columns.columns = [f"{name}_answer" if name in part.columns else name for name in names]
    made = pd.concat([part.reset_index(drop=True), columns], axis=1)
    return made.assign(model_version=bundle.version, run=bundle.run_id)


def _moved(fault: Fault, at: int) -> Fault:
    return fault if fault.row is None else replace(fault, row=fault.row + at)


def _writer(target: Path) -> Callable[[Any, Path], None]:
    writers: Mapping[str, Callable[[Any], bytes]] = {
        ".parquet": lambda frame: _bytes(frame.to_parquet),
        ".csv": lambda frame: frame.to_csv(index=False).encode(),
        ".jsonl": lambda frame: frame.to_json(orient="records", lines=True, date_format="iso").encode(),
    }
    writer = writers.get(target.suffix)
    if writer is None:
        raise UnknownOutput(
            f"Scored rows cannot be written to {target.name!r}.", hint=did_you_mean(target.suffix, writers)
        )
    return lambda frame, path: write_output(path, writer(frame))


def _bytes(write: Callable[[Any], None]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()
