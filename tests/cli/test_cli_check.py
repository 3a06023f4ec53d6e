"""`interlock check`: what it finds, and that it says so whatever is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, project

LEAK = """
@split
def halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows[::2], rows[1::2]

@step
def join(rows: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, more])

@fit
def learn(rows: pd.DataFrame) -> dict[str, float]:
    return {}

@step
def score(model: dict[str, float], rows: pd.DataFrame) -> pd.Series:
    return rows["x"]

@pipeline
def leaky():
    train, test = halves(data("rows"))
    return deployable(test, score(learn(join(train, data("rows/a*.csv"))), test))
"""


def check(folder: Path, *words: str) -> Any:
    done = interlock(folder, "check", *words, "--json")
    assert done.returncode == 1
    return json.loads(done.stdout)


def test_datasets_that_share_a_file_are_one_source_of_rows(tmp_path: Path) -> None:
    folder = project(tmp_path, LEAK, '[data.rows]\nuri = "rows"\n')
    (folder / "rows").mkdir()
    (folder / "rows/a1.csv").write_text("x\n1\n")
    (leak,) = check(folder, "steps:leaky")["leaks"]
    assert leak["path"] == ["data:rows/a*.csv", "join", "learn"]


RAISES = """
@step
def one() -> int:
    return 1

@pipeline
def fine():
    print("in the pipeline")
    return one() ** 2

@pipeline
def broken():
    return {}["missing"]
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("steps:none", "has no pipeline 'none'"),
        ("nothing", "There is no model 'nothing'"),
        ("steps:fine", "computes with 'one'"),
        ("steps:broken", "KeyError: 'missing'"),
    ],
)
def test_whatever_is_wrong_with_a_pipeline_is_among_the_errors(tmp_path: Path, name: str, said: str) -> None:
    found = check(project(tmp_path, RAISES), name)
    assert said in found["errors"][0]
    assert not found["checked"]
