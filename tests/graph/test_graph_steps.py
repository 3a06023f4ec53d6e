from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest

from interlock.graph.model import GraphError
from interlock.graph.output import Output, TraceError
from interlock.graph.pipeline import Pipeline
from interlock.graph.step import StepDefinitionError, StepOutputError, fit, split, step


@step
def double(x: int) -> int:
    return 2 * x


@split
def halves(x: list[int]) -> tuple[list[int], list[int]]:
    return x[: len(x) // 2], x[len(x) // 2 :]


class Sides(NamedTuple):
    train: list[int]
    test: list[int]


@split
def sides(x: list[int]) -> Sides:
    return Sides(x[:1], x[1:])


def test_a_step_called_outside_a_pipeline_is_its_function() -> None:
    assert double(4) == 8
    assert double.map([1, 2, 3]) == [2, 4, 6]


def test_options_may_be_given_and_the_name_changed() -> None:
    made = fit(name="train", retries=2, timeout=1.5, cpus=2, memory="1GB", cache=False)(lambda rows: rows)
    assert (made.kind, made.name, made.options.retries, made.options.cache) == ("fit", "train", 2, False)


def test_an_unknown_option_names_the_nearest_one() -> None:
    with pytest.raises(StepDefinitionError, match=r"no option 'retires'.\n  Did you mean 'retries'\?"):
        step(retires=3)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (3, "decorates a function, not int"),
        (double, "is a step already"),
    ],
)
def test_only_plain_functions_become_steps(target: object, message: str) -> None:
    with pytest.raises(StepDefinitionError, match=message):
        step(target)  # type: ignore[call-overload]


def test_a_step_that_takes_any_number_of_arguments_is_refused_when_it_is_connected() -> None:
    @step
    def total(*numbers: int) -> int:
        return sum(numbers)

    with pytest.raises(StepDefinitionError, match="names each of its inputs"):
        Pipeline(lambda: total(1, 2), name="p").trace({})


def test_tuple_annotations_give_numbered_outputs_and_named_tuples_named_ones() -> None:
    assert halves.outputs == ("0", "1")
    assert sides.outputs == ("train", "test")
    assert sides.split_outputs(Sides([1], [2])) == {"train": [1], "test": [2]}


def test_returning_another_number_of_outputs_is_an_error_that_counts() -> None:
    with pytest.raises(StepOutputError, match="returned 3 values, but its annotation promises 2"):
        halves.split_outputs((1, 2, 3))


def test_a_named_tuple_output_is_reached_by_name_while_tracing() -> None:
    seen: list[object] = []

    def connect() -> None:
        both = sides([1, 2, 3])
        seen.append(both.train)
        double.map(both.test)

    graph = Pipeline(connect, name="p").trace({})
    assert isinstance(seen[0], Output)
    assert [str(ref) for ref in graph.node("double").refs()] == ["sides.test"]


def test_every_graph_error_is_one_of_ours() -> None:
    assert issubclass(TraceError, GraphError)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("retries", 1.5, "retries takes a whole number"),
        ("retries", "3", "retries takes a whole number"),
        ("retries", -1, "retries takes a whole number"),
        ("memory", "4 potatoes", "memory takes a size"),
        ("memory", 4, "memory takes a size"),
        ("cache", "no", "cache takes True or False"),
        ("pickle", 1, "pickle takes True or False"),
        ("timeout", float("nan"), "timeout takes seconds above 0"),
        ("timeout", 0, "timeout takes seconds above 0"),
        ("timeout", "1 moon", "timeout takes seconds above 0"),
        ("cpus", "2", "cpus takes a number"),
        ("gpus", float("inf"), "gpus takes a number"),
    ],
)
def test_an_option_of_a_wrong_kind_names_the_step(option: str, value: Any, said: str) -> None:
    with pytest.raises(StepDefinitionError, match=f"@step of step 'train': {said}"):

        @step(**{option: value})
        def train() -> int:
            return 1


def test_a_timeout_may_be_written_with_its_unit() -> None:
    @step(timeout="1.5m")
    def train() -> int:
        return 1

    assert train.options.timeout == 90


def test_a_split_with_one_output_is_refused() -> None:
    with pytest.raises(StepDefinitionError, match="@split 'half' has one output") as caught:

        @split
        def half(rows: pd.DataFrame) -> pd.DataFrame:
            return rows

    assert "tuple[pd.DataFrame, pd.DataFrame]" in caught.value.hint


class TwoSides(NamedTuple):
    left: pd.DataFrame
    right: pd.DataFrame


@pytest.mark.parametrize(
    ("promised", "returned", "said"),
    [
        (pd.DataFrame, None, "returned None, but its annotation promises DataFrame"),
        (dict[str, float], None, r"returned None, but its annotation promises dict"),
        (int, None, "promises int"),
        (pd.DataFrame, pl.DataFrame(), r"returned polars.DataFrame, but its annotation promises DataFrame"),
        (np.ndarray, pd.Series([1]), "returned pandas.Series"),
        (tuple[pd.DataFrame, pd.Series], (pd.DataFrame(), None), "returned None as its output '1'"),
        (TwoSides, TwoSides(pd.DataFrame(), 1), "returned int as its output 'right'"),
    ],
)
def test_an_output_that_the_annotation_rules_out_is_an_error(promised: Any, returned: Any, said: str) -> None:
    def gives():  # type: ignore[no-untyped-def]
        return returned

    gives.__annotations__["return"] = promised
    with pytest.raises(StepOutputError, match=said):
        step(gives).split_outputs(returned)


@pytest.mark.parametrize(
    ("promised", "returned"),
    [
        (None, None),
        (int | None, None),
        (Any, None),
        (float, 1),
        (list[int], ["a"]),
        (pd.DataFrame | pl.DataFrame, pl.DataFrame()),
    ],
)
def test_what_the_annotation_does_not_rule_out_passes(promised: Any, returned: Any) -> None:
    def gives():  # type: ignore[no-untyped-def]
        return returned

    gives.__annotations__["return"] = promised
    assert step(gives).split_outputs(returned) == {"result": returned}
