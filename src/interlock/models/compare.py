"""The champion on the challenger's holdout: its slice on the challenger's rows, judged by the challenger's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InterlockError
from interlock.models.bundle import LoadedBundle


@dataclass(frozen=True)
class Comparison:
    """The champion's metrics on the same holdout, or why there are none."""

    version: int
    metrics: Mapping[str, float] | None = None
    failed: str = ""
    answer: Any = field(default=None, repr=False, compare=False)


def compare(champion: LoadedBundle, challenger: LoadedBundle, given: Any) -> Comparison:
    """Judge the champion as the challenger was judged.

    Args:
        champion: The loaded champion.
        challenger: The loaded challenger, whose metrics steps are used.
        given: The rows that the challenger was judged on.

    Returns:
        The metrics; or the reason why the champion cannot be judged on these rows, so that gates fail closed.
    """
    try:
        answer = champion.predict(given)
        return Comparison(champion.version, challenger.metrics(answer), answer=answer)
    except InterlockError as error:
        return Comparison(champion.version, failed=error.what)
    except Exception as error:  # noqa: BLE001 - the boundary to user code: the champion's steps, on newer rows
        return Comparison(champion.version, failed=f"{type(error).__name__}: {error}")
