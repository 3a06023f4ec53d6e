"""JSON rows to the value type of `given`, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

from interlock.models.codec import list_values
from interlock.models.codec.cells import Cells, read_cells
from interlock.models.codec.faults import Faults, invalid, json_type, near_names
from interlock.models.codec.kinds import kind_named, kind_of
from interlock.models.codec.outgoing import OtherShape
from interlock.models.codec.schema import Schema

_NAME = "given"


def infer_schema(value: Any, *, name: str = _NAME) -> Schema:
    """Return the schema of a recorded value; `name` names what has no name of its own.

    Raises:
        Unservable: The value cannot be rebuilt exactly from JSON.
    """
    return kind_of(value).infer(value, name)


def decode_rows(schema: Schema, rows: Any) -> Any:
    """Rebuild a value of exactly the recorded type and dtypes from the rows of a request.

    Raises:
        InvalidRequest: The rows do not fit; it has every fault with its row and column.
    """
    if not isinstance(rows, list):
        raise invalid(f"the rows are {json_type(rows)}, not an array of rows")
    if not rows:
        raise invalid("the batch is empty: send at least one row")
    faults = Faults()
    if schema.container == "matrix":
        cells = _matrix_cells(schema, rows, faults)
    elif schema.rows_are_objects:
        cells = _object_cells(schema, rows, faults)
    else:
        cells = [read_cells(schema.columns[0], rows, faults)]
    return build(schema, cells, len(rows), faults)


def build(schema: Schema, cells: list[Cells | None], rows: int, faults: Faults) -> Any:
    """Return the value that has these cells, unless there are faults.

    Raises:
        InvalidRequest: There are.
    """
    faults.raise_any()
    return kind_named(schema.kind).build(schema, [cell for cell in cells if cell is not None], rows)


def encode_rows(schema: Schema, value: Any) -> list[Any]:
    """Return the rows of a value as JSON values that `decode_rows` turns into the same value, to the last bit.

    Raises:
        NotEncodable: There is an infinity.
        OtherShape: The value has other columns than the schema, or is of another library.
    """
    return rows_of(schema, value, name=_NAME, nan_is_null=True)


def rows_of(schema: Schema, value: Any, *, name: str, nan_is_null: bool) -> list[Any]:
    """Return the rows of a value; the schema says which shape it has to have, its dtypes are its own.

    Raises:
        NotEncodable: A value has no form in JSON.
        OtherShape: The library, the container or the columns differ.
        Unservable: It is no value that an endpoint can give.
    """
    kind = kind_of(value)
    found = _shape_of(schema, value, name)
    _check_shape(schema, found)
    columns = kind.lists(value, found, nan_is_null=nan_is_null)
    if schema.container == "matrix":
        width = schema.width
        return [columns[0][at : at + width] for at in range(0, len(columns[0]), width)] if width else []
    if not schema.rows_are_objects:
        return columns[0]
    names = schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _shape_of(schema: Schema, value: Any, name: str) -> Schema:
    if isinstance(value, list) and schema.container == "column":
        return list_values.as_column(value, name)  # some of its rows may look like those of a table
    return kind_of(value).infer(value, name)


def _check_shape(schema: Schema, found: Schema) -> None:
    names = schema.names if schema.rows_are_objects or found.rows_are_objects else found.names
    for what, recorded, got in [
        ("library", schema.kind, found.kind),
        ("shape", schema.container, found.container),
        ("width", schema.width, found.width),
        ("columns", names, found.names),
    ]:
        if recorded != got:
            raise OtherShape(f"{what} {_told(got)} instead of {_told(recorded)}")


def _told(what: Any) -> str:
    return ", ".join(what) if isinstance(what, tuple) else str(what)


def _object_cells(schema: Schema, rows: list[Any], faults: Faults) -> list[Cells | None]:
    names = schema.names
    if set(map(type, rows)) == {dict} and set(map(len, rows)) == {len(names)}:
        try:
            columns = [[row[name] for row in rows] for name in names]
        except KeyError:
            pass  # explained below
        else:
            pairs = zip(schema.columns, columns, strict=True)
            return [read_cells(column, values, faults) for column, values in pairs]
    _explain_rows(schema, rows, faults)
    return []


def _explain_rows(schema: Schema, rows: list[Any], faults: Faults) -> None:
    """Note every fault of rows of which at least one has not exactly the columns."""
    objects = [(at, row) for at, row in enumerate(rows) if isinstance(row, dict)]
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            faults.add(at, None, f"this row is {json_type(row)}, not an object with the columns as members")
    _explain_members(schema, objects, faults)
    for column in schema.columns:
        held = [(at, row[column.name]) for at, row in objects if column.name in row]
        places = [(at, column.name) for at, _ in held]
        read_cells(column, [value for _, value in held], faults, places.__getitem__)


def _explain_members(schema: Schema, objects: list[tuple[int, dict[str, Any]]], faults: Faults) -> None:
    """Note missing and unknown columns, one fault for each name however many rows have it."""
    counts = Counter(name for _, row in objects for name in row)
    first_with: dict[str, int] = {}
    for at, row in reversed(objects):
        first_with |= dict.fromkeys(row, at)
    for name in schema.names:
        absent = len(objects) - counts[name]
        if absent:
            first = next(at for at, row in objects if name not in row)
            faults.add(
                *_where(first, absent, len(objects)),
                f"the column {name!r} is missing" + _rows(absent, len(objects)),
            )
    known = set(schema.names)
    offered = [name for name in schema.names if not counts[name]] or schema.names
    for name in [name for name in counts if name not in known]:
        how_many = _rows(counts[name], len(objects))
        where = _where(first_with[name], counts[name], len(objects))
        faults.add(*where, partial(_unknown, name, offered, how_many))


def _unknown(name: str, known: Sequence[str], how_many: str) -> str:
    return f"there is no column {name[:100]!r} in this model{near_names(name, known)}{how_many}"


def _where(first: int, some: int, every: int) -> tuple[int | None, None]:
    return (None if some == every and every > 1 else first), None


def _rows(some: int, every: int) -> str:
    if every == 1:
        return ""
    return " in all rows" if some == every else f" in {some} of {every} rows"


def _matrix_cells(schema: Schema, rows: list[Any], faults: Faults) -> list[Cells | None]:
    width, column = schema.width, schema.columns[0]
    for at, row in enumerate(rows):
        if not isinstance(row, list):
            faults.add(at, None, f"this row is {json_type(row)}, not an array of {width} values")
        elif len(row) != width:
            faults.add(at, None, f"this row has {len(row)} values, not {width}")
    if faults.total:
        return []
    flat = list(chain.from_iterable(rows))
    return [read_cells(column, flat, faults, lambda position: (position // width, str(position % width)))]
