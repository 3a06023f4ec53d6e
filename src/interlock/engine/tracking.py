"""What a step may log while it runs: numbers, figures and tables, without knowing where they go."""

from __future__ import annotations

import functools
import io
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InterlockError

FIGURE, TABLE = "figure:", "table:"
"""What the names of logged figures and tables start with among the outputs of a step."""

_LOGGER = logging.getLogger("interlock")


class NotLoggable(InterlockError):
    """A value given to `log`, `log_figure` or `log_table` is not of the kind that they take."""


@dataclass(frozen=True, slots=True)
class LoggedMetric:
    """One number that a step logged."""

    name: str
    step: int
    value: float
    at: float


@dataclass
class Scope:
    """What one running step has logged so far.

    Attributes:
        tell: Told each number as it is logged, by an engine that brings them to the records while the step runs.
    """

    metrics: list[LoggedMetric] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    tell: Callable[[LoggedMetric], None] | None = None

    def add(self, metric: LoggedMetric) -> None:
        """Take in a number."""
        self.metrics.append(metric)
        if self.tell is not None:
            self.tell(metric)


_SCOPE: ContextVar[Scope | None] = ContextVar("interlock_scope", default=None)


@contextmanager
def logging_into(scope: Scope) -> Iterator[Scope]:
    """Let `log`, `log_figure` and `log_table` write into a scope while the block runs."""
    token = _SCOPE.set(scope)
    try:
        yield scope
    finally:
        _SCOPE.reset(token)


def log(*, step: int | None = None, **metrics: float) -> None:
    """Record numbers under their names, as points of series when called repeatedly.

    Outside a run it does nothing but say so once.

    Args:
        step: Position in the series; by default the next one.
        metrics: Numbers by name.

    Raises:
        NotLoggable: A value is no number.
    """
    scope = _scope("log")
    if scope is None:
        return
    now = time.time()
    for name, value in metrics.items():
        position = step if step is not None else sum(one.name == name for one in scope.metrics)
        scope.add(LoggedMetric(name, position, _number(name, value), now))


def log_figure(name: str, figure: Any) -> None:
    """Record a figure: a matplotlib figure or axes, a plotly figure, or the bytes of an image.

    Outside a run it does nothing but say so once.

    Raises:
        NotLoggable: It is none of these.
    """
    scope = _scope("log_figure")
    if scope is not None:
        scope.values[f"{FIGURE}{name}"] = _figure_bytes(name, figure)


def log_table(name: str, table: Any) -> None:
    """Record a table: a pandas or polars frame, a pyarrow table, or a list of rows.

    Outside a run it does nothing but say so once.

    Raises:
        NotLoggable: It is none of these.
    """
    scope = _scope("log_table")
    if scope is None:
        return
    library = type(table).__module__.partition(".")[0]
    if library not in ("pandas", "polars", "pyarrow") and not isinstance(table, list):
        raise NotLoggable(
            f"log_table({name!r}, ...) takes a table or a list of rows, not {type(table).__name__}."
        )
    scope.values[f"{TABLE}{name}"] = table


def _scope(function: str) -> Scope | None:
    scope = _SCOPE.get()
    if scope is None:
        _hint_once(function)
    return scope


@functools.cache
def _hint_once(function: str) -> None:
    _LOGGER.warning("interlock.%s does nothing outside a step of a run.", function)


def _number(name: str, value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise NotLoggable(f"log({name}=...) takes a number, not {type(value).__name__} {value!r}.") from None


def _figure_bytes(name: str, figure: Any) -> bytes:
    if isinstance(figure, bytes | bytearray):
        return bytes(figure)
    if hasattr(figure, "to_html") and type(figure).__module__.startswith("plotly"):
        return str(figure.to_html(include_plotlyjs=True)).encode()
    if hasattr(figure, "get_figure"):  # matplotlib axes, and figures since 3.10
        figure = figure.get_figure() or figure
    if not hasattr(figure, "savefig"):
        raise NotLoggable(
            f"log_figure({name!r}, ...) takes a matplotlib or plotly figure or the bytes of an image, "
            f"not {type(figure).__name__}."
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})  # no version: same figure, same bytes
    return buffer.getvalue()
