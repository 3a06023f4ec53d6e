"""The Open Inference Protocol, version 2, over REST and JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from interlock.models.codec import (
    AnswerSchema,
    InvalidRequest,
    decode_tensors,
    encode_rows,
    metadata_tensors,
    tensors_of,
)
from interlock.serving.bodies import check_id, check_members, json_type, parse_object
from interlock.serving.live import Version
from interlock.serving.refusal import Refusal
from interlock.serving.service import Ask, Service, check_version, invalid, json_response

_MEMBERS = ("inputs", "outputs", "id", "parameters")
_BINARY = b"inference-header-content-length"


class OpenInference:
    """Answer tensors; tell about the server and its model.

    Faults of a request are answered with 400, as the protocol says. Tensors travel as JSON only: the
    extension for raw bytes is not offered, and a client that asks for raw bytes back gets JSON. Request
    parameters that the protocol does not know are accepted if they are plain values, and ignored.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the protocol, the busiest first."""
        one = "/v2/models/{model}"
        fixed = one + "/versions/{version}"
        return [
            Route(f"{one}/infer", self.infer, methods=["POST"]),
            Route(f"{fixed}/infer", self.infer, methods=["POST"]),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            Route("/v2", self.server),
            Route(one, self.model),
            Route(f"{one}/ready", self.model_ready),
            Route(fixed, self.model),
            Route(f"{fixed}/ready", self.model_ready),
        ]

    async def server(self, _request: Request) -> Response:
        """Tell what kind of server this is."""
        return json_response({"name": "interlock", "version": _own_version(), "extensions": []})

    async def live(self, _request: Request) -> Response:
        """Say that the process is alive."""
        return json_response({"live": True})

    async def ready(self, _request: Request) -> Response:
        """Say whether the endpoint and what it stands on are there; a version that waits is told, not counted."""
        status = self._service.status
        body = {"ready": status.ready, "troubles": status.troubles}
        if not status.ready:
            what = "The endpoint is stopping." if status.closing else "The endpoint lacks what it stands on."
            raise Refusal(503, what, detail=body)
        return json_response(body)

    async def model(self, request: Request) -> Response:
        """Tell the inputs and outputs of the live version."""
        version = self._checked(request)
        bundle = version.bundle
        return json_response(
            {
                "name": bundle.model,
                "versions": [version.name],
                "platform": "interlock",
                "inputs": metadata_tensors(bundle.request_schema),
                "outputs": metadata_tensors(bundle.answer_schema),
                "run": bundle.run_id,
                "pending_error": self._service.status.troubles.get("pending"),
            }
        )

    async def model_ready(self, request: Request) -> Response:
        """Say whether the model answers, which it does whatever becomes of the store and the records."""
        self._checked(request)
        body = {"name": self._service.live.model, "ready": not self._service.status.closing}
        if self._service.status.closing:
            raise Refusal(503, "The endpoint is stopping.", detail=body)
        return json_response(body)

    async def infer(self, request: Request) -> Response:
        """Answer tensors."""
        if any(name == _BINARY for name, _ in request.scope["headers"]):
            raise Refusal(
                415, "Tensors as raw bytes are not offered.", hint="Send the data of the tensors as JSON."
            )
        return await self._service.answer(request, self._work)

    def _checked(self, request: Request) -> Version:
        self._service.check_model(request)
        version = self._service.live.current
        check_version(request, version)
        return version

    def _work(self, version: Version, body: bytes, request_id: str) -> bytes:
        started = time.perf_counter()
        asked = parse_object(body)
        check_members(asked, _MEMBERS)
        bundle = version.bundle
        own_id = check_id(asked["id"], "id") if "id" in asked else None
        _check_parameters(asked.get("parameters", {}))
        wanted = _wanted(asked, bundle.answer_schema)
        schema, inputs = bundle.request_schema, asked.get("inputs")
        try:
            given = decode_tensors(schema, inputs)
        except InvalidRequest as error:
            raise invalid(error, 400) from None
        ask = Ask(
            given, lambda: encode_rows(schema, decode_tensors(schema, inputs)), None, own_id or request_id
        )
        answers = self._service.predict(bundle, ask, request_id, started)
        outputs = tensors_of(bundle.answer_schema, answers)
        reply: dict[str, Any] = {"model_name": bundle.model, "model_version": version.name}
        if own_id is not None:
            reply["id"] = own_id
        reply["outputs"] = [tensor for tensor in outputs if wanted is None or tensor["name"] in wanted]
        return orjson.dumps(reply)


def _own_version() -> str:
    try:
        return metadata.version("interlock")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _check_parameters(parameters: Any) -> None:
    if not isinstance(parameters, dict):
        raise Refusal(400, f"'parameters' must be an object, not {json_type(parameters)}.")
    for name, value in parameters.items():
        if isinstance(value, dict | list) or value is None:
            raise Refusal(400, f"The parameter {name[:100]!r} must be a string, a number or a boolean.")
        if name == "binary_data_output" and not isinstance(value, bool):
            raise Refusal(400, "The parameter 'binary_data_output' must be a boolean.")


def _wanted(asked: Mapping[str, Any], schema: AnswerSchema) -> set[str] | None:
    """Return the names of the outputs that a request asks for; None for all."""
    outputs = asked.get("outputs")
    if outputs is None and "outputs" not in asked:
        return None
    if not isinstance(outputs, list):
        raise Refusal(400, f"'outputs' must be an array, not {json_type(outputs)}.")
    names = [_output_name(output, place, schema.names) for place, output in enumerate(outputs)]
    if len(set(names)) != len(names):
        raise Refusal(400, "An output is asked for twice.")
    return set(names) or None


def _output_name(output: Any, place: int, known: Sequence[str]) -> str:
    name = output.get("name") if isinstance(output, dict) else None
    if not isinstance(name, str):
        raise Refusal(400, f"outputs[{place}] is not an object with a 'name'.")
    if name not in known:
        raise Refusal(400, f"There is no output {name[:100]!r}.", hint=f"There is: {', '.join(known)}.")
    if not isinstance(output.get("parameters", {}), dict):
        raise Refusal(400, f"The 'parameters' of outputs[{place}] must be an object.")
    return name
