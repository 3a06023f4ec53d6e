"""A real project of a few lines, quick to train, whose world the tests can move."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from interlock.engine.context import RunContext
from interlock.engine.run import RunOptions
from interlock.models.build import build
from interlock.models.built import Build
from interlock.models.bundle import load_bundle
from interlock.models.codec import encode_answer, encode_rows
from interlock.models.predictions import Answered, write_predictions
from interlock.models.registry import promote
from interlock.stack.config import Project
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline

MODEL = "tiny"

PIPELINE = """
import numpy as np
import pandas as pd
from interlock import data, deployable, fit, pipeline, split, step

@split
def halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows.iloc[::2], rows.iloc[1::2]

@step
def known(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["x", "place"]]

@step
def outcome(rows: pd.DataFrame) -> pd.Series:
    return rows["y"]

@fit
def learn(rows: pd.DataFrame, y: pd.Series) -> float:
    return float(y.mean() / rows["x"].mean())

@step
def score(factor: float, rows: pd.DataFrame) -> np.ndarray:
    return rows["x"].to_numpy() * factor

@step
def judge(y: pd.Series, scores: np.ndarray) -> dict[str, float]:
    return {"error": float(np.mean(np.abs(y - scores)))}

@pipeline
def tiny():
    train, test = halves(data("rows"))
    factor = learn(known(train), outcome(train))
    asked = known(test)
    scores = score(factor, asked)
    return deployable(given=asked, answer=scores, metrics=judge(outcome(test), scores))
"""

CONFIG = """
[data.rows]
uri = "data/rows-*.csv"
[data.outcomes]
uri = "data/outcomes-*.csv"
[model.tiny]
pipeline = "{module}:tiny"
gates = {gates}
retrain = {{ on = {on}, cooldown = "{cooldown}" }}
truth = {{ data = "outcomes", key = "row_id" }}
"""


def make_project(
    folder: Path,
    *,
    on: Sequence[str] = ("data",),
    gates: Sequence[str] = ("error <= 5",),
    cooldown: str = "0s",
) -> Project:
    """Write the project and its first rows; the module's name is fresh, for one process imports many."""
    module = f"tiny_{uuid.uuid4().hex}"
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"{module}.py").write_text(PIPELINE)
    text = CONFIG.format(module=module, on=list(on), gates=list(gates), cooldown=cooldown)
    (folder / "interlock.toml").write_text(text)
    write_rows(folder, 1, rows())
    return find_project(folder)


def rows(count: int = 400, *, seed: int = 0, shift: float = 0.0, factor: float = 2.0) -> pd.DataFrame:
    """Return rows of the world: y is about `factor` times x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(10 + shift, 1, count)
    place = rng.choice(["north", "south", "east"], count)
    return pd.DataFrame({"x": x, "place": place, "y": factor * x + rng.normal(0, 0.1, count)})


def write_rows(folder: Path, number: int, table: pd.DataFrame, name: str = "rows") -> None:
    """Add a part to a dataset; it appears whole."""
    (folder / "data").mkdir(exist_ok=True)
    table.to_csv(folder / "data" / ".part", index=False)
    (folder / "data" / ".part").rename(folder / "data" / f"{name}-{number}.csv")


def train(context: RunContext, *, champion: bool = True, signal_id: int | None = None) -> Build:
    """Run the pipeline here and now, and make its version the champion."""
    target = load_pipeline(context.project, MODEL)
    made = build(target, context, params={}, options=RunOptions(signal_id=signal_id))
    if champion:
        promote(context.records, MODEL, made.version.number, reason="test", actor="test")
    return made


def answer(context: RunContext, table: pd.DataFrame, *, version: int = 1, at: float = 1000.0) -> None:
    """Log what the version answers to some rows, one second apart, with ids 0, 1, 2 and so on."""
    record = context.records.models.get(MODEL, version)
    bundle = load_bundle(context.store, record.bundle, workdir=context.project.home.tmp, version=version)
    given = table[["x", "place"]]
    answers = encode_answer(bundle.answer_schema, bundle.predict(given))
    encoded = encode_rows(bundle.request_schema, given)
    answered = [
        Answered(
            request_id=f"r{at}-{n}",
            row_ids=[str(n)],
            at=at + n,
            version=version,
            run_id=bundle.run_id,
            request_schema=bundle.request_schema,
            answer_schema=bundle.answer_schema,
            rows=lambda row=row: [row],
            answers=[one],
            latency_ms=1.0,
        )
        for n, (row, one) in enumerate(zip(encoded, answers, strict=True))
    ]
    write_predictions(context.project.home, MODEL, answered)
    bundle.close()
