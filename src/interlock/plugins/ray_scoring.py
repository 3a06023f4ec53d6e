"""Batch scoring on Ray: files of rows larger than memory, chunk by chunk through the slice of a model version."""

from __future__ import annotations

import contextlib
import functools
import logging
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

_BLOCKS = 1000
"""Into how many tasks the pieces are divided at most."""

_WHOLE = -1
"""Stands for all of a file, where a number stands for a row group."""


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
    if cluster.remote:
        cluster.leave()
        raise ScoringFailed(
            "The Ray cluster has nodes on other machines, which do not reach the files of this one.",
            hint="Score them on a local Ray, in a stack without an address.",
        )
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    try:
        part = _Version(pickle.dumps(context.project), version.bundle, version.number, version.run_id)
        environment = {"env_vars": variables(context.project)}
        work = _pieces(sources)
        with _quiet() as data:
            pieces = data.from_items(work, override_num_blocks=min(_BLOCKS, len(work)))
            score = functools.partial(_score, part, str(partial))
            count = _done(
                cluster.ray,
                pieces.map_batches(score, batch_size=1, batch_format="pandas", runtime_env=environment),
            )
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
    """Give Ray Data, with the errors of ours, without its bars and its log."""
    data = require("ray.data", extra="ray")
    options, log = data.DataContext.get_current().copy(), logging.getLogger("ray.data")
    options.enable_progress_bars = False
    options.raise_original_map_exception = True
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with data.DataContext.current(options):
            yield data
    finally:
        log.setLevel(level)


def _pieces(sources: Sequence[Path]) -> list[dict[str, Any]]:
    """Return what is read by one task each: the row groups of parquet files, and other files as a whole."""
    parquet = require("pyarrow.parquet", extra="ray")
    found: list[dict[str, Any]] = []
    for source in (one.resolve() for one in sources):
        is_parquet = source.suffix in (".parquet", ".pq")
        try:
            groups = range(parquet.read_metadata(source).num_row_groups) if is_parquet else [_WHOLE]
        except ValueError as error:  # pyarrow's errors are
            raise NoRows(f"{source.name!r} cannot be read: {first_line(error)}") from error
        found += [
            {"file": str(source), "group": group, "place": len(found) + at} for at, group in enumerate(groups)
        ]
    return found


def _score(version: _Version, folder: str, pieces: Any) -> Any:
    """Score pieces, each into files whose names sort as the rows do; return how many rows there were."""
    bundle, counts = _bundle(version), []
    for file, group, place in zip(pieces["file"], pieces["group"], pieces["place"], strict=True):
        for at, rows in enumerate(_chunks(Path(file), group, bundle)):
            scored = score_rows(bundle, rows.reset_index(drop=True))
            scored.to_parquet(Path(folder) / f"part-{place:06}-{at:06}.parquet", index=False)
            counts.append(len(rows))
    return {"rows": counts}


def _chunks(file: Path, group: int, bundle: LoadedBundle) -> Iterator[Any]:
    if group == _WHOLE:
        yield from read_chunks(file, bundle.request_schema)
        return
    parquet, pa = require("pyarrow.parquet", extra="ray"), require("pyarrow", extra="ray")
    for batch in parquet.ParquetFile(file).iter_batches(CHUNK, row_groups=[int(group)]):
        yield pa.Table.from_batches([batch]).to_pandas()


@functools.lru_cache(maxsize=1)  # a process scores chunk after chunk of one version
def _bundle(version: _Version) -> LoadedBundle:
    project: Project = pickle.loads(version.project)  # noqa: S301 - sent by the process that asked
    return load_bundle(
        store_of(project),
        version.bundle,
        workdir=project.home.tmp,
        version=version.number,
        run=version.run,
    )


def _done(ray: Any, scored: Any) -> int:
    try:
        return int(scored.sum("rows") or 0)
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
