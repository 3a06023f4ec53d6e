"""Batch scoring on Ray: files of rows larger than memory, chunk by chunk through the slice of a model version."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext
from interlock.errors import InterlockError, first_line
from interlock.extras import require
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.registry import resolve
from interlock.models.score import CHUNK, NoRows, Scored, UnknownOutput, read_chunks, score_rows
from interlock.models.score_target import check_target
from interlock.plugins.ray_cluster import join, variables
from interlock.stack.config import EngineConfig, Project
from interlock.store.opening import store_of


class ScoringFailed(InterlockError):
    """Rows could not be scored on the cluster."""


@dataclass(frozen=True)
class _Version:
    """What a process must know to answer as a model version does; the project is pickled, so that this has a hash."""

    project: bytes
    bundle: str
    number: int
    run: str


def score_files(
    context: RunContext, config: EngineConfig, name: str, sources: Sequence[Path], target: Path
) -> Scored:
    """Score files of rows and write them, with their answers, into a folder of parquet files.

    Raises:
        NoRows: One of the files is not there, or there are no rows.
        UnknownOutput: The folder is there already, or the name is that of a file.
        OutputInDataset: The output would become part of a dataset.
        ScoringFailed: Ray could not do it.
        InterlockError: The rows are not what the model takes, there is no such version, no cluster.
    """
    _check(context, sources, target)
    version = resolve(context.records, name)
    cluster = join(config, context.project, context.store)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    try:
        part = _Version(pickle.dumps(context.project), version.bundle, version.number, version.run_id)
        environment = {"env_vars": variables(context.project)}
        with _quiet() as data:
            rows = _rows(data, part, [one.resolve() for one in sources], environment)
            scored = rows.map_batches(
                functools.partial(_scored, part),
                batch_size=CHUNK,
                batch_format="pandas",
                runtime_env=environment,
                zero_copy_batch=False,
            )
            _written(cluster.ray, scored, partial)
        count = _count(partial)
        if not count:
            raise NoRows("There are no rows in these files.")
        partial.chmod(0o755)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        cluster.leave()
    return Scored(version.model, version.number, count)


def _check(context: RunContext, sources: Sequence[Path], target: Path) -> None:
    for source in sources:
        if not source.is_file():
            raise NoRows(
                f"There is no file {str(source)!r}.", hint="Name csv, parquet, arrow or JSON lines files."
            )
        check_target(context, source, target)
    if target.suffix in (".csv", ".jsonl", ".parquet") or target.exists():
        why = "it is there already" if target.exists() else "a cluster writes many files at once"
        raise UnknownOutput(
            f"Scored rows cannot be written to {target.name!r}: {why}.", hint="Name a new folder: -o scored"
        )
    if not target.absolute().parent.is_dir():
        raise UnknownOutput(f"There is no folder {str(target.absolute().parent)!r} to write to.")


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Give Ray Data, keeping the order of rows and the errors of ours, without its bars and its log."""
    data = require("ray.data", extra="ray")
    options, log = data.DataContext.get_current().copy(), logging.getLogger("ray.data")
    options.enable_progress_bars = False
    options.execution_options.preserve_order = True
    options.raise_original_map_exception = True
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with data.DataContext.current(options):
            yield data
    finally:
        log.setLevel(level)


def _rows(data: Any, version: _Version, sources: Sequence[Path], environment: Any) -> Any:
    """Return the rows of files as a dataset that is read piece by piece."""
    if all(one.suffix in (".parquet", ".pq") for one in sources):
        return data.read_parquet([str(one) for one in sources])
    files = data.from_items([{"file": str(one)} for one in sources], override_num_blocks=len(sources))
    read = functools.partial(_read, version)
    return files.map_batches(read, batch_size=1, batch_format="pandas", runtime_env=environment)


def _read(version: _Version, files: Any) -> Iterator[Any]:
    schema = _bundle(version).request_schema
    for file in files["file"]:
        yield from read_chunks(Path(file), schema)


def _scored(version: _Version, rows: Any) -> Any:
    return score_rows(_bundle(version), rows.reset_index(drop=True))


@functools.lru_cache(maxsize=1)  # a process scores chunk after chunk of one version
def _bundle(version: _Version) -> LoadedBundle:
    project: Project = pickle.loads(version.project)  # noqa: S301 - sent by the process that asked
    return load_bundle(
        store_of(project),
        version.bundle,
        workdir=Path(tempfile.mkdtemp(prefix="interlock-")),
        version=version.number,
        run=version.run,
    )


def _written(ray: Any, scored: Any, folder: Path) -> None:
    try:
        scored.write_parquet(str(folder))
    except ray.exceptions.RayError as error:
        cause = _cause(error)
        if isinstance(cause, InterlockError):
            raise cause from error
        words = f"{type(cause).__name__}: {first_line(cause)}"
        raise ScoringFailed(f"The rows could not be scored on Ray: {words}") from error


def _cause(error: BaseException) -> BaseException:
    """Return what Ray has wrapped."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    return error


def _count(folder: Path) -> int:
    parquet = require("pyarrow.parquet", extra="ray")
    return sum(parquet.read_metadata(folder / name).num_rows for name in os.listdir(folder))  # noqa: PTH208
