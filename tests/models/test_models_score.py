"""Files of rows through the slice of a version: what is read, what is refused, and where the answers go."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models_project import PIPELINE, opened, train, write_shop

from interlock.engine.context import RunContext
from interlock.models import score
from interlock.models.codec import InvalidRequest
from interlock.models.score import NoRows, score_file
from interlock.models.score_target import OutputInDataset, default_target

ARRAYS = (
    PIPELINE.replace("inputs(rows: pd.DataFrame) -> pd.DataFrame", "inputs(rows: pd.DataFrame) -> np.ndarray")
    .replace('drop(columns=["late"])', 'drop(columns=["late"]).to_numpy()')
    .replace("x: pd.DataFrame", "x: np.ndarray")
)
OF_ARRAYS = "def matrix(rows): return rows / 10\n"
VALUES = ARRAYS.replace(".to_numpy()", '["hour"].to_numpy()')
OF_VALUES = "def matrix(rows): return rows.reshape(-1, 1)\n"
TIMES = PIPELINE.replace(
    'drop(columns=["late"])',
    'drop(columns=["late"]).assign(at=pd.Timestamp("2013-01-01"), lasts=pd.Timedelta("1h"))',
)
HOURS = [3, 13, 23]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with opened(write_shop(tmp_path / "shop")) as made:
        yield made


def version(context: RunContext, **files: str) -> str:
    """Make a version of the project with these modules, and return its name."""
    write_shop(context.project.root, **files)
    made = train(context).version
    assert made is not None
    return f"delays@{made.number}"


def write(path: Path, table: pd.DataFrame) -> Path:
    writers = {
        ".csv": lambda: table.to_csv(path, index=False),
        ".jsonl": lambda: table.to_json(path, orient="records", lines=True, date_format="iso"),
        ".parquet": lambda: table.to_parquet(path),
    }
    writers[path.suffix]()
    return path


def answers(context: RunContext, name: str, rows: Path) -> list[bool]:
    target = rows.with_name("out.csv")
    assert score_file(context, name, rows, target).rows == len(HOURS)
    return [bool(one > 0.5) for one in pd.read_csv(target)["answer"]]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_arrays_are_read_from_columns_in_order_or_called_by_their_place(
    context: RunContext, tmp_path: Path, suffix: str
) -> None:
    name = version(context, features=OF_ARRAYS, pipeline=ARRAYS)
    ordered = pd.DataFrame({"hour": HOURS, "distance": [200.5, 300, 400]})
    named = pd.DataFrame({"1": [200.5, 300, 400], "carrier": "UA", "0": HOURS})
    for table in (ordered, named):
        assert answers(context, name, write(tmp_path / f"rows.{suffix}", table)) == [False, True, True]


def test_columns_that_could_be_anything_are_refused(context: RunContext, tmp_path: Path) -> None:
    name = version(context, features=OF_ARRAYS, pipeline=ARRAYS)
    rows = write(tmp_path / "rows.csv", pd.DataFrame({"carrier": 1, "hour": HOURS, "distance": 1.0}))
    with pytest.raises(InvalidRequest, match=r"3 columns, and the model takes arrays of 2 values: .* 0 to 1"):
        answers(context, name, rows)


def test_single_values_are_read_from_their_column_or_the_only_one(
    context: RunContext, tmp_path: Path
) -> None:
    name = version(context, features=OF_VALUES, pipeline=VALUES)
    for table in (pd.DataFrame({"hour": HOURS}), pd.DataFrame({"x": 1, "given": HOURS})):
        assert answers(context, name, write(tmp_path / "rows.csv", table)) == [False, True, True]
    with pytest.raises(InvalidRequest, match="takes single values, and none of the 2 columns is 'given'"):
        answers(context, name, write(tmp_path / "rows.csv", pd.DataFrame({"x": 1, "hour": HOURS})))


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        (["2013-01-01", "01/02/2013", "2013-01-03"], "row 1, column 'at': .* is not an ISO 8601 timestamp"),
        (["2013-01-01", "2013-01-02T00:00:00Z", "2013-01-03"], "row 1, column 'at': .* has a UTC offset"),
        (["2013-01-01", "soon", "2013-13-03"], "2 faults"),
    ],
    ids=["another notation", "mixed", "unreadable"],
)
def test_a_time_that_cannot_be_read_names_its_row(
    context: RunContext, tmp_path: Path, at: list[str], problem: str
) -> None:
    name = version(context, pipeline=TIMES)
    table = pd.DataFrame({"hour": HOURS, "distance": 9.5, "at": at, "lasts": 3600})
    with pytest.raises(InvalidRequest, match=problem):
        answers(context, name, write(tmp_path / "rows.csv", table))


def test_times_of_a_typed_file_are_read_as_they_are(context: RunContext, tmp_path: Path) -> None:
    name = version(context, pipeline=TIMES)
    at = pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03"])
    table = pd.DataFrame({"hour": HOURS, "distance": 9.5, "at": at, "lasts": pd.Timedelta("2h")})
    assert answers(context, name, write(tmp_path / "rows.parquet", table)) == [False, True, True]


def test_a_fault_far_down_is_named_by_its_row_of_the_file(
    context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "CHUNK", 2)
    rows = write(tmp_path / "rows.csv", pd.DataFrame({"hour": [1, 2, 3, 4], "distance": [1, 2, 3, None]}))
    with pytest.raises(InvalidRequest, match="row 3, column 'distance'"):
        answers(context, version(context), rows)


@pytest.mark.parametrize(
    ("uri", "target", "refused"),
    [
        ("data/*.csv", "data/out.csv", True),
        ("data/*.csv", "data/out.parquet", False),
        ("data/*.csv", "data/more/out.csv", False),
        ("data/**/*.csv", "data/more/out.csv", True),
        ("data/**/*.csv", "data/out.csv", True),
        ("data", "data/more/out.parquet", True),
        ("data", "out.parquet", False),
        ("data/rows.csv", "data/out.csv", False),
        ("data/rows.csv", "data/rows.csv", True),
    ],
)
def test_answers_are_not_written_into_a_dataset(
    context: RunContext, uri: str, target: str, refused: bool
) -> None:
    name, root = version(context), context.project.root
    (root / "data").mkdir()
    rows = write(root / "data/rows.csv", pd.DataFrame({"hour": HOURS, "distance": 9.5}))
    toml = (root / "interlock.toml").read_text()
    (root / "interlock.toml").write_text(f'{toml}[data.more]\nuri = "{uri}"\n')
    with opened(root) as again:
        if not refused:
            assert score_file(again, name, rows, root / target).rows == len(HOURS)
            return
        with pytest.raises(OutputInDataset) as caught:
            score_file(again, name, rows, root / target)
    assert "would become part of the dataset 'more'" in caught.value.what or target == "data/rows.csv"
    assert sorted(path.name for path in (root / "data").iterdir()) == ["rows.csv"]


def test_without_a_target_the_answers_lie_in_the_current_folder(tmp_path: Path) -> None:
    assert default_target(Path("data/2013-01.csv.gz"), tmp_path) == tmp_path / "2013-01.scored.parquet"


TEXTS = PIPELINE.replace('drop(columns=["late"])', 'drop(columns=["late"]).assign(zip="00001")')


def test_text_in_a_csv_file_is_text_whatever_it_looks_like(context: RunContext, tmp_path: Path) -> None:
    name = version(context, pipeline=TEXTS)
    rows = tmp_path / "rows.csv"
    rows.write_text("hour,distance,zip\n3,200.5,00001\n13,300.0,12345\n23,400.0,NA\n")
    score_file(context, name, rows, tmp_path / "out.jsonl")
    scored = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["zip"] for one in scored] == ["00001", "12345", "NA"]


def test_scored_rows_keep_all_digits(context: RunContext, tmp_path: Path) -> None:
    name = version(context)
    rows = write(tmp_path / "rows.parquet", pd.DataFrame({"hour": [3], "distance": [1e-13]}))
    score_file(context, name, rows, tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text())["distance"] == 1e-13


def test_a_file_that_is_not_there_is_said(context: RunContext, tmp_path: Path) -> None:
    with pytest.raises(NoRows, match="There is no file"):
        score_file(context, version(context), tmp_path / "rows.csv", tmp_path / "out.csv")
