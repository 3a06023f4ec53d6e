"""JSON as it goes over the wire: the same for the endpoint, its clients and the parity check."""

from __future__ import annotations

from typing import Any

from interlock.extras import require


def to_bytes(value: Any) -> bytes:
    """Write JSON; floats keep every bit."""
    # orjson belongs to serving, which the rest of the package can do without.
    written: bytes = require("orjson", extra="serve").dumps(value)
    return written


def from_bytes(body: bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: It is no JSON.
    """
    return require("orjson", extra="serve").loads(body)
