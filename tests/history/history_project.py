"""A small project of two modules that tests edit and run as a user does."""

from __future__ import annotations

from pathlib import Path

PIPELINE = """
from interlock import data, deployable, fit, pipeline, split, step
import pandas as pd
import helpers


@step
def clean(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["x"] > helpers.FLOOR]


@step
def total(rows: pd.DataFrame, *, weight: float = 1.0) -> float:
    return helpers.weighed(float(rows["x"].sum()), weight)


@step
def report(total: float) -> dict[str, float]:
    return {"total": total}


@pipeline
def sums(weight: float = 1.0):
    rows = clean(data("numbers"))
    return report(total(rows, weight=weight))
"""

HELPERS = """
FLOOR = 0


def weighed(value, weight):
    return value * weight
"""

TOML = """
[data.numbers]
uri = "data/*.csv"

[model.sums]
pipeline = "steps:sums"
"""


def write_project(folder: Path) -> Path:
    """Write the project into a folder."""
    (folder / "data").mkdir(parents=True)
    (folder / "steps.py").write_text(PIPELINE)
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "interlock.toml").write_text(TOML)
    (folder / "data" / "a.csv").write_text("x\n1\n2\n")
    return folder


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Replace a text in a file of the project."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
