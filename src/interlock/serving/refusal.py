"""A request that gets an error for an answer, and how that error looks on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.errors import InterlockError


class Refusal(InterlockError):
    """Answer a request with an error status and a JSON body instead of a result.

    Args:
        status: The HTTP status.
        what: One sentence for the caller; never a path, a traceback or a secret.
        hint: What the caller can do.
        detail: More members of the JSON body, such as the list of faults.
        headers: Headers that belong to the status, such as Allow or Retry-After.
    """

    def __init__(
        self,
        status: int,
        what: str,
        *,
        hint: str = "",
        detail: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what, hint=hint)
        self.status = status
        self.detail = dict(detail or {})
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        """Return the JSON body: the error, the request's id, and what else helps."""
        members: dict[str, Any] = {"error": self.what, "request_id": request_id}
        if self.hint:
            members["hint"] = self.hint
        return json.dumps({**members, **self.detail}).encode()


def failed(request_id: str) -> Refusal:
    """Return the answer to a request on which our own code stumbled; the log has the rest."""
    return Refusal(
        500, "The server failed on this request.", hint=f"Its log has the reason under {request_id}."
    )
