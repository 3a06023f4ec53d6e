"""All routes of an endpoint, behind the guard."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, Router

from interlock.serving.docs import Docs
from interlock.serving.guard import Guard, Policy
from interlock.serving.guard_checks import Opening, opening
from interlock.serving.metrics import CONTENT_TYPE
from interlock.serving.oip import OpenInference
from interlock.serving.rows import RowsProtocol
from interlock.serving.service import Service

HEALTH = (opening("GET HEAD", "/v2/health/(live|ready)"),)
"""What is open everywhere: whoever supervises the process has no token."""

LOOPBACK = (
    opening("POST", "(?s)/models/.+/predict"),
    opening("POST", "(?s)/v2/models/.+/infer"),
    *HEALTH,
    opening("GET HEAD", "(?s)/v2(/models(/.*)?)?(?<!/infer)"),
    opening("GET HEAD", "/|/docs|/openapi[.]json|/metrics"),
)
"""What is open besides when only this machine can ask: inference and reading."""


def openings(*, public: bool) -> tuple[Opening, ...]:
    """Return what needs no token; `public` where inference and reading do not."""
    return LOOPBACK if public else HEALTH


def build_app(service: Service, policy: Policy) -> Guard:
    """Return the application of an endpoint."""
    router = Router(_routes(service), redirect_slashes=False)
    return Guard(router, policy, observe=service.metrics.observe)


def _routes(service: Service) -> list[BaseRoute]:
    async def home(_request: Request) -> Response:
        return RedirectResponse("/docs")

    async def metrics(_request: Request) -> Response:
        return Response(service.metrics.render(), headers={"content-type": CONTENT_TYPE})

    return [
        *RowsProtocol(service).routes(),
        *OpenInference(service).routes(),
        *Docs(service.live).routes(),
        Route("/metrics", metrics),
        Route("/", home),
    ]
