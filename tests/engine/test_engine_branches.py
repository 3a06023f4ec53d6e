"""Branches, products, pipelines inside pipelines and early stops in runs, in this process and in worker processes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engine_project import project_in, run, states

from interlock import StopRun, either, when
from interlock.engine.context import RunContext, open_context
from interlock.engine.plan import plan_graph
from interlock.engine.result import Run
from interlock.engine.run import RunOptions, run_graph
from interlock.engine.worker import StepFailed
from interlock.graph.conditions import ConditionError
from interlock.graph.pipeline import Pipeline, deployable
from interlock.graph.step import step
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with project_in(tmp_path) as opened:
        yield opened


@step
def size(n: int) -> int:
    return n


@step
def is_big(n: int) -> bool:
    return n > 10


@step
def unsure(n: int):  # type: ignore[no-untyped-def]
    return n


@step
def large(n: int) -> int:
    return n * 100


@step
def small(n: int) -> int:
    return -n


@step
def both(a: int, b: int) -> int:
    return a + b


@step
def scored(answer: int) -> dict[str, float]:
    return {"score": float(answer)}


@step(retries=3)
def stop_at(n: int, at: int) -> int:
    if n == at:
        print("seen all")
        raise StopRun(f"nothing beyond {at}")
    return n


def chosen(n: int) -> Any:
    n = size(n)
    big = when(is_big(n))
    with big:
        one = large(n)
    with big.otherwise:
        other = small(n)
    return scored(either(one, other)), both(one, one)


def reasons(made: Run) -> dict[str, str]:
    return {one.name: one.reason for one in made.steps if one.state in ("skipped", "stopped")}


def test_a_run_takes_one_branch_and_goes_on_where_the_branches_meet(context: RunContext) -> None:
    made = run(lambda: chosen(5), context)
    assert made.status == "succeeded"
    assert made["scored"].value == {"score": -5.0}
    assert reasons(made) == {"large": "is_big was False", "both": "large was skipped: is_big was False"}
    recorded = {one.node: (one.state, one.reason) for one in context.records.steps.of(made.id)}
    assert recorded["large"] == ("skipped", "is_big was False")
    assert recorded["either"] == ("ran", "took small: is_big was False")
    with pytest.raises(KeyError, match="did not finish"):
        made["large"]


def test_the_other_branch_runs_when_the_condition_changes_and_each_is_cached(context: RunContext) -> None:
    run(lambda: chosen(5), context)
    made = run(lambda: chosen(50), context)
    assert reasons(made) == {"small": "is_big was True"}
    assert made["both"].value == 10_000
    again = states(run(lambda: chosen(5), context))
    assert again["small"] == again["scored"] == again["is_big"] == "cached"
    assert again["large"] == "skipped"


def test_a_plan_says_which_branch_would_be_taken(context: RunContext) -> None:
    def planned(n: int) -> dict[str, tuple[str, str]]:
        graph = Pipeline(lambda: chosen(n), name="p").trace({})
        return {one.name: (one.state, one.reason) for one in plan_graph(graph, context)}

    assert planned(5)["small"] == ("open", "depends on what is_big will give")
    run(lambda: chosen(5), context)
    found = planned(5)
    assert found["small"][0] == "hit"
    assert found["large"] == ("skipped", "is_big was False")
    assert found["either"] == ("hit", "took small: is_big was False")
    assert found["both"] == ("skipped", "large was skipped: is_big was False")


def test_a_condition_that_is_no_bool_fails_the_step_that_asks(context: RunContext) -> None:
    def connect() -> Any:
        with when(unsure(3)):
            return large(4)

    made = run(connect, context)
    assert made.status == "failed"
    assert isinstance(made.failure, StepFailed)
    assert isinstance(made.failure.__cause__, ConditionError)
    assert "'unsure' is True or False, but it gave int 3" in str(made.failure)
    assert states(made) == {"unsure": "ran", "large": "failed"}


def test_metrics_of_a_branch_that_was_not_taken_are_none(context: RunContext) -> None:
    def connect(n: int) -> Any:
        start = size(n)
        answer = small(start)
        with when(is_big(n)):
            extra = scored(answer)
        return deployable(start, answer, extra)

    assert run(lambda: connect(5), context).metrics == {}
    assert run(lambda: connect(50), context).metrics == {"score": -50.0}


def test_a_step_ends_the_run_early_and_well(context: RunContext) -> None:
    def connect() -> Any:
        return large(stop_at(size(3), 3)), small(size(4))

    made = run(connect, context)
    assert (made.status, made.failure, made.stopped) == ("stopped", None, "nothing beyond 3")
    assert states(made)["stop_at"] == "stopped"
    assert reasons(made)["large"] == "after 'stop_at' stopped the run: nothing beyond 3"
    record = context.records.steps.get(made.id, "stop_at")
    assert record is not None
    assert (record.state, record.reason, record.error) == ("stopped", "nothing beyond 3", None)
    assert len(record.attempts) == 1  # no failure: not tried again
    assert context.records.runs.get(made.id).status == "stopped"
    assert "seen all" in "".join(chunk.text for chunk in context.records.logs.read(made.id))


def test_a_stop_is_not_cached(context: RunContext) -> None:
    run(lambda: stop_at(size(3), 3), context)
    assert states(run(lambda: stop_at(size(3), 3), context)) == {"size": "cached", "stop_at": "stopped"}


def test_an_item_ends_the_run(context: RunContext) -> None:
    made = run(lambda: large.map(stop_at.map([1, 2, 3, 4], at=3)), context)
    assert states(made) == {"stop_at": "stopped", "large": "skipped"}
    items = {one.item: one.state for one in context.records.items.of(made.id, "stop_at")}
    assert items == {0: "ran", 1: "ran", 2: "stopped"}


def test_stop_without_a_reason_says_so(context: RunContext) -> None:
    @step
    def mute() -> int:
        raise StopRun(" ")

    assert run(mute, context).stopped == "no reason given"
    with pytest.raises(StopRun, match="beyond 3"):
        stop_at(3, 3)  # outside a run it is what a test can see


def test_a_product_runs_only_the_items_that_are_new(context: RunContext) -> None:
    assert run(lambda: both.product([1, 2], [10, 20]), context)["both"].value == [11, 21, 12, 22]
    made = run(lambda: both.product([1, 2, 3], [10, 20]), context)
    assert made["both"].value == [11, 21, 12, 22, 13, 23]
    found = [one.state for one in context.records.items.of(made.id, "both")]
    assert found == ["cached"] * 4 + ["ran"] * 2
    side_by_side = run(lambda: both.map([1, 3], [20, 10]), context)
    assert side_by_side["both"].value == [21, 13]
    assert {one.state for one in context.records.items.of(side_by_side.id, "both")} == {"cached"}


def test_a_product_is_no_map_for_the_cache(context: RunContext) -> None:
    assert run(lambda: both.map([1, 2], [10, 20]), context)["both"].value == [11, 22]
    assert run(lambda: both.product([1, 2], [10, 20]), context)["both"].value == [11, 21, 12, 22]


def test_a_step_of_two_folds_a_list_of_outputs(context: RunContext) -> None:
    def connect(*numbers: int) -> Any:
        return functools.reduce(both, [size(n) for n in numbers])

    assert run(lambda: connect(1, 2, 3), context)["both#2"].value == 6
    assert states(run(lambda: connect(1, 2, 3, 4), context)) == {
        "size": "cached",
        "size#2": "cached",
        "size#3": "cached",
        "size#4": "ran",
        "both": "cached",
        "both#2": "cached",
        "both#3": "ran",
    }


def test_a_pipeline_inside_another_shares_its_cache_with_itself_alone(context: RunContext) -> None:
    inner = Pipeline(lambda n: {"half": small(size(n))}, name="inner")
    run_graph(inner.trace({"n": 7}), context, RunOptions())
    made = run(lambda: large(inner(7)["half"]), context)
    assert states(made) == {"inner/size": "cached", "inner/small": "cached", "large": "ran"}
    assert made["inner/small"].value == -7
    forced = run(lambda: large(inner(7)["half"]), context, from_step="inner/small")
    assert states(forced) == {"inner/size": "cached", "inner/small": "ran", "large": "ran"}


FLOW = """
from interlock import StopRun, either, pipeline, step, when

@step
def size(n: int) -> int:
    return n

@step
def is_big(n: int) -> bool:
    return n > 10

@step
def large(n: int) -> list[int]:
    return [n] * 3

@step
def small(n: int) -> list[int]:
    return [n]

@step
def twice(n: int, by: int) -> int:
    if n == 13:
        raise StopRun("thirteen is enough")
    return n * by

@step
def total(parts: list[int]) -> int:
    return sum(parts)

@pipeline
def inner(n: int):
    n = size(n)
    big = when(is_big(n))
    with big:
        one = large(n)
    with big.otherwise:
        other = small(n)
    return either(one, other)

@pipeline
def outer(n: int = 5):
    return total(twice.product(inner(n), [1, 10]))
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[RunContext]:
    before = list(sys.path)
    (tmp_path / "branches_flow.py").write_text(FLOW)
    (tmp_path / "interlock.toml").write_text('[stack.default]\nengine = "processes"\n')
    with open_context(find_project(tmp_path)) as opened:
        yield opened
    sys.path[:] = before
    sys.modules.pop("branches_flow", None)


def run_outer(context: RunContext, n: int) -> Run:
    target = load_pipeline(context.project, "branches_flow:outer")
    return run_graph(target.pipeline.trace({"n": n}), context, RunOptions(ref="branches_flow:outer"))


@pytest.mark.parametrize(("n", "expected"), [(5, 55), (20, 660)])
def test_all_of_it_in_worker_processes(processes: RunContext, n: int, expected: int) -> None:
    made = run_outer(processes, n)
    assert made.status == "succeeded"
    assert made["total"].value == expected


def test_an_early_stop_in_worker_processes(processes: RunContext) -> None:
    made = run_outer(processes, 13)
    assert (made.status, made.stopped) == ("stopped", "thirteen is enough")
    assert states(made)["total"] == "skipped"
