"""Tables of pandas, polars and pyarrow as uncompressed Arrow files, mapped into memory when read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.base import Unstorable, Written, library_of


def _arrow_file(table: Any, meta: Mapping[str, Any]) -> Written:
    pa = require("pyarrow", extra="tables")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return Written(
        memoryview(sink.getvalue()), meta={**meta, "rows": table.num_rows, "columns": table.column_names}
    )


def _read_table(path: Path) -> Any:
    pa = require("pyarrow", extra="tables")
    if path.stat().st_size == 0:
        return pa.table({})
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


class PandasFormat:
    """pandas frames and series, with their index and dtypes."""

    name = "arrow.pandas"

    def handles(self, value: Any) -> bool:
        return library_of(value) == "pandas" and type(value).__name__ in ("DataFrame", "Series")

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        pa = require("pyarrow", extra="tables")
        series = type(value).__name__ == "Series"
        frame = value.to_frame(name="values") if series else value
        columns = list(frame.columns)
        if frame.columns.nlevels > 1 or len(set(map(str, columns))) != len(columns):
            raise Unstorable(
                "A table with a column index of several levels or equal names cannot be kept.",
                hint="Give each column a name of its own.",
            )
        self._check_objects(frame)
        try:
            table = pa.Table.from_pandas(frame.set_axis([str(c) for c in columns], axis="columns"))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise Unstorable(
                f"A column of the table cannot be kept: {error}.",
                hint="Convert the column to one type, or allow pickle: @step(pickle=True).",
            ) from error
        names = (
            None if all(isinstance(c, str) for c in columns) else json.loads(json.dumps(columns, default=str))
        )
        meta = {
            "series": series,
            "name": value.name if series and isinstance(value.name, str | int) else None,
        }
        return _arrow_file(table, meta | {"names": names})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        frame = _read_table(path).to_pandas()
        if artifact.meta["names"] is not None:
            frame.columns = artifact.meta["names"]
        return frame["values"].rename(artifact.meta["name"]) if artifact.meta["series"] else frame

    def _check_objects(self, frame: Any) -> None:
        for column, dtype in frame.dtypes.items():
            if dtype == object:
                kinds = {type(item).__name__ for item in frame[column].head(1000) if item is not None}
                if (
                    not kinds <= {"str", "float", "bytes", "bool", "date", "Decimal", "list", "dict"}
                    or len(kinds - {"float"}) > 1
                ):
                    raise Unstorable(
                        f"Column {column!r} holds Python objects ({', '.join(sorted(kinds)[:4])}).",
                        hint="Convert the column to one type, or allow pickle: @step(pickle=True).",
                    )


class PolarsFormat:
    """polars frames and series."""

    name = "arrow.polars"

    def handles(self, value: Any) -> bool:
        return library_of(value) == "polars" and type(value).__name__ in ("DataFrame", "Series")

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        series = type(value).__name__ == "Series"
        frame = value.to_frame() if series else value
        return _arrow_file(frame.to_arrow(), {"series": series})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        pl = require("polars", extra="polars")
        frame = pl.from_arrow(_read_table(path))
        return frame.to_series() if artifact.meta["series"] else frame


class ArrowFormat:
    """pyarrow tables."""

    name = "arrow"

    def handles(self, value: Any) -> bool:
        return library_of(value) == "pyarrow" and type(value).__name__ == "Table"

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        return _arrow_file(value, {})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        return _read_table(path)
