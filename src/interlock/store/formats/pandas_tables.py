"""pandas frames and series as Arrow files, exact in dtypes, index and labels."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.arrow import MappedTable, put_table, write_table
from interlock.store.formats.format import Stored, UnreadableArtifact, Unstorable, Vault, loaded
from interlock.store.formats.pandas_columns import to_arrow, to_pandas
from interlock.store.formats.plain import decode, encode
from interlock.store.formats.scalars import NotPlain

if TYPE_CHECKING:
    import pyarrow as pa

_LAYOUT = b"interlock.pandas"
"""The key of the file's own metadata under which the notes of columns and indexes are."""

_WIDE = 64  # pandas warns of frames that consist of more than a hundred separate columns


class PandasFormat:
    """pandas frames and series."""

    name = "pandas"

    def handles(self, value: Any) -> bool:
        """Match frames and series; a subclass is more than its columns."""
        pd = loaded("pandas")
        return pd is not None and type(value) in (pd.DataFrame, pd.Series)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the columns, then the levels of the index.

        Raises:
            Unstorable: A column holds what cannot be kept; the error names it.
        """
        pd = require("pandas", extra="tables")
        series = type(value) is pd.Series
        columns = [value] if series else [value.iloc[:, place] for place in range(value.shape[1])]
        labels = [str(value.name)] if series else [str(label) for label in value.columns]
        packed = [
            to_arrow(column, f"Column {label!r}") for column, label in zip(columns, labels, strict=True)
        ]
        levels, index = _split_index(value.index, "The index")
        layout = {
            "index": index,
            "notes": [note for _, note in packed],
            "attrs": _plain(value.attrs, "attrs"),
            **({"name": _plain(value.name, "name")} if series else {"columns": _pack_index(value.columns)}),
        }
        stored = put_table(_batch([*(array for array, _ in packed), *levels], labels, layout), vault)
        return Stored(
            stored.size, stored.blob, meta={"rows": len(value), "columns": labels, "series": series}
        )

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Map the file. The value may be changed like any other: the file is not."""
        pd = require("pandas", extra="tables")
        mapped = MappedTable.of(vault.path(artifact))
        layout = _layout(mapped.table)
        notes = layout["notes"]
        arrays = [to_pandas(place, note, mapped) for place, note in enumerate(notes)]
        index = _join_index(layout["index"], mapped, len(notes))
        if "name" in layout:
            value = pd.Series(
                arrays[0], index, dtype=arrays[0].dtype, name=decode(layout["name"]), copy=False
            )
        else:
            value = _frame(arrays, index)
            value.columns = _unpack_index(layout["columns"])
        value.attrs = decode(layout["attrs"])
        return value


def _frame(arrays: Sequence[Any], index: Any) -> Any:
    pd = require("pandas", extra="tables")
    # As series, because a frame would look into arrays of objects and make text columns of some.
    columns = [pd.Series(array, index, dtype=array.dtype, copy=False) for array in arrays]
    frame = pd.DataFrame(dict(enumerate(columns)), index, copy=False)
    return frame.copy() if len(columns) > _WIDE else frame


def _batch(arrays: Sequence[pa.Array], labels: Sequence[str], layout: dict[str, Any]) -> pa.RecordBatch:
    """Return all columns as one batch: each is then one piece of memory, and its categories are kept."""
    pa = require("pyarrow", extra="tables")
    names = [*labels, *(f"index {level}" for level in range(len(arrays) - len(labels)))]
    fields = [pa.field(name, array.type) for name, array in zip(names, arrays, strict=True)]
    metadata = {_LAYOUT: json.dumps(layout, separators=(",", ":"), allow_nan=False)}
    return pa.RecordBatch.from_arrays(list(arrays), schema=pa.schema(fields, metadata))


def _layout(table: pa.Table) -> dict[str, Any]:
    text = (table.schema.metadata or {}).get(_LAYOUT)
    if text is None:
        raise UnreadableArtifact("The stored file is no table that was written from pandas.")
    layout: dict[str, Any] = json.loads(text)
    return layout


def _split_index(index: Any, where: str) -> tuple[list[pa.Array], dict[str, Any]]:
    """Return the levels of an index as arrays, and what else is to be known; counting needs no array."""
    pd = require("pandas", extra="tables")
    spec: dict[str, Any] = {"names": _plain(list(index.names), "names")}
    if type(index) is pd.RangeIndex:
        return [], spec | {"range": [index.start, index.stop, index.step]}
    multi = isinstance(index, pd.MultiIndex)
    levels = [index.get_level_values(level) for level in range(index.nlevels)] if multi else [index]
    packed = [to_arrow(level, where) for level in levels]
    spec |= {"levels": [note for _, note in packed], "multi": multi, "freq": getattr(index, "freqstr", None)}
    return [array for array, _ in packed], spec


def _join_index(spec: dict[str, Any], mapped: MappedTable, first: int) -> Any:
    """Return the index whose levels are the columns of the file from `first` on."""
    pd = require("pandas", extra="tables")
    names = decode(spec["names"])
    if "range" in spec:
        return pd.RangeIndex(*spec["range"], name=names[0])
    arrays = [to_pandas(first + level, note, mapped) for level, note in enumerate(spec["levels"])]
    levels = [pd.Index(array, dtype=array.dtype, copy=False, tupleize_cols=False) for array in arrays]
    if spec["multi"]:
        return pd.MultiIndex.from_arrays(levels, names=names)
    (index,) = levels
    if spec["freq"] is not None and isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        index.freq = spec["freq"]
    return index.set_names(names)


def _pack_index(index: Any) -> dict[str, Any]:
    """Return an index as JSON: the labels of columns, of any type, are no rows of the table."""
    import io  # used here only

    levels, spec = _split_index(index, "The labels of the columns")
    out = io.BytesIO()
    write_table(_batch(levels, (), {}), out)
    return spec | {"packed": b64encode(out.getvalue()).decode()}


def _unpack_index(spec: dict[str, Any]) -> Any:
    return _join_index(spec, MappedTable(bytearray(b64decode(spec["packed"]))), 0)


def _plain(value: Any, what: str) -> Any:
    try:
        return encode(value)
    except NotPlain as error:
        raise Unstorable(f"The {what} of a table cannot be kept: {error}.", hint="Use plain data.") from error
