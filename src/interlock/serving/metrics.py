"""The numbers of an endpoint, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from interlock.serving.prediction_log import LogCounts

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Count requests and rows; everything else is read where it is kept when somebody asks.

    Each endpoint has a registry of its own: two in one process do not share numbers.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "interlock_requests",
            "Requests answered, by handler and status.",
            ["handler", "status"],
            registry=self.registry,
        )
        self._errors = Counter(
            "interlock_errors", "Requests answered with a status of 500 and above.", registry=self.registry
        )
        self._seconds = Histogram(
            "interlock_request_seconds", "Time from the request's headers to the last byte of its answer.",
            ["handler"], buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._rows = Counter(
            "interlock_rows", "Rows predicted.", ["model", "version"], registry=self.registry
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, handler: str, status: int, seconds: float) -> None:
        """Count one answered request; `handler` is a name of ours, never text of the client's."""
        children = self._children.get((handler, status))
        if children is None:
            children = (self._requests.labels(handler, str(status)), self._seconds.labels(handler))
            self._children[handler, status] = children
        children[0].inc()
        children[1].observe(seconds)
        if status >= 500:
            self._errors.inc()

    def count_rows(self, version: str, rows: int) -> None:
        """Count predicted rows of a version."""
        self._rows.labels(self._model, version).inc(rows)

    def watch(
        self, version: Callable[[], int], in_flight: Callable[[], int], log: Callable[[], LogCounts]
    ) -> None:
        """Publish what others keep: the live version, the work under way, the state of the prediction log."""
        self._gauge("interlock_live_version", "Version that answers now.", version)
        self._gauge("interlock_in_flight", "Predictions that run or wait for a thread.", in_flight)
        self._gauge("interlock_log_rows_written", "Rows in the prediction log.", lambda: log().written)
        self._gauge("interlock_log_rows_dropped", "Rows that the prediction log lost.", lambda: log().dropped)
        self._gauge("interlock_log_rows_waiting", "Rows that wait to be written.", lambda: log().waiting)

    def render(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, says: str, read: Callable[[], int]) -> None:
        gauge = Gauge(name, says, ["model"], registry=self.registry)
        gauge.labels(self._model).set_function(lambda: float(read()))
