"""Search in records of 100,000 runs and 10,000,000 metric points, beside a look-up of one run; and MLflow's search.

Prints the median of each search and its ratio to reading one run by its id. With `--mlflow PYTHON`, the Python of
an environment that has mlflow, the same runs are put into a SQLite database of MLflow, and asked the same.
Both databases are filled by bulk inserts, as neither tool's own way in would be done today.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from interlock.records.conditions import NEWEST, parse_conditions, parse_order
from interlock.records.jsontext import dumps
from interlock.records.records import Records
from interlock.records.run_values import value_rows
from interlock.records.schema import metrics, run_values, runs

ROUNDS = 7
BEGAN = 1_700_000_000.0
MODELS = ("delays", "churn", "prices", "fraud", "demand")

SEARCHES = {  # name: conditions, order, offset; of Interlock, and of MLflow
    "newest": ("", "", 0),
    "newest, page 3": ("", "", 40),
    "one model, newest": ("pipeline = churn", "", 0),
    "failed, newest": ("status = failed", "", 0),
    "auc > 0.7, best first": ("auc > 0.7", "-auc", 0),
    "auc > 0.7, best first, page 3": ("auc > 0.7", "-auc", 40),
    "auc > 0.7, best first, page 1000": ("auc > 0.7", "-auc", 20_000),
    "auc > 0.999, newest (few)": ("auc > 0.999", "", 0),
    "all, lowest loss": ("", "loss", 0),
    "rate = 0.1 and auc > 0.9, newest": ("params.rate = 0.1 and auc > 0.9", "", 0),
    "three conditions, lowest loss": ("auc > 0.5 and params.depth = 7 and status = succeeded", "loss", 0),
    "two wide ones that exclude each other": ("auc > 0.7 and miss > 0.7", "-loss", 0),
    "slowest of a model": ("pipeline = churn", "-took", 0),
}
MLFLOW = {  # what of it MLflow's search language can say
    "newest": ("", []),
    "newest, page 3": ("", []),
    "failed, newest": ("attributes.status = 'FAILED'", []),
    "auc > 0.7, best first": ("metrics.auc > 0.7", ["metrics.auc DESC"]),
    "auc > 0.7, best first, page 3": ("metrics.auc > 0.7", ["metrics.auc DESC"]),
    "auc > 0.7, best first, page 1000": ("metrics.auc > 0.7", ["metrics.auc DESC"]),
    "auc > 0.999, newest (few)": ("metrics.auc > 0.999", []),
    "all, lowest loss": ("", ["metrics.loss ASC"]),
    "one model, newest": ("tags.pipeline = 'churn'", []),
    "rate = 0.1 and auc > 0.9, newest": ("params.rate = '0.1' and metrics.auc > 0.9", []),
    "three conditions, lowest loss": (
        "metrics.auc > 0.5 and params.depth = '7' and attributes.status = 'FINISHED'",
        ["metrics.loss ASC"],
    ),
    "two wide ones that exclude each other": (
        "metrics.auc > 0.7 and metrics.miss > 0.7",
        ["metrics.loss DESC"],
    ),
}


class Nowhere:
    """Manifests that nobody reads: the rows are written at once, beside them."""

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        raise AssertionError(f"no {kind} is recorded one by one here: {sorted(body)}")

    def sync(self) -> None: ...


def story(count: int) -> Iterator[dict[str, Any]]:
    """Yield the bodies of runs, always the same ones."""
    dice = random.Random(7)
    for n in range(1, count + 1):
        model = MODELS[dice.randrange(len(MODELS))]
        auc = dice.random()
        yield {
            "id": f"{model}/{n}",
            "pipeline": model,
            "number": n,
            "sequence": n,
            "ref": f"pipeline:{model}",
            "status": "failed" if dice.random() < 0.05 else "succeeded",
            "params": {"rate": dice.choice([0.01, 0.1, 0.3]), "depth": dice.randrange(3, 11), "seed": n},
            "tags": {"by": dice.choice(["loop", "me"])},
            "metrics": {"auc": auc, "miss": 1 - auc},
            "facts": {"cpus": 8, "libraries": ["openblas"] * 8},
            "pid": 1,
            "host": "here",
            "process": "",
            "started_at": BEGAN + 60 * n,
            "heartbeat_at": BEGAN + 60 * n,
            "finished_at": BEGAN + 60 * n + 50 * dice.random(),
            "recorded_at": BEGAN + 60 * n,
            "loss": dice.random(),
        }


def fill(file: Path, count: int, points: int) -> None:
    Records.open(file, Nowhere()).close()
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA synchronous = OFF")
        _insert(database, runs.name, [c.name for c in runs.columns], map(_run_row, story(count)))
        names = [c.name for c in run_values.columns]
        _insert(database, run_values.name, names, _values(count))
        names = [c.name for c in metrics.columns if c.name != "id"]
        _insert(database, metrics.name, names, _points(count, points))
    database.close()


def _insert(database: sqlite3.Connection, table: str, names: list[str], rows: Iterator[Any]) -> None:
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def _run_row(body: dict[str, Any]) -> list[Any]:
    found = [body.get(column.name) for column in runs.columns]
    return [dumps(value) if isinstance(value, dict) else value for value in found]


def _values(count: int) -> Iterator[list[Any]]:
    names = [column.name for column in run_values.columns]
    for body in story(count):
        series = [{"name": "loss", "steps": [0], "values": [body["loss"]]}]
        for row in value_rows({**body, "series": series}):
            yield [row[name] for name in names]


def _points(count: int, points: int) -> Iterator[tuple[Any, ...]]:
    for body in story(count):
        began, loss = body["started_at"], body["loss"]
        for step in range(points):
            yield body["id"], "fit", "loss", step, loss * points / (step + 1), began + step


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def measure(records: Records) -> dict[str, float]:
    found = {}
    for name, (where, order, offset) in SEARCHES.items():
        conditions = parse_conditions(where) if where else []
        by = parse_order(order) if order else NEWEST
        found[name] = median_ms(
            lambda c=conditions, b=by, o=offset: records.runs.search(c, b, limit=20, offset=o)
        )
    found["points of one series"] = median_ms(lambda: records.metrics.series("churn/77", "loss"))
    found["interlock runs, as it lists"] = median_ms(lambda: records.runs.list(limit=20))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--points", type=int, default=100, help="metric points of each run")
    parser.add_argument("--mlflow", metavar="PYTHON", help="the Python of an environment that has mlflow")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        fill(Path(folder) / "records.db", options.runs, options.points)
        size = (Path(folder) / "records.db").stat().st_size / 1e6
        print(
            f"{options.runs:,} runs, {options.runs * options.points:,} points, {size:,.0f} MB, "
            f"filled in {time.perf_counter() - began:.0f} s"
        )
        with Records.open(Path(folder) / "records.db", Nowhere()) as records:
            known = records.runs.list(limit=1)[0].id
            one = median_ms(lambda: records.runs.get(known))
            ours = measure(records)
        theirs = _mlflow(options.mlflow, Path(folder), options) if options.mlflow else {}
    _print(one, ours, theirs)


def _mlflow(python: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    helper = Path(__file__).with_name("records_search_mlflow.py")
    command = [python, str(helper), str(folder / "mlflow.db"), str(options.runs), str(options.points)]
    asked = {name: [*words, SEARCHES[name][2]] for name, words in MLFLOW.items()}
    lines = (json.dumps(body) + "\n" for body in story(options.runs))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.writelines(lines)
    process.stdin.close()
    said = process.stdout.read()
    if process.wait():
        sys.exit("the part of MLflow failed")
    return json.loads(said.splitlines()[-1])


def _print(one: float, ours: dict[str, float], theirs: dict[str, float]) -> None:
    print(f"reading one run by its id: {one:.2f} ms = 1.0")
    print(f"{'search, 20 runs':<40}{'ms':>8}{'ratio':>8}{'MLflow ms':>12}{'MLflow / ours':>15}")
    for name, took in ours.items():
        beside = f"{theirs[name]:>12.1f}{theirs[name] / took:>15.1f}" if name in theirs else ""
        print(f"{name:<40}{took:>8.1f}{took / one:>8.1f}{beside}")
    print(f"the slowest: {max(ours.values()):.1f} ms")


if __name__ == "__main__":
    main()
