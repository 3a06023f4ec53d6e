"""What the two inference protocols share: the way from a request's bytes to an answer of one version."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from interlock.errors import did_you_mean
from interlock.models.codec import BadAnswer, InvalidRequest, encode_answer, row_count
from interlock.models.predictions import Answered
from interlock.serving.guard import REQUEST_ID
from interlock.serving.live import Live, Servable, Status, Version
from interlock.serving.metrics import Metrics
from interlock.serving.pool import Pool
from interlock.serving.prediction_log import PredictionLog
from interlock.serving.refusal import Refusal

MAX_ROWS = 100_000


@dataclass(frozen=True)
class Ask:
    """What a protocol made of a request.

    Args:
        given: The rows as the model takes them.
        rows: Returns the rows as JSON, for the log; called later, in another thread.
        row_ids: The caller's ids of the rows, if it gave any.
        prefix: What ids are made from when it did not.
    """

    given: Any
    rows: Callable[[], Sequence[Any]]
    row_ids: Sequence[str] | None
    prefix: str


@dataclass(frozen=True)
class Service:
    """The parts of an endpoint that requests need."""

    live: Live
    status: Status
    pool: Pool
    metrics: Metrics
    log: PredictionLog

    def check_model(self, request: Request) -> None:
        """Refuse a model that is not served here.

        Raises:
            Refusal: 404, with the name of the one that is.
        """
        name = request.path_params["model"]
        if name != self.live.model:
            raise Refusal(
                404, f"Unknown model {name[:256]!r}.", hint=did_you_mean(name[:256], [self.live.model])
            )

    async def answer(self, request: Request, work: Callable[[Version, bytes, str], bytes]) -> Response:
        """Answer a request wholly by the version that is live when it arrives, in a thread of the pool."""
        self.check_model(request)
        body = await request.body()
        request_id = request.scope[REQUEST_ID]
        with self.live.take() as version:
            check_version(request, version)
            payload = await self.pool.run(lambda: work(version, body, request_id))
        return Response(payload, media_type="application/json")

    def predict(self, bundle: Servable, ask: Ask, request_id: str, started: float) -> list[Any]:
        """Return the answers to the rows, as JSON values, and log them.

        Raises:
            Refusal: 413 for too many rows, 500 when the model fails or answers what cannot be sent.
        """
        rows = row_count(ask.given)
        check_rows(rows)
        answers = _answers(bundle, ask.given, rows)
        self.metrics.count_rows(str(bundle.version), rows)
        self.log.put(
            Answered(
                request_id=request_id,
                row_ids=ask.row_ids or [f"{ask.prefix}:{place}" for place in range(rows)],
                at=time.time(),
                version=bundle.version,
                run_id=bundle.run_id,
                request_schema=bundle.request_schema,
                answer_schema=bundle.answer_schema,
                rows=ask.rows,
                answers=answers,
                latency_ms=(time.perf_counter() - started) * 1000,
            )
        )
        return answers


def check_version(request: Request, version: Version) -> None:
    """Refuse a version that is not live; a path without one means the live one.

    Raises:
        Refusal: 404.
    """
    asked = _version_asked(request)
    if asked not in ("", version.name):
        raise Refusal(404, f"Version {asked[:256]!r} is not live here.", hint=f"Version {version.name} is.")


def _version_asked(request: Request) -> str:
    """Return the version of a path as it was sent: each has one spelling, without escapes."""
    path: bytes = request.scope["raw_path"]
    return path.partition(b"/versions/")[2].partition(b"/")[0].decode("latin-1")


def check_rows(rows: int) -> None:
    """Refuse a batch that is too large.

    Raises:
        Refusal: 413.
    """
    if rows > MAX_ROWS:
        raise Refusal(
            413, f"A request may have {MAX_ROWS} rows, this one has {rows}.", hint="Send fewer at a time."
        )


def invalid(error: InvalidRequest, status: int) -> Refusal:
    """Return the refusal of a request that does not fit the schema, with all that is wrong with it."""
    return Refusal(
        status,
        error.what.partition("\n")[0].rstrip(":"),
        detail={"faults": [fault.to_json() for fault in error.faults], "total": error.total},
    )


def json_response(body: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def _answers(bundle: Servable, given: Any, rows: int) -> list[Any]:
    try:
        answer = bundle.predict(given)
    except BaseException as error:  # the boundary to user code, which may even call sys.exit()
        raise Refusal(
            500, "The model failed on this request.", hint="The server's log has the reason."
        ) from error
    try:
        return encode_answer(bundle.answer_schema, answer, rows=rows)
    except BadAnswer as error:
        raise Refusal(500, error.what) from error
