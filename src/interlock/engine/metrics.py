"""The metrics of a run: what its metrics steps returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from interlock.errors import InterlockError
from interlock.graph.model import Graph, Ref


class MetricsError(InterlockError):
    """A metrics step returned something else than a dict of numbers."""


def metric_refs(graph: Graph) -> tuple[Ref, ...]:
    """Return the outputs that hold the metrics of a pipeline."""
    return graph.deployable.metrics if graph.deployable else ()


def merged_metrics(found: Iterable[tuple[Ref, Any]]) -> dict[str, float]:
    """Return the metrics of several steps as one dict of floats; NaN stays NaN.

    Raises:
        MetricsError: A value is no dict of numbers, or two steps name the same metric.
    """
    merged: dict[str, float] = {}
    for ref, value in found:
        for name, number in _numbers(ref, value).items():
            if name in merged:
                raise MetricsError(
                    f"The metric {name!r} is returned by two steps; one of them is {str(ref)!r}."
                )
            merged[name] = number
    return merged


def _numbers(ref: Ref, value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise MetricsError(
            f"The metrics step {str(ref)!r} returned {type(value).__name__}, not a dict of numbers.",
            hint='Return something like {"auc": 0.7}.',
        )
    return {str(name): _number(ref, str(name), number) for name, number in value.items()}


def _number(ref: Ref, name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise MetricsError(
            f"The metric {name!r} of step {str(ref)!r} is {type(value).__name__} {value!r}, not a number."
        ) from None
