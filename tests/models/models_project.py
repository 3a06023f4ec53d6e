"""A small real project in a folder, and versions of its model: what the tests of bundles and builds build on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext, open_context
from interlock.models.build import build
from interlock.models.built import Build
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline

FEATURES = """
SCALE = 10.0


def matrix(rows):
    return rows[["hour", "distance"]].to_numpy(dtype=float) / SCALE
"""

PIPELINE = """
from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from interlock import data, deployable, fit, pipeline, split, step


@split
def halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows.iloc[::2].reset_index(drop=True), rows.iloc[1::2].reset_index(drop=True)


@step
def inputs(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=["late"])


@step
def target(rows: pd.DataFrame) -> pd.Series:
    return rows["late"]


@fit
def fit_model(x: pd.DataFrame, y: pd.Series, *, strength: float) -> LogisticRegression:
    from shop.features import matrix

    return LogisticRegression(C=strength).fit(matrix(x), y)


@step
def score(model: LogisticRegression, x: pd.DataFrame) -> np.ndarray:
    from shop.features import matrix

    return model.predict_proba(matrix(x))[:, 1]


@step
def evaluate(late: pd.Series, scores: np.ndarray) -> dict[str, float]:
    return {"accuracy": float(((scores > 0.5) == (late > 0)).mean()), "rows": len(late)}


@pipeline
def delays(strength: float = 1.0):
    train, test = halves(data("flights"))
    given = inputs(test)
    model = fit_model(inputs(train), target(train), strength=strength)
    scores = score(model, given)
    return deployable(given=given, answer=scores, metrics=evaluate(target(test), scores))
"""

TOML = """
[data.flights]
uri = "flights.csv"

[model.delays]
pipeline = "shop.pipeline:delays"
"""


def csv(rows: int) -> str:
    """Return flights of which the late ones are those after noon."""
    lines = [f"{hour},{100.0 + 7 * n},{int(hour >= 12)}" for n in range(rows) if (hour := n * 5 % 24) >= 0]
    return "\n".join(["hour,distance,late", *lines, ""])


def write_shop(folder: Path, *, rows: int = 60, gates: list[str] | None = None, **files: str) -> Path:
    """Write the project: a package `shop` of two modules (replaceable by name), its data and its configuration."""
    sources = {"__init__": "", "features": FEATURES, "pipeline": PIPELINE} | files
    (folder / "shop").mkdir(parents=True, exist_ok=True)
    for name, text in sources.items():
        (folder / "shop" / f"{name}.py").write_text(text)
    (folder / "flights.csv").write_text(csv(rows))
    (folder / "interlock.toml").write_text(TOML if gates is None else f"{TOML}gates = {gates!r}\n")
    return folder


@contextmanager
def opened(folder: Path) -> Iterator[RunContext]:
    """Open the project of a folder, and forget its modules afterwards."""
    try:
        with open_context(find_project(folder)) as context:
            yield context
    finally:
        forget(folder)


def forget(folder: Path) -> None:
    """Drop the project from this process, so that another of the same name can be imported."""
    sys.path[:] = [path for path in sys.path if path != str(folder)]
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        del sys.modules[name]


def train(context: RunContext, target: str = "delays", **params: Any) -> Build:
    """Build a version with the project as it stands in its folder now."""
    project = find_project(context.project.root)  # the configuration may have been rewritten
    forget(project.root)
    found = load_pipeline(project, target)
    return build(found, context, params=found.params(params))
