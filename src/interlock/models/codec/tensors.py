"""Tensors of the Open Inference Protocol (version 2, REST) to the value type of `given`, and back.

A table is one tensor per column, of shape [n] or [n, 1]; a vector is one tensor of shape [n], a matrix one
of shape [n, width]. Texts, timestamps and dates are BYTES; JSON null stands for a missing value where the
schema allows one. Values that plain Python alone knows are BYTES that hold JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from interlock.models.codec.answers import encode_answer
from interlock.models.codec.cells import Cells, Place, read_cells
from interlock.models.codec.faults import Faults, invalid, json_type, near_names, shown
from interlock.models.codec.rows import build, encode_rows
from interlock.models.codec.schema import Column, ColumnType, Schema

_NUMBERS = frozenset(
    {"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "FP32", "FP64"}
)
_DATATYPES = _NUMBERS | {"BOOL", "BYTES"}
_ALIAS = "input-0"
_MEMBERS = frozenset({"name", "shape", "datatype", "data", "parameters"})


def decode_tensors(schema: Schema, inputs: Any) -> Any:
    """Rebuild a value of exactly the recorded type and dtypes from the `inputs` of an inference request.

    The one tensor of a vector or matrix may be called "input-0" as well.

    Raises:
        InvalidRequest: The tensors do not fit; it has every fault.
    """
    if not isinstance(inputs, list):
        raise invalid(f"'inputs' is {json_type(inputs)}, not an array of tensors")
    faults = Faults()
    named = _by_name(schema, inputs, faults)
    flat = {name: _flat(schema, name, tensor, faults) for name, tensor in named.items()}
    faults.raise_any()
    rows = _row_count(schema, named, faults)
    cells = [
        _cells(schema, column, named[column.name]["datatype"], flat[column.name], faults)
        for column in schema.columns
    ]
    return build(schema, cells, rows, faults)


def encode_tensors(schema: Schema, value: Any, *, is_answer: bool = False) -> list[dict[str, Any]]:
    """Return the tensors of a value: of an inference response for an answer, of a request for a `given`.

    Raises:
        BadAnswer: An answer has a NaN or an infinity, or does not look like the recorded one.
        NotEncodable: A `given` has an infinity.
        OtherShape: A `given` does not look like the recorded one.
    """
    return tensors_of(schema, encode_answer(schema, value) if is_answer else encode_rows(schema, value))


def tensors_of(schema: Schema, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the tensors that hold rows already encoded for this schema."""
    if schema.container == "matrix":
        return [_tensor(schema.columns[0], [len(rows), schema.width], list(chain.from_iterable(rows)))]
    if not schema.rows_are_objects:
        return [_tensor(schema.columns[0], [len(rows)], list(rows))]
    return [_tensor(column, [len(rows)], [row[column.name] for row in rows]) for column in schema.columns]


def metadata_tensors(schema: Schema) -> list[dict[str, Any]]:
    """Return the `inputs` or `outputs` of the model metadata; -1 stands for the number of rows."""
    shape = [-1, schema.width] if schema.container == "matrix" else [-1]
    return [{"name": column.name, "datatype": datatype(column), "shape": shape} for column in schema.columns]


def datatype(column: Column) -> str:
    """Return the datatype of the protocol for the values of a column."""
    if column.type == "category" and column.of is not None and column.categories:
        return datatype(column.of)
    if column.type in {"string", "category", "timestamp", "date", "json"}:
        return "BYTES"
    if column.type == "bool":
        return "BOOL"
    if column.type in {"int", "duration"}:
        return (column.number or "int64").upper()
    return {"float16": "FP16", "float32": "FP32"}.get(column.number, "FP64")


def _tensor(column: Column, shape: list[int], data: list[Any]) -> dict[str, Any]:
    if column.type == "json":
        data = [json.dumps(value) for value in data]
    return {"name": column.name, "shape": shape, "datatype": datatype(column), "data": data}


def _by_name(schema: Schema, inputs: list[Any], faults: Faults) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for at, tensor in enumerate(inputs):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            faults.add(None, None, f"input {at} is not an object with a 'name'")
            continue
        name = tensor["name"]
        if name == _ALIAS and _ALIAS not in schema.names and len(schema.names) == 1:
            name = schema.names[0]
        if name not in schema.names:
            faults.add(
                None, None, partial(_unknown, "there is no input {!r} in this model", name, schema.names)
            )
        elif name in found:
            faults.add(None, name, "the input is given twice")
        else:
            found[name] = tensor
    for name in schema.names:
        if name not in found:
            faults.add(None, name, "the input is missing")
    return found


def _unknown(says: str, name: str, known: Iterable[str]) -> str:
    return f"{says.format(name[:100])}{near_names(name, known)}"


def _flat(schema: Schema, name: str, tensor: Mapping[str, Any], faults: Faults) -> list[Any]:
    """Return the data of a tensor in one flat list, noting what is wrong with the tensor as such."""
    before = faults.total
    column = schema.columns[schema.names.index(name)]
    for member in [member for member in tensor if member not in _MEMBERS]:
        faults.add(None, name, partial(_unknown, "a tensor has no member {!r}", member, _MEMBERS))
    if not isinstance(tensor.get("parameters", {}), dict):
        faults.add(None, name, f"its 'parameters' are {json_type(tensor['parameters'])}, not an object")
    problem = _datatype_problem(column, tensor.get("datatype")) or _shape_problem(schema, tensor.get("shape"))
    if problem:
        faults.add(None, name, problem)
    data = tensor.get("data")
    if not isinstance(data, list):
        faults.add(
            None, name, "it has no 'data' array; tensors as raw bytes after the JSON are not known here"
        )
    if faults.total > before or not isinstance(data, list):
        return []
    flat = _unnested(data, tensor["shape"])
    size = math.prod(tensor["shape"])
    if flat is None or len(flat) != size:
        held = "is nested otherwise" if flat is None else f"has {len(flat)} values"
        faults.add(None, name, f"its shape {tensor['shape']} asks for {size} values, its data {held}")
    return flat or []


def _datatype_problem(column: Column, given: Any) -> str:
    if not isinstance(given, str) or given not in _DATATYPES:
        return f"its 'datatype' is {shown(given)}, which is none of {', '.join(sorted(_DATATYPES))}"
    wanted = datatype(column)
    if given == wanted or (given in _NUMBERS and wanted in _NUMBERS):
        return ""
    return f"its datatype is {given}, this input is {wanted}"


def _shape_problem(schema: Schema, shape: Any) -> str:
    whole = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not whole:
        return f"its 'shape' is {shown(shape)}, not an array of sizes"
    if schema.container == "matrix":
        fits, wanted = len(shape) == 2 and shape[1] == schema.width, f"[n, {schema.width}]"
    else:
        fits, wanted = len(shape) == 1 or (len(shape) == 2 and shape[1] == 1), "[n] or [n, 1]"
    return "" if fits else f"its shape is {shown(shape)}, not {wanted}"


def _unnested(data: list[Any], shape: list[int]) -> list[Any] | None:
    """Return the values of data that is flat, or nested as its shape says; None when it is neither."""
    if len(shape) == 1 or not any(isinstance(item, list) for item in data):
        return data
    if not all(isinstance(item, list) and len(item) == shape[1] for item in data) or len(data) != shape[0]:
        return None
    return list(chain.from_iterable(data))


def _row_count(schema: Schema, named: Mapping[str, Mapping[str, Any]], faults: Faults) -> int:
    rows = [named[name]["shape"][0] for name in schema.names]
    for name, count in zip(schema.names, rows, strict=True):
        if count != rows[0]:
            faults.add(None, name, f"it has {count} rows, the input {schema.names[0]!r} has {rows[0]}")
    faults.raise_any()
    if rows[0] == 0:
        raise invalid("the batch is empty: send at least one row")
    return int(rows[0])


def _cells(schema: Schema, column: Column, declared: str, values: list[Any], faults: Faults) -> Cells | None:
    if column.type == "json":
        values = _parsed(column, values, faults)
    place = _place_in(schema.width) if schema.container == "matrix" else None
    if declared != datatype(column):
        in_range = read_cells(_as_declared(column, declared), values, faults, place)
        if in_range is None:
            return None
    return read_cells(column, values, faults, place)


def _place_in(width: int) -> Place:
    return lambda position: (position // width, str(position % width))


def _as_declared(column: Column, declared: str) -> Column:
    """Return the column that a request says it sends: other numbers than the model's, but within their range."""
    number = declared.lower().replace("fp", "float")
    kind: ColumnType = "float" if declared.startswith("FP") else "int"
    return Column(column.name, kind, number, nullable=column.nullable, number=number)


def _parsed(column: Column, values: list[Any], faults: Faults) -> list[Any]:
    found: list[Any] = []
    for row, value in enumerate(values):
        try:
            found.append(json.loads(value))
        except (TypeError, ValueError, RecursionError):
            faults.add(row, column.name, f"{shown(value)} is not JSON in a string")
            found.append("")
    return found
