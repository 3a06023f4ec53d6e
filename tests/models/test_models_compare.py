"""The champion, with its own code, on the rows and by the metrics of the challenger."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models_project import FEATURES, PIPELINE, opened, train, write_shop

from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.compare import compare

EVEN_HOURS = FEATURES.replace('rows[["hour", "distance"]]', "(rows[['hour']] * 0)")
NO_DISTANCE = PIPELINE.replace('columns=["late"]', 'columns=["late", "distance"]')
ONLY_HOUR = FEATURES.replace('"hour", "distance"', '"hour"')
ARRAYS = PIPELINE.replace(
    "inputs(rows: pd.DataFrame) -> pd.DataFrame", "inputs(rows: pd.DataFrame) -> np.ndarray"
)
ARRAYS = ARRAYS.replace('drop(columns=["late"])', 'drop(columns=["late"]).to_numpy()').replace(
    "x: pd.DataFrame", "x: np.ndarray"
)
OF_ARRAYS = "def matrix(rows): return rows / 10\n"
WIDER = ARRAYS.replace("to_numpy()", "assign(one=1.0).to_numpy()")


@contextmanager
def two_versions(folder: Path, old: dict[str, str], new: dict[str, str]) -> Iterator[list[LoadedBundle]]:
    """Build one version of the project and then another, and load both."""
    loaded = []
    with opened(write_shop(folder)) as context:
        for number, files in enumerate((old, new), start=1):
            write_shop(folder, **files)
            version = train(context).version
            assert version is not None
            loaded.append(load_bundle(context.store, version.bundle, workdir=folder, version=number))
        yield loaded
        for bundle in loaded:
            bundle.close()


def test_the_champion_is_judged_on_the_challengers_holdout_with_its_own_code(tmp_path: Path) -> None:
    judging = PIPELINE.replace('"rows": len(late)', '"half": float(len(late) / 2)')
    with two_versions(tmp_path, {"features": EVEN_HOURS}, {"pipeline": judging}) as (old, new):
        made = compare(old, new, new.reference_given())
        assert (made.version, made.failed) == (1, "")
        assert made.metrics is not None
        assert made.metrics.keys() == {"accuracy", "half"}
        assert made.metrics["accuracy"] == old.metrics_recorded["accuracy"] < 0.6
        assert new.metrics_recorded["accuracy"] == 1.0
        assert list(made.answer) == list(old.predict(new.reference_given()))


MORE = PIPELINE.replace(
    'drop(columns=["late"])', 'drop(columns=["late"]).assign(night=1.0)[["night", "distance", "hour"]]'
)
STRICT = FEATURES.replace(
    "def matrix(rows):", "def matrix(rows):\n    assert list(rows) == ['hour', 'distance'], list(rows)"
)
POLARS = (
    MORE.replace(".assign(night=1.0)", "")
    .replace('[["night", "distance", "hour"]]', "")
    .replace(
        'rows: pd.DataFrame) -> pd.DataFrame:\n    return rows.drop(columns=["late"])',
        "rows: pd.DataFrame) -> pa.Table:\n    return pa.table(dict(rows.drop(columns=['late'])))",
    )
    .replace("x: pd.DataFrame", "x: pa.Table")
    .replace("import pandas as pd", "import pandas as pd\nimport pyarrow as pa")
)
MORE_ARROW = POLARS.replace(
    "dict(rows.drop(columns=['late']))",
    "dict(rows.drop(columns=['late']).assign(night=1.0)[['night', 'distance', 'hour']])",
)
OF_ARROW = (
    STRICT.replace("list(rows) ==", "rows.column_names ==")
    .replace(", list(rows)", "")
    .replace("rows[[", "rows.to_pandas()[[")
)
INDEXED = PIPELINE.replace('drop(columns=["late"])', 'drop(columns=["late"]).set_index("hour")')
BY_INDEX = FEATURES.replace("return rows", "return rows.reset_index()")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"features": STRICT}, {"pipeline": MORE}),
        ({"features": OF_ARROW, "pipeline": POLARS}, {"features": OF_ARROW.replace("assert", "0 and"), "pipeline": MORE_ARROW}),
        ({"features": STRICT}, {"features": BY_INDEX, "pipeline": INDEXED}),
    ],
    ids=["pandas", "arrow", "a column that became the index"],
)  # fmt: skip
def test_the_champion_gets_the_columns_that_it_takes_in_its_order(
    tmp_path: Path, old: dict[str, str], new: dict[str, str]
) -> None:
    with two_versions(tmp_path, old, new) as (champion, challenger):
        made = compare(champion, challenger, challenger.reference_given())
        assert (made.failed, made.metrics) == ("", champion.metrics_recorded)


def test_the_truth_is_the_challengers_own(tmp_path: Path) -> None:
    weighed = PIPELINE.replace("evaluate(late: pd.Series, ", "evaluate(late: pd.Series, weight: pd.Series, ").replace(
        "(late > 0)).mean()", "(late > 0)).mean() + 0 * weight.sum()"
    ).replace("evaluate(target(test), ", "evaluate(target(test), target(test), ")  # fmt: skip
    with two_versions(tmp_path, {"features": EVEN_HOURS}, {"pipeline": weighed}) as (old, new):
        assert (old.truth_inputs, new.truth_inputs) == (("late",), ("late", "weight"))
        assert compare(old, new, new.reference_given()).metrics == old.metrics_recorded


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        (
            {},
            {"features": ONLY_HOUR, "pipeline": NO_DISTANCE},
            "The two cannot be compared on the same rows: it takes 'distance', which the rows that the challenger was judged on do not have.",
        ),
        (
            {"features": OF_ARRAYS, "pipeline": ARRAYS},
            {},
            "It takes a numpy matrix, the challenger was judged on a pandas table.",
        ),
        (
            {"features": OF_ARRAYS, "pipeline": ARRAYS},
            {"features": OF_ARRAYS, "pipeline": WIDER},
            "It takes rows of 2 numbers, the challenger was judged on rows of 3.",
        ),
        (
            {"features": f"{FEATURES}\nLONGEST = 600\n", "pipeline": PIPELINE.replace(
                "    return model.predict_proba",
                "    if x['distance'].max() > 600:\n        raise ValueError('too far')\n    return model.predict_proba",
            )},
            {"pipeline": PIPELINE.replace('rows.drop(columns=["late"])', 'rows.drop(columns=["late"]).assign(distance=700.0)')},
            "ValueError: too far",
        ),
        (
            {},
            {"pipeline": PIPELINE.replace(", metrics=evaluate(target(test), scores))", ")")},
            "Model 'delays' has no metrics step.",
        ),
    ],
)  # fmt: skip
def test_a_champion_that_cannot_be_judged_says_why(
    tmp_path: Path, old: dict[str, str], new: dict[str, str], failed: str
) -> None:
    with two_versions(tmp_path, old, new) as (champion, challenger):
        made = compare(champion, challenger, challenger.reference_given())
        assert (made.metrics, made.failed) == (None, failed)
