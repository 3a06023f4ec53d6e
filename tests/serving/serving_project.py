"""A project with two versions of one model, built the real way; its folder of code is gone afterwards."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interlock.engine.context import open_context
from interlock.models.build import build
from interlock.models.registry import promote
from interlock.records.records import Records
from interlock.stack.config import Project
from interlock.stack.home import find_project
from interlock.stack.layout import Home
from interlock.stack.targets import load_pipeline
from interlock.store.blobs import LocalStore

PIPELINE = """
import numpy as np
import pandas as pd

from interlock import data, deployable, fit, pipeline, split, step


@split
def halves(flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return flights[:10], flights[10:]


@fit
def fit_base(train: pd.DataFrame, *, base: float) -> dict[str, float]:
    return {"base": base}


@step
def score(rows: pd.DataFrame, model: dict[str, float]) -> np.ndarray:
    return rows["hour"].to_numpy() + model["base"]


@pipeline
def delays(base: float = 100.0):
    train, test = halves(data("flights"))
    return deployable(given=test, answer=score(test, fit_base(train, base=base)))
"""
ROWS = [{"carrier": "UA", "hour": hour} for hour in range(5)]


@dataclass(frozen=True)
class Built:
    """Where the versions 1 and 2 are; version n answers the hour plus 100 n."""

    home: Home

    @contextmanager
    def records(self) -> Iterator[Records]:
        with Records.open(self.home.records, LocalStore(self.home.store)) as records:
            yield records

    def promote(self, version: int) -> None:
        with self.records() as records:
            promote(records, "delays", version, reason="test", actor="test")


def build_project(root: Path) -> Built:
    """Build both versions, make the first the champion, and throw the code away."""
    rows = "".join(f"{'UA' if hour % 2 else 'AA'},{hour}\n" for hour in range(20))
    (root / "flights.csv").write_text(f"carrier,hour\n{rows}")
    (root / "serving_flights.py").write_text(PIPELINE)
    (root / "interlock.toml").write_text(
        '[data.flights]\nuri = "flights.csv"\n[model.delays]\npipeline = "serving_flights:delays"\n'
    )
    project = find_project(root)
    _build_versions(project)
    for file in root.iterdir():
        if file != project.home.path:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    built = Built(project.home)
    built.promote(1)
    return built


def _build_versions(project: Project) -> None:
    target = load_pipeline(project, "delays")
    try:
        with open_context(project) as context:
            for number in (1, 2):
                made = build(target, context, params=target.params({"base": 100.0 * number}))
                assert made.version is not None, made.run.failure
                assert made.version.status == "passed", made.verdicts
    finally:
        sys.path.remove(str(project.root))
        sys.modules.pop("serving_flights", None)
