"""The part of `records_search.py` that runs in an environment with mlflow: fill its SQLite database, and search.

Reads a line with the searches and then a line for each run from stdin; prints the medians in milliseconds.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlflow.tracking import MlflowClient

ROUNDS = 3
_STATES = {"succeeded": "FINISHED", "failed": "FAILED"}


def main() -> None:
    file, count, points = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    searches = json.loads(sys.stdin.readline())
    client = MlflowClient(f"sqlite:///{file}")
    experiment = client.create_experiment("all", artifact_location="file:///nowhere")
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA synchronous = OFF")
        fill(database, int(experiment), points)
    database.close()
    found = {}
    for name, (where, order, offset) in searches.items():
        token = page_token(client, experiment, where, order, offset) if offset else None

        def search(where: str = where, order: list[str] = order, token: str | None = token) -> object:
            return client.search_runs([experiment], where, order_by=order, max_results=20, page_token=token)

        assert len(search()) == 20 or "exclude" in name or count < 100_000, name
        found[name] = median_ms(search)
    print(json.dumps(found))


def page_token(
    client: MlflowClient, experiment: str, where: str, order: list[str], offset: int
) -> str | None:
    """Return the token of the page that begins after some runs: it holds their number."""
    first = client.search_runs([experiment], where, order_by=order, max_results=offset)
    return first.token


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def fill(database: sqlite3.Connection, experiment: int, points: int) -> None:
    bodies = [json.loads(line) for line in sys.stdin]
    insert(database, "runs", (run_row(body, experiment) for body in bodies))
    insert(database, "params", (row for body in bodies for row in param_rows(body)))
    insert(database, "tags", (row for body in bodies for row in tag_rows(body)))
    insert(database, "latest_metrics", (row for body in bodies for row in last_rows(body, points)))
    insert(database, "metrics", (row for body in bodies for row in metric_rows(body, points)))


def insert(database: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    columns, marks = ", ".join(first), ", ".join(f":{name}" for name in first)
    statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
    database.execute(statement, first)
    database.executemany(statement, rows)


def name_of(body: dict[str, Any]) -> str:
    return f"{body['sequence']:032x}"


def run_row(body: dict[str, Any], experiment: int) -> dict[str, Any]:
    return {
        "run_uuid": name_of(body),
        "name": body["id"],
        "source_type": "LOCAL",
        "status": _STATES[body["status"]],
        "start_time": int(1000 * body["started_at"]),
        "end_time": int(1000 * body["finished_at"]),
        "lifecycle_stage": "active",
        "artifact_uri": "file:///nowhere",
        "user_id": "me",
        "experiment_id": experiment,
    }


def param_rows(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in body["params"].items():
        yield {"run_uuid": name_of(body), "key": key, "value": str(value)}


def tag_rows(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in {**body["tags"], "pipeline": body["pipeline"]}.items():
        yield {"run_uuid": name_of(body), "key": key, "value": value}


def last_rows(body: dict[str, Any], points: int) -> Iterator[dict[str, Any]]:
    for key, value in {**body["metrics"], "loss": body["loss"]}.items():
        step = points - 1 if key == "loss" else 0
        yield point(body, key, value, step)


def metric_rows(body: dict[str, Any], points: int) -> Iterator[dict[str, Any]]:
    for key, value in body["metrics"].items():
        yield point(body, key, value, 0)
    for step in range(points):
        yield point(body, "loss", body["loss"] * points / (step + 1), step)


def point(body: dict[str, Any], key: str, value: float, step: int) -> dict[str, Any]:
    moment = int(1000 * body["started_at"]) + step
    return {
        "run_uuid": name_of(body),
        "key": key,
        "value": value,
        "timestamp": moment,
        "step": step,
        "is_nan": False,
    }


if __name__ == "__main__":
    main()
