"""What a step is fed is what is recorded, whatever other steps do to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

sys.path.insert(0, str(Path(__file__).parent))
from engine_project import project_in, run

from interlock.engine.context import RunContext
from interlock.engine.resources import NotEnoughResources
from interlock.graph.pipeline import data
from interlock.graph.step import fit, step


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with project_in(tmp_path) as opened:
        yield opened


@fit
def fitted(slope: float) -> LinearRegression:
    x = np.arange(4.0).reshape(-1, 1)
    return LinearRegression().fit(x, slope * x[:, 0])


@step
def spoils(model: LinearRegression) -> int:
    model.coef_ = np.zeros(1)
    return 0


@step
def slope_of(model: LinearRegression, after: int = 0) -> float:
    return float(model.coef_[0])


def test_a_step_that_changes_an_estimator_changes_it_for_no_later_step(context: RunContext) -> None:
    def connect() -> None:
        model = fitted(2.0)
        slope_of(model, spoils(model))

    made = run(connect, context)
    assert made["slope_of"].value == pytest.approx(2)
    assert made["fitted"].value.coef_[0] == pytest.approx(2)


def test_an_object_that_two_steps_share_is_for_each_what_it_was(context: RunContext) -> None:
    shared = LinearRegression()

    @fit
    def refitted(slope: float) -> LinearRegression:
        x = np.arange(4.0).reshape(-1, 1)
        return shared.fit(x, slope * x[:, 0])

    def connect() -> None:
        first, second = refitted(2.0), refitted(3.0)
        slope_of(first)
        slope_of(second)

    made = run(connect, context)
    assert [round(made[name].value, 6) for name in ("slope_of", "slope_of#2")] == [2, 3]


def test_an_array_that_a_step_keeps_and_writes_into_is_as_it_was_stored(context: RunContext) -> None:
    buffer = np.zeros(2)

    @step
    def filled(by: float) -> np.ndarray:
        buffer[:] = by
        return buffer

    @step
    def first_of(x: np.ndarray, after: np.ndarray) -> float:
        return float(x[0])

    def connect() -> None:
        one = filled(1.0)
        first_of(one, filled(2.0))

    assert run(connect, context, cache=False)["first_of"].value == 1


def test_a_polars_frame_is_changed_for_no_later_step(context: RunContext) -> None:
    @step
    def frame() -> pl.DataFrame:
        return pl.DataFrame({"x": [1]})

    @step
    def overwrites(rows: pl.DataFrame) -> int:
        rows.replace_column(0, pl.Series("y", [7]))
        return 0

    @step
    def columns(rows: pl.DataFrame, after: int) -> list[str]:
        return rows.columns

    def connect() -> None:
        rows = frame()
        columns(rows, overwrites(rows))

    assert run(connect, context)["columns"].value == ["x"]


def test_a_second_try_is_given_what_the_first_was(context: RunContext) -> None:
    tries: list[float] = []

    @step(retries=1)
    def flaky(model: LinearRegression) -> float:
        tries.append(float(model.coef_[0]))
        model.coef_ = np.zeros(1)
        if len(tries) == 1:
            raise OSError("a bad day")
        return tries[-1]

    assert run(lambda: flaky(fitted(2.0)), context)["flaky"].value == pytest.approx(2)


def test_the_calls_of_a_mapped_step_change_nothing_for_each_other(context: RunContext) -> None:
    @step
    def spoiled(number: int, model: LinearRegression) -> float:
        model.coef_ = model.coef_ + number
        return float(model.coef_[0])

    def connect() -> None:
        spoiled.map([1, 2], model=fitted(2.0))

    assert run(connect, context)["spoiled"].value == pytest.approx([3, 4])


def test_an_estimator_written_into_the_pipeline_stays_as_it_was_written(context: RunContext) -> None:
    constant = LinearRegression()

    @fit
    def fits(model: LinearRegression) -> float:
        model.fit([[0.0], [1.0]], [0.0, 2.0])
        return float(model.coef_[0])

    run(lambda: fits(constant), context)
    assert not hasattr(constant, "coef_")


class Two(NamedTuple):
    left: int
    right: int


def test_a_step_that_takes_a_named_tuple_is_given_one(context: RunContext) -> None:
    @step
    def two() -> Two:
        return Two(1, 2)

    @step
    def difference(both: Two) -> int:
        return both.right - both.left

    assert run(lambda: difference(two()), context)["difference"].value == 1


def test_datasets_in_a_list_are_loaded_as_its_items_are_annotated(context: RunContext) -> None:
    for name in ("a", "b"):
        (context.project.root / f"{name}.csv").write_text("x\n1\n")

    @step
    def kinds(tables: list[pl.DataFrame], by_name: dict[str, pl.DataFrame]) -> list[str]:
        return [type(one).__module__.partition(".")[0] for one in (*tables, *by_name.values())]

    def connect() -> None:
        kinds([data("a.csv"), data("b.csv")], {"a": data("a.csv")})

    assert run(connect, context)["kinds"].value == ["polars"] * 3


def test_more_cores_than_the_machine_has_are_refused(context: RunContext) -> None:
    @step(cpus=100_000)
    def wide() -> int:
        return 1

    with pytest.raises(NotEnoughResources, match="asks for 100000 CPUs"):
        run(lambda: wide(), context)
