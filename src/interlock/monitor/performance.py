"""How well a model does, once the truth is known: outcomes joined with the answers that were given.

The outcomes are a dataset of their own (`truth` of the model). Each of its parts is judged once for each
version that answered rows of it, together with what arrived before and was too little to judge. A part that
changes is judged anew as a whole; outcomes that come in files of their own give windows in time.
Versions that were champion last are looked at, as for drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlock.engine.context import RunContext
from interlock.engine.datasets import current_snapshot, reader_of
from interlock.errors import InterlockError, did_you_mean
from interlock.identity.artifact import Snapshot
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.bundle_manifest import numbers_body
from interlock.models.codec import decode_rows
from interlock.models.predictions import GIVEN, answer_of, read_predictions
from interlock.monitor.watch import recent_champions
from interlock.records.model import ModelVersion, Window
from interlock.stack.config import ModelConfig
from interlock.store.sources.faults import NoData

if TYPE_CHECKING:
    import pyarrow as pa

_TRUTH = "truth."


class TruthMismatch(InterlockError):
    """The outcomes do not have the columns that the metrics or the join need."""

    def __init__(self, dataset: str, missing: str, columns: Sequence[str], why: str) -> None:
        super().__init__(
            f"The outcomes in dataset {dataset!r} have no column {missing!r}: {why}.",
            hint=did_you_mean(missing, columns),
        )
        self.missing = missing


def watch_performance(context: RunContext, model: str) -> Sequence[Window]:
    """Judge the answers whose outcomes have become known; return the windows that this made.

    Nothing happens while no outcome is known, none belongs to an answer, or too few do.

    Raises:
        TruthMismatch: The outcomes lack a column.
        BundleError: A version cannot be loaded, or its metrics need what no outcome brings.
        InvalidRequest: An outcome has another type than in training.
    """
    configured = context.project.config.model.get(model)
    if configured is None or configured.truth is None:
        return ()
    try:
        snapshot = current_snapshot(context, configured.truth.data)
    except NoData:
        return ()  # truth that arrives late has, at first, not arrived
    parts = _Parts(context, snapshot)
    found = [
        _watch_version(context, configured, parts, version) for version in recent_champions(context, model)
    ]
    return [window for window in found if window is not None]


class _Parts:
    """The parts of the outcomes, each read once however many versions are judged by it."""

    def __init__(self, context: RunContext, snapshot: Snapshot) -> None:
        self.dataset = snapshot.dataset
        self.digests = {part.path: part.digest for part in snapshot.parts}
        self._snapshot = snapshot
        self._reader = reader_of(context, snapshot.dataset)
        self._tables: dict[str, pa.Table] = {}

    def read(self, paths: Sequence[str]) -> pa.Table:
        """Return the outcomes of some parts."""
        import pyarrow as pa  # heavy: only for those who judge

        for part in self._snapshot.parts:
            if part.path in paths and part.path not in self._tables:
                alone = Snapshot.of(self.dataset, self._snapshot.uri, self._snapshot.format, [part])
                self._tables[part.path] = self._reader.read(alone, pa.Table)
        return pa.concat_tables([self._tables[path] for path in paths], promote_options="permissive")


def _watch_version(
    context: RunContext, configured: ModelConfig, parts: _Parts, version: ModelVersion
) -> Window | None:
    model, number = version.model, version.number
    judged = {
        part
        for window in context.records.windows.list(model, number, "metric")
        for part in window.values["parts"].items()
    }
    fresh = [path for path, digest in parts.digests.items() if (path, digest) not in judged]
    answered = read_predictions(context.project.home, model, version=number) if fresh else None
    if answered is None or not answered.num_rows:
        return None
    joined = _join(configured, parts.dataset, parts.read(fresh), answered)
    if joined.num_rows < configured.drift.min_rows:
        return None
    return _record(context, version, {path: parts.digests[path] for path in fresh}, joined)


def _join(configured: ModelConfig, dataset: str, truth: pa.Table, answered: pa.Table) -> pa.Table:
    """Put each outcome beside the first answer that was given to its row; of two outcomes the last counts."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    key = configured.truth.key if configured.truth else ""
    if key not in truth.column_names:
        raise TruthMismatch(dataset, key, truth.column_names, "it is the key of `truth`")
    asked = answered[_log_key(key, answered)].cast(pa.string()).combine_chunks()
    place = pc.index_in(truth[key].cast(pa.string()), value_set=asked, skip_nulls=True)
    places = place.fill_null(-1).to_numpy()
    known = np.flatnonzero(places >= 0)[::-1]
    first, back = np.unique(places[known], return_index=True)
    joined, outcomes = answered.take(first), truth.take(known[back])
    for name in outcomes.column_names:
        if name != key:
            joined = joined.append_column(f"{_TRUTH}{name}", outcomes[name])
    return joined


def _log_key(key: str, answered: pa.Table) -> str:
    """Return the column of the log that the key means: one of the log, one of the request, else the row's id."""
    for name in (key, f"{GIVEN}{key}"):
        if name in answered.column_names:
            return name
    return "row_id"


def _record(context: RunContext, version: ModelVersion, parts: Mapping[str, str], joined: pa.Table) -> Window:
    workdir = context.project.home.tmp
    bundle = load_bundle(context.store, version.bundle, workdir=workdir, version=version.number)
    try:
        metrics = _judge(bundle, joined)
    finally:
        bundle.close()
    return context.records.windows.add(
        version.model,
        version.number,
        "metric",
        started_at=joined["at"][0].as_py(),
        ended_at=joined["at"][-1].as_py(),
        rows=joined.num_rows,
        values={"parts": dict(parts), "metrics": numbers_body(metrics)},
        alarm=False,
    )


def _judge(bundle: LoadedBundle, joined: pa.Table) -> dict[str, float]:
    """Return what the pipeline's own metrics steps say of the answers, given the outcomes."""
    outcomes = {name: name.removeprefix(_TRUTH) for name in joined.column_names if name.startswith(_TRUTH)}
    columns = {plain: joined[name].to_pylist() for name, plain in outcomes.items()}
    named = (
        dict(zip(bundle.truth_inputs, columns, strict=True))
        if len(columns) == 1 == len(bundle.truth_inputs)
        else {}
    )
    truth = {}
    for name in bundle.truth_inputs:
        column = named.get(name, name)  # a single outcome needs no name: there is nothing to confuse it with
        if column not in columns:
            raise TruthMismatch(bundle.model, name, list(columns), "the metrics step takes it")
        truth[name] = bundle.truth_value(name, columns[column])
    return bundle.metrics(_answers(bundle, joined), truth)


def _answers(bundle: LoadedBundle, joined: pa.Table) -> Any:
    table = answer_of(joined)
    schema = bundle.answer_schema
    if table.column_names == ["answer"] and not schema.rows_are_objects:
        rows: list[Any] = table["answer"].to_pylist()
    elif schema.rows_are_objects:
        rows = table.to_pylist()
    else:
        rows = [list(row.values()) for row in table.to_pylist()]
    return decode_rows(schema, rows)
