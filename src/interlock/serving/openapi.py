"""The OpenAPI 3.1 document of an endpoint, from the schema of the version that is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.models.codec import Column, Schema, metadata_tensors, openapi_schema
from interlock.serving.live import Servable

_EXAMPLES: Mapping[str, Any] = {
    "int": 1,
    "float": 1.5,
    "number": 1,
    "bool": True,
    "string": "text",
    "date": "2013-01-31",
    "duration": 60,
    "json": None,
    "category": "text",
}


def openapi(bundle: Servable) -> dict[str, Any]:
    """Return the document."""
    model = bundle.model
    return {
        "openapi": "3.1.0",
        "info": {"title": model, "version": str(bundle.version), "description": _about(bundle)},
        "paths": {
            f"/models/{model}/predict": {"post": _predict(bundle)},
            f"/v2/models/{model}/infer": {"post": _infer(bundle)},
            f"/v2/models/{model}": {"get": _read("The inputs and outputs of the model")},
            f"/v2/models/{model}/ready": {"get": _read("Whether the model is ready")},
            "/v2": {"get": _read("What kind of server this is")},
            "/v2/health/live": {"get": _read("Whether the process is alive")},
            "/v2/health/ready": {"get": _read("Whether requests are answered")},
            "/metrics": {"get": _read("The numbers of this endpoint, for Prometheus", "text/plain")},
        },
        "components": {
            "schemas": {
                "Rows": openapi_schema(bundle.request_schema),
                "Answers": openapi_schema(bundle.answer_schema),
                "Error": _ERROR,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def example_row(schema: Schema) -> Any:
    """Return a made-up row that fits a schema."""
    if schema.container == "matrix":
        return [_example(schema.columns[0])] * schema.width
    if not schema.rows_are_objects:
        return _example(schema.columns[0])
    return {column.name: _example(column) for column in schema.columns}


def _example(column: Column) -> Any:
    if column.categories:
        return column.categories[0]
    if column.type == "timestamp":
        return "2013-01-31T06:05:00" + ("" if column.tz is None else "Z")
    return _EXAMPLES[column.type]


def _about(bundle: Servable) -> str:
    return f"Version {bundle.version}, made by run {bundle.run_id}. One answer for each row, in the order of the rows."


def _predict(bundle: Servable) -> dict[str, Any]:
    ids = {"type": "array", "items": {"type": ["string", "integer"]}, "description": "One id for each row."}
    request = {
        "type": "object",
        "properties": {"rows": {"$ref": "#/components/schemas/Rows"}, "ids": ids},
        "required": ["rows"],
        "additionalProperties": False,
    }
    answer = {
        "type": "object",
        "properties": {
            "model": {"const": bundle.model},
            "version": {"type": "integer"},
            "request_id": {"type": "string"},
            "answers": {"$ref": "#/components/schemas/Answers"},
        },
        "required": ["model", "version", "request_id", "answers"],
    }
    example = {"rows": [example_row(bundle.request_schema)]}
    return _write("Answer rows", request, example, answer, invalid="422")


def _infer(bundle: Servable) -> dict[str, Any]:
    tensor = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "datatype": {"type": "string"},
            "data": {"type": "array"},
        },
        "required": ["name", "shape", "datatype", "data"],
    }
    request = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": tensor}},
        "required": ["inputs"],
    }
    answer = {
        "type": "object",
        "properties": {
            "model_name": {"const": bundle.model},
            "model_version": {"type": "string"},
            "outputs": {"type": "array", "items": tensor},
        },
        "required": ["model_name", "model_version", "outputs"],
    }
    return _write(
        "Answer tensors (Open Inference Protocol)", request, _tensors(bundle), answer, invalid="400"
    )


def _tensors(bundle: Servable) -> dict[str, Any]:
    schema = bundle.request_schema
    row = example_row(schema)
    tensors = metadata_tensors(schema)
    for tensor, column in zip(tensors, schema.columns, strict=True):
        tensor["shape"] = [1, *tensor["shape"][1:]]
        tensor["data"] = row if schema.container == "matrix" else [_example(column)]
    return {"inputs": tensors}


def _write(
    summary: str, request: dict[str, Any], example: dict[str, Any], answer: dict[str, Any], *, invalid: str
) -> dict[str, Any]:
    body = {"schema": request, "example": example}
    errors = {
        invalid: "The request does not fit the model; every fault with its row and column.",
        "400": "The request is not understood.",
        "401": "A token is needed.",
        "413": "The request is too large.",
        "429": "Too many requests are waiting.",
        "500": "The model failed.",
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": {"description": "The answers.", "content": {"application/json": {"schema": answer}}},
            **{status: _error(errors[status]) for status in sorted(errors)},
        },
        "security": [{}, {"token": []}],
    }


def _read(summary: str, media_type: str = "application/json") -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {media_type: {}}}},
        "security": [{}, {"token": []}],
    }


def _error(says: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": says, "content": {"application/json": {"schema": schema}}}


_FAULT = {
    "type": "object",
    "properties": {
        "row": {"type": ["integer", "null"]},
        "column": {"type": ["string", "null"]},
        "problem": {"type": "string"},
    },
    "required": ["row", "column", "problem"],
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "request_id": {"type": "string"},
        "hint": {"type": "string"},
        "faults": {"type": "array", "items": _FAULT},
        "total": {"type": "integer"},
    },
    "required": ["error", "request_id"],
}
