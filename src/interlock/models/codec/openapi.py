"""The rows of a request or an answer as JSON Schema, for OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from interlock.models.codec.schema import Column, Schema
from interlock.models.codec.times import UNITS

_MAX_CATEGORIES = 200


def openapi_schema(schema: Schema) -> dict[str, Any]:
    """Return the JSON Schema of an array of rows."""
    return {"type": "array", "minItems": 1, "items": _row(schema)}


def _row(schema: Schema) -> dict[str, Any]:
    if schema.container == "matrix":
        item = _value(schema.columns[0])
        return {"type": "array", "items": item, "minItems": schema.width, "maxItems": schema.width}
    if not schema.rows_are_objects:
        return _value(schema.columns[0])
    return {
        "type": "object",
        "properties": {column.name: _value(column) for column in schema.columns},
        "required": list(schema.names),
        "additionalProperties": False,
    }


def _value(column: Column) -> dict[str, Any]:
    if column.type == "json":
        return {}
    if column.type == "category" and column.of is not None and column.categories:
        return _category(column, column.of)
    found = _described(column)
    return {**found, "type": [found["type"], "null"]} if column.nullable else found


def _category(column: Column, of: Column) -> dict[str, Any]:
    if len(column.categories) > _MAX_CATEGORIES:
        found = _described(of)
        return {**found, "type": [found["type"], "null"]} if column.nullable else found
    return {"enum": [*column.categories, *([None] if column.nullable else [])]}


def _described(column: Column) -> dict[str, Any]:
    if column.type in {"int", "duration"}:
        found: dict[str, Any] = {"type": "integer"}
        if column.bounds:
            found["minimum"], found["maximum"] = column.bounds
        if column.type == "duration":
            found["description"] = f"A duration in {UNITS[column.unit]}."
        return found
    if column.type == "timestamp":
        if column.tz is None:
            return {"type": "string", "description": "An ISO 8601 timestamp without UTC offset."}
        return {"type": "string", "format": "date-time", "description": f"Becomes a time in {column.tz}."}
    if column.type == "date":
        return {"type": "string", "format": "date"}
    return {"type": {"bool": "boolean", "float": "number", "number": "number"}.get(column.type, "string")}
