"""How well a model does, once the truth is known: outcomes joined with the answers that were given.

The outcomes are a dataset of their own (`truth` of the model). Each of its parts is judged once for each
version that answered rows of it, together with what arrived before and was too little to judge. A part that
changes is judged anew as a whole; outcomes that come in files of their own give windows in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interlock.engine.context import RunContext
from interlock.engine.datasets import current_snapshot
from interlock.errors import InterlockError, did_you_mean
from interlock.identity.artifact import Snapshot
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.bundle_manifest import numbers_body
from interlock.models.codec import decode_rows
from interlock.models.predictions import GIVEN, answer_of, read_predictions
from interlock.records.model import Window
from interlock.stack.config import ModelConfig
from interlock.store.sources import NoData, read_snapshot

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


@dataclass(frozen=True)
class _Outcomes:
    """The outcomes of some parts that no window of a version covers yet."""

    parts: dict[str, str]
    joined: pa.Table


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
    answered = read_predictions(context.project.home, model)
    versions = sorted(set(answered["version"].to_pylist()))
    found = [_watch_version(context, model, configured, snapshot, version, answered) for version in versions]
    return [window for window in found if window is not None]


def _watch_version(
    context: RunContext,
    model: str,
    configured: ModelConfig,
    snapshot: Snapshot,
    version: int,
    answered: pa.Table,
) -> Window | None:
    judged = {
        (path, digest)
        for window in context.records.windows.list(model, version, "metric")
        for path, digest in window.values["parts"].items()
    }
    fresh = [part for part in snapshot.parts if (part.path, part.digest) not in judged]
    if not fresh:
        return None
    piece = Snapshot.of(snapshot.dataset, snapshot.uri, snapshot.format, fresh)
    outcomes = _join(context, configured, piece, _of_version(answered, version))
    if outcomes.joined.num_rows < configured.drift.min_rows:
        return None
    return _record(context, model, version, outcomes)


def _of_version(answered: pa.Table, version: int) -> pa.Table:
    import pyarrow.compute as pc  # heavy: only for those who judge

    return answered.filter(pc.equal(answered["version"], version))


def _join(context: RunContext, configured: ModelConfig, piece: Snapshot, answered: pa.Table) -> _Outcomes:
    """Put each outcome beside the first answer that was given to its row."""
    import pyarrow as pa

    truth_config = configured.truth
    key = truth_config.key if truth_config else ""
    truth: pa.Table = read_snapshot(piece, context.project.root, pa.Table)
    if key not in truth.column_names:
        raise TruthMismatch(piece.dataset, key, truth.column_names, "it is the key of `truth`")
    own = _log_key(key, answered)
    first: dict[str, int] = {}
    for row, name in enumerate(answered[own].cast(pa.string()).to_pylist()):
        first.setdefault(name, row)
    known = {name: row for row, name in enumerate(truth[key].cast(pa.string()).to_pylist()) if name in first}
    pairs = sorted((first[name], row) for name, row in known.items())
    joined = answered.take(pa.array([pair[0] for pair in pairs], pa.int64()))
    outcomes = truth.take(pa.array([pair[1] for pair in pairs], pa.int64()))
    for name in outcomes.column_names:
        if name == key:
            continue
        joined = joined.append_column(f"{_TRUTH}{name}", outcomes[name])
    return _Outcomes({part.path: part.digest for part in piece.parts}, joined)


def _log_key(key: str, answered: pa.Table) -> str:
    """Return the column of the log that the key means: one of the log, one of the request, else the row's id."""
    for name in (key, f"{GIVEN}{key}"):
        if name in answered.column_names:
            return name
    return "row_id"


def _record(context: RunContext, model: str, version: int, outcomes: _Outcomes) -> Window:
    joined = outcomes.joined
    home = context.project.home
    number = context.records.models.get(model, version)
    bundle = load_bundle(context.store, number.bundle, workdir=home.tmp, version=version)
    try:
        metrics = _judge(bundle, joined)
    finally:
        bundle.close()
    times = sorted((joined["at"][0].as_py(), joined["at"][-1].as_py()))
    return context.records.windows.add(
        model,
        version,
        "metric",
        started_at=times[0],
        ended_at=times[1],
        rows=joined.num_rows,
        values={"parts": outcomes.parts, "metrics": numbers_body(metrics)},
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
