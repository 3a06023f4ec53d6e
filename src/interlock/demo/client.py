"""The client of the demo: it asks the endpoint about flights, all the time, and counts what comes back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas as pd

BATCH = 200
"""Flights asked about in one request."""

SINGLES = 5
"""Flights of each day that are asked about one by one."""

_PAUSE = 0.25
"""Seconds between requests while the loop is at work: the client asks on, and leaves the machine some room."""


@dataclass
class Tally:
    """What the client saw."""

    served: int = 0
    failed: int = 0
    rows: int = 0
    versions: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, response: httpx.Response, seconds: float, rows: int) -> None:
        """Count an answer; only a complete one from a single version counts as served."""
        body = response.json() if response.status_code == httpx.codes.OK else {}
        if len(body.get("answers", ())) != rows:
            self.fail(f"{response.status_code}: {response.text[:200]}")
            return
        self.served += 1
        self.rows += rows
        self.versions[int(body["version"])] += rows
        self.latencies.append(seconds)

    def fail(self, reason: str) -> None:
        """Count a request that got no proper answer."""
        self.failed += 1
        self.failures.append(reason)


class Client:
    """Asks `POST /models/MODEL/predict` about flights, in batches and one by one."""

    def __init__(self, url: str, model: str) -> None:
        self._address = f"{url}/models/{model}/predict"
        self._http = httpx.Client(timeout=30)
        self.tally = Tally()

    def ask(self, flights: pd.DataFrame) -> None:
        """Send one request for some flights; a refused or broken one is counted, not raised."""
        rows = as_json_rows(flights.drop(columns="row_id"))
        body = {"rows": rows, "ids": flights["row_id"].tolist()}
        started = time.perf_counter()
        try:
            response = self._http.post(self._address, json=body)
        except httpx.HTTPError as error:
            self.tally.fail(f"{type(error).__name__}: {error}")
            return
        self.tally.add(response, time.perf_counter() - started, len(rows))

    def ask_all(self, flights: pd.DataFrame, busy: Callable[[], bool]) -> None:
        """Ask about every flight once, in order: slowly while `busy` says so, then as fast as answers come.

        When all have been asked about and `busy` still says so, go on asking about the last day again (under
        other ids), so that there is no moment without requests.
        """
        requests = list(_requests(flights))
        for request in requests:
            self.ask(request)
            if busy():
                time.sleep(_PAUSE)
        while busy():
            last = requests[-1]
            self.ask(last.assign(row_id=[f"again-{time.time_ns()}-{n}" for n in range(len(last))]))
            time.sleep(_PAUSE)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def in_background(work: Callable[[], None]) -> threading.Thread:
    """Start some work in a thread of its own."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def as_json_rows(flights: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON rows; days as ISO text."""
    days = flights.select_dtypes("datetime").columns
    shown = flights.assign(**{day: flights[day].dt.strftime("%Y-%m-%dT%H:%M:%S") for day in days})
    return [{str(name): value for name, value in row.items()} for row in shown.to_dict("records")]


def _requests(flights: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, day in flights.groupby("scheduled"):
        for position in range(min(SINGLES, len(day))):
            yield day.iloc[position : position + 1]
        for start in range(SINGLES, len(day), BATCH):
            yield day.iloc[start : start + BATCH]
