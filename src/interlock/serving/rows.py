"""Plain rows: `POST /models/{model}/predict` with `{"rows": [...], "ids": [...]}`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from interlock.models.codec import InvalidRequest, decode_rows
from interlock.serving.bodies import check_id, check_members, json_type, parse_object
from interlock.serving.live import Version
from interlock.serving.refusal import Refusal
from interlock.serving.service import Ask, Service, check_rows, invalid


class RowsProtocol:
    """Answer rows in the form of the request schema."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this protocol."""
        return [Route("/models/{model}/predict", self.predict, methods=["POST"])]

    async def predict(self, request: Request) -> Response:
        """Answer a batch of rows."""
        return await self._service.answer(request, self._work)

    def _work(self, version: Version, body: bytes, request_id: str) -> bytes:
        started = time.perf_counter()
        asked = parse_object(body)
        check_members(asked, ("rows", "ids"))
        bundle = version.bundle
        if "rows" not in asked:
            raise Refusal(400, "The request has no 'rows'.", hint='Send {"rows": [...]}.')
        rows = asked["rows"]
        if isinstance(rows, list):
            check_rows(len(rows))
        try:
            given = decode_rows(bundle.request_schema, rows)
        except InvalidRequest as error:
            raise invalid(error, 422) from None
        ask = Ask(given, lambda: rows, _ids(asked, len(rows)), request_id)
        answers = self._service.predict(bundle, ask, request_id, started)
        return orjson.dumps(
            {"model": bundle.model, "version": bundle.version, "request_id": request_id, "answers": answers}
        )


def _ids(asked: Mapping[str, Any], rows: int) -> list[str] | None:
    ids = asked.get("ids")
    if ids is None:
        return None
    if not isinstance(ids, list):
        raise Refusal(400, f"'ids' must be an array of strings, not {json_type(ids)}.")
    if len(ids) != rows:
        raise Refusal(
            400, f"There are {rows} rows and {len(ids)} ids.", hint="Give one id for each row, or none."
        )
    return [check_id(value, f"ids[{place}]") for place, value in enumerate(ids)]
