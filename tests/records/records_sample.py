"""Small real things for the tests of the records, shared with the processes that they start."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from interlock.identity.artifact import Artifact, Part, Snapshot
from interlock.identity.canonical import canonical_json
from interlock.identity.digest import digest_bytes, digest_json
from interlock.identity.profile import Column, Profile
from interlock.records.model import AttemptRecord, Fence, MetricPoint, StepRecord, VerdictRecord
from interlock.records.place import Place, Server
from interlock.records.records import Records
from interlock.records.schema import metadata


class FolderManifests:
    """A sink of manifests: one canonical file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.synced = 0

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        text = canonical_json(body)
        digest = digest_bytes(text)
        target = self.folder / kind / digest.partition(":")[2]
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(".half")
        half.write_bytes(text)
        half.replace(target)
        return digest

    def sync(self) -> None:
        self.synced += 1

    def all(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for file in sorted(self.folder.glob("*/*")):
            if not file.suffix:
                yield file.parent.name, f"blake3:{file.name}", json.loads(file.read_bytes())


ADDRESS = "address"
"""A file in the folder of a test: the URL of the database that its records are in."""


def place_in(folder: Path) -> Place:
    """Return where the records of a folder are: in a file there, or in the database that it names."""
    address = folder / ADDRESS
    return Server(address.read_text()) if address.exists() else folder / "records.db"


def open_records(folder: Path) -> Records:
    return Records.open(place_in(folder), FolderManifests(folder / "manifests"))


def build_artifact(value: object = 42) -> Artifact:
    return Artifact(digest_json(value), "json", "int", 2, None, json.dumps(value), {"why": "small"})


def build_step(node: str = "clean", position: int = 0, **changes: Any) -> StepRecord:
    fields: dict[str, Any] = {
        "step": node,
        "kind": "step",
        "state": "ran",
        "key": digest_json(["key", node]),
        "fingerprint": digest_json(["code", node]),
        "fingerprint_parts": {f"flights.pipeline:{node}": "blake3:aa", "dist:numpy": "2.3"},
        "inputs": {"flights": digest_json("flights")},
        "outputs": {"result": build_artifact(node)},
        "seconds": 0.25,
        "cpu_seconds": 0.2,
        "peak_memory": 4096,
        "reason": "its code is new",
        "started_at": time.time(),
        "attempts": (AttemptRecord(1, 10.0, 0.1, "boom"), AttemptRecord(2, 11.0, 0.25)),
    }
    return StepRecord(node, position, **fields | changes)


def build_snapshot(content: str = "one", dataset: str = "flights", mtime_ns: int = 5) -> Snapshot:
    late = Column("late", "bool", 2, 1, mean=1.0, spread=0.0, min=True, distinct=1, top=(("true", 1),))
    profile = Profile(2, (late,))
    part = Part("a.csv", digest_json(content), 3, mtime_ns, profile=profile)
    return Snapshot.of(dataset, "data/*.csv", "csv", [part])


def build_verdict(passed: bool = True) -> VerdictRecord:
    return VerdictRecord("auc >= 0.7", passed, {"auc": float("nan"), "floor": 0.7}, "auc is not a number")


def add_version(records: Records, model: str = "delays", content: object = "bundle", **changes: Any) -> int:
    run = records.runs.start(model)
    made = records.models.add_version(model, run.id, digest_json(content), {"auc": 0.7}, "passed", **changes)
    records.runs.finish(run.id, "succeeded", model_version=made.number)
    return made.number


def tell_story(records: Records) -> None:
    """Write at least one of everything."""
    records.datasets.add_snapshot(build_snapshot())
    records.datasets.pin("flights", 1)
    records.leases.acquire("loop", "me", 60.0)
    lease = records.leases.get("loop")
    assert lease is not None
    fence = Fence.of(lease)
    signal = records.signals.add("delays", "drift", {"psi": float("inf")}, f"drift:{time.time_ns()}")
    assert signal is not None
    assert records.signals.claim(signal.id, fence)
    git = {"commit": "abc", "branch": "main", "remote": "", "dirty": True, "patch": "- old\n+ new"}
    run = records.runs.start(
        "delays", params={"rate": 0.1}, git=git, signal_id=signal.id, tags={"by": "loop"}
    )
    records.steps.record(run.id, build_step("clean", 0))
    records.steps.record_many(
        run.id, [build_step("fit", 1, state="cached"), build_step("score", 2, state="failed")]
    )
    records.metrics.add([MetricPoint(run.id, "fit", "loss", i, float("nan"), 1.5) for i in range(2)])
    records.logs.add(run.id, "fit", "stdout", "epoch 1")
    version = records.models.add_version(
        "delays",
        run.id,
        digest_json(run.id),
        {"auc": 0.71},
        "passed",
        signal_id=signal.id,
        verdicts=[build_verdict()],
    )
    records.runs.finish(run.id, "succeeded", metrics={"auc": 0.71}, model_version=version.number)
    records.certificates.add(run.id, "identical", {"steps": []})
    records.models.move_alias("delays", "champion", version.number, "better", "loop", fence=fence)
    records.signals.close(signal.id, "acted", run_id=run.id, version=version.number, fence=fence)
    records.decisions.add("delays", signal.id, "promoted", "auc rose", run_id=run.id, version=version.number)
    span: dict[str, Any] = {"started_at": 1.0, "ended_at": 2.0, "rows": 10}
    records.windows.add("delays", version.number, "drift", values={"psi": 0.3}, alarm=True, **span)
    records.deployments.put("delays", "champion", "http://127.0.0.1:1", 1, version.number, "up")
    records.leases.release("loop", fence.epoch)


def dump(records: Records, *without: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table's rows as they lie in the file."""
    tables = [table for table in metadata.sorted_tables if table.name not in without]

    def rows(connection: sa.Connection, table: sa.Table) -> list[tuple[Any, ...]]:
        columns = ", ".join(f'"{c.name}"' for c in table.columns)
        found = connection.exec_driver_sql(f"SELECT {columns} FROM {table.name}").fetchall()
        return sorted((tuple(row) for row in found), key=repr)

    return records.database.read(lambda connection: {table.name: rows(connection, table) for table in tables})


def count(records: Records) -> dict[str, int]:
    return {name: len(rows) for name, rows in dump(records).items()}
