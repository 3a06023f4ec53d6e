from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engine_project import project_in, run, states

from interlock import log, log_figure, log_table
from interlock.engine.context import RunContext
from interlock.engine.datasets import UnknownDataset
from interlock.engine.metrics import MetricsError
from interlock.engine.resources import NotEnoughResources
from interlock.engine.tracking import NotLoggable
from interlock.engine.worker import StepFailed
from interlock.graph.model import UnknownNode
from interlock.graph.options import BadMemorySize, memory_bytes
from interlock.graph.pipeline import data, deployable
from interlock.graph.step import step


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with project_in(tmp_path) as opened:
        yield opened


@step
def one() -> int:
    return 1


@step
def plus(x: int, by: int = 1) -> int:
    return x + by


def chain() -> None:
    plus(plus(one()))


def test_a_run_records_what_its_steps_returned(context: RunContext) -> None:
    made = run(chain, context)
    assert (made.id, made.status) == ("p/1", "succeeded")
    assert made["plus#2"].value == 3
    assert [step.node for step in context.records.steps.of("p/1")] == ["one", "plus", "plus#2"]


def test_a_second_run_takes_everything_from_the_cache_and_says_why(context: RunContext) -> None:
    run(chain, context)
    made = run(chain, context)
    assert states(made) == {"one": "cached", "plus": "cached", "plus#2": "cached"}
    assert made.steps[0].reason == "same code, inputs and params as in p/1"
    assert made["plus#2"].value == 3


def test_the_cache_may_be_left_unasked_wholly_or_from_a_step_on(context: RunContext) -> None:
    run(chain, context)
    assert states(run(chain, context, cache=False)) == {"one": "ran", "plus": "ran", "plus#2": "ran"}
    assert states(run(chain, context, from_step="plus#2"))["plus"] == "cached"
    assert states(run(chain, context, from_step="plus"))["plus#2"] == "ran"
    with pytest.raises(UnknownNode, match="Did you mean 'plus'"):
        run(chain, context, from_step="plis")


def test_an_equal_output_stops_the_rebuild(context: RunContext) -> None:
    def pipeline(number: int) -> Any:
        @step
        def parity(n: int) -> int:
            return n % 2

        @step
        def after(even: int) -> int:
            return even

        return lambda: after(parity(number))

    run(pipeline(2), context)
    made = run(pipeline(4), context)
    assert states(made) == {"parity": "ran", "after": "cached"}


def test_a_failing_step_skips_what_follows_and_shows_the_users_line(context: RunContext) -> None:
    @step
    def breaks(x: int) -> int:
        return x // 0

    made = run(lambda: plus(breaks(one())), context)
    assert states(made) == {"one": "ran", "breaks": "failed", "plus": "skipped"}
    assert isinstance(made.failure, StepFailed)
    assert str(made.failure).startswith("Step 'breaks' failed: ZeroDivisionError")
    first = made.failure.user_traceback.splitlines()[1]
    assert Path(__file__).name in first
    assert "in breaks" in first
    assert context.records.runs.get("p/1").status == "failed"


def test_what_finished_before_a_failure_is_used_by_the_next_run(context: RunContext) -> None:
    broken = [True]

    @step(cache=True)
    def sometimes(x: int) -> int:
        if broken:
            raise RuntimeError("not yet")
        return x

    run(lambda: sometimes(one()), context)
    broken.clear()
    made = run(lambda: sometimes(one()), context)
    assert states(made) == {"one": "cached", "sometimes": "ran"}


def test_retries_try_again_and_each_attempt_is_recorded(context: RunContext) -> None:
    tries: list[int] = []

    @step(retries=2)
    def flaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("no answer")
        return 7

    assert run(lambda: flaky(), context)["flaky"].value == 7
    (record,) = context.records.steps.of("p/1")
    assert [attempt.error is None for attempt in record.attempts] == [False, False, True]


def test_a_timeout_ends_even_a_step_that_waits(context: RunContext) -> None:
    @step(timeout=0.05)
    def waits() -> int:
        time.sleep(30)
        return 0

    made = run(lambda: waits(), context)
    assert "did not end within its timeout of 0.05 seconds" in str(made.failure)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (object(), "object"),
        (lambda: 0, "function"),
    ],
)
def test_an_output_that_no_format_holds_fails_its_step_and_names_the_way_out(
    context: RunContext, returned: object, message: str
) -> None:
    @step(cache=False)
    def odd() -> object:
        return returned

    made = run(lambda: odd(), context)
    assert message in str(made.failure)
    assert "pickle" in str(made.failure.__cause__)


def test_none_is_a_value(context: RunContext) -> None:
    @step
    def nothing() -> None:
        return None

    assert run(lambda: nothing(), context)["nothing"].value is None


def test_what_a_step_prints_and_logs_is_kept(context: RunContext, capsys: pytest.CaptureFixture[str]) -> None:
    @step
    def talks() -> int:
        print("hello")
        print("careful", file=sys.stderr)
        for loss in (0.5, 0.25):
            log(loss=loss)
        log_table("head", [{"a": 1}])
        log_figure("dot", b"\x89PNG")
        return 0

    run(lambda: talks(), context)
    assert capsys.readouterr().out == ""
    assert {(c.stream, c.text) for c in context.records.logs.read("p/1")} == {
        ("stdout", "hello\n"),
        ("stderr", "careful\n"),
    }
    points = context.records.metrics.series("p/1", "loss")
    assert [(point.step, point.value) for point in points] == [(0, 0.5), (1, 0.25)]
    (record,) = context.records.steps.of("p/1")
    assert {"table:head", "figure:dot"} <= set(record.outputs)


def test_logging_outside_a_run_does_nothing_but_say_so_once(caplog: pytest.LogCaptureFixture) -> None:
    log(loss=1.0)
    log(loss=2.0)
    log_table("t", 3)
    assert sum("interlock.log does nothing outside" in message for message in caplog.messages) <= 1


def test_what_cannot_be_logged_is_refused(context: RunContext) -> None:
    @step
    def logs_text() -> int:
        log(loss="low")  # type: ignore[arg-type]
        return 0

    made = run(lambda: logs_text(), context)
    assert isinstance(made.failure.__cause__ if made.failure else None, NotLoggable)
    assert "takes a number, not str 'low'" in str(made.failure)


def test_resources_are_measured(context: RunContext) -> None:
    @step
    def heavy() -> float:
        return float(np.ones(20_000_000).sum())

    run(lambda: heavy(), context)
    (record,) = context.records.steps.of("p/1")
    assert record.peak_memory > 160_000_000
    assert record.cpu_seconds > 0


def test_a_step_that_asks_for_what_there_is_not_is_refused_before_anything_runs(context: RunContext) -> None:
    greedy = step(memory="900TB", name="greedy")(lambda: 0)
    with pytest.raises(NotEnoughResources, match="asks for 900TB of memory"):
        run(lambda: greedy(), context)
    many = step(gpus=99, name="many")(lambda: 0)
    with pytest.raises(NotEnoughResources, match="asks for 99 GPUs"):
        run(lambda: many(), context)
    assert list(context.records.runs.list()) == []


def test_memory_sizes() -> None:
    assert memory_bytes("1.5GB") == 1_500_000_000
    assert memory_bytes("2 MiB") == 2 << 20
    with pytest.raises(BadMemorySize, match="'much' is no memory size"):
        memory_bytes("much")


def test_metrics_are_what_the_metrics_step_returned(context: RunContext) -> None:
    @step
    def judge(x: int) -> dict[str, float]:
        return {"auc": 0.5, "n": x}

    def pipeline() -> Any:
        given = one()
        answer = plus(given)
        return deployable(given, answer, judge(answer))

    assert run(pipeline, context).metrics == {"auc": 0.5, "n": 2.0}


@pytest.mark.parametrize("returned", [3, {"auc": "high"}])
def test_metrics_that_are_no_numbers_are_an_error_and_the_run_failed(
    context: RunContext, returned: Any
) -> None:
    @step(cache=False)
    def judge(x: int) -> Any:
        return returned

    def pipeline() -> Any:
        given = one()
        answer = plus(given)
        return deployable(given, answer, judge(answer))

    with pytest.raises(MetricsError, match="judge"):
        run(pipeline, context)
    assert context.records.runs.get("p/1").status == "failed"


@step
def rows_in(table: pd.DataFrame) -> int:
    return len(table)


def test_a_dataset_is_loaded_as_annotated_and_a_new_part_is_noticed(context: RunContext) -> None:
    folder = context.project.root / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n2\n")
    pipeline = lambda: rows_in(data("data/*.csv"))  # noqa: E731
    assert run(pipeline, context)["rows_in"].value == 2
    assert states(run(pipeline, context)) == {"rows_in": "cached"}
    (folder / "b.csv").write_text("x\n3\n")
    assert run(pipeline, context)["rows_in"].value == 3


def test_an_unknown_dataset_says_where_to_name_it(context: RunContext) -> None:
    with pytest.raises(UnknownDataset) as caught:
        run(lambda: rows_in(data("flights")), context)
    assert "[data.flights]" in caught.value.hint


def test_mapped_steps_return_lists(context: RunContext) -> None:
    @step
    def numbers() -> list[int]:
        return [1, 2, 3]

    assert run(lambda: plus.map(numbers(), by=10), context)["plus"].value == [11, 12, 13]


def test_a_cancelled_run_is_recorded_as_such(context: RunContext) -> None:
    @step
    def interrupted() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(lambda: interrupted(), context)
    assert context.records.runs.get("p/1").status == "cancelled"


def test_a_damaged_result_is_noticed_and_made_anew(context: RunContext) -> None:
    @step
    def table() -> pd.DataFrame:
        return pd.DataFrame({"x": range(1000)})

    @step
    def total(rows: pd.DataFrame, extra: int) -> int:
        return int(rows["x"].sum()) + extra

    run(lambda: total(table(), 1), context)
    for blob in (context.project.home.store / "blobs").rglob("*"):
        if blob.is_file():
            blob.chmod(0o644)
            content = bytearray(blob.read_bytes())
            content[len(content) // 2] ^= 1
            blob.write_bytes(bytes(content))
    broken = run(lambda: total(table(), 2), context)
    assert broken.status == "failed"
    assert "digest" in str(broken.failure)
    healed = run(lambda: total(table(), 2), context)
    assert states(healed) == {"table": "ran", "total": "ran"}
    assert healed["total"].value == 499_502


def test_a_step_that_leaves_by_sys_exit_fails(context: RunContext) -> None:
    @step
    def leaves() -> int:
        sys.exit(0)

    made = run(lambda: leaves(), context)
    assert (made.status, str(made.failure).splitlines()[0]) == (
        "failed",
        "Step 'leaves' failed: SystemExit: 0",
    )


def test_an_error_of_ours_about_a_step_is_told_once_and_without_a_traceback(context: RunContext) -> None:
    @step
    def reads(rows: pd.DataFrame) -> int:
        return len(rows)

    (context.project.root / "bad.csv").write_bytes(b"a,b\n1,\xff\n")
    failure = run(lambda: reads(data("bad.csv")), context).failure
    assert failure is not None
    assert not failure.in_user_code
    assert str(failure).count("bad.csv cannot be read") == 1
    assert "Traceback" not in failure.user_traceback


def test_of_a_message_of_many_lines_the_first_one_is_told(context: RunContext) -> None:
    @step
    def talks() -> int:
        raise ValueError("first\n" + "more\n" * 50)

    failure = run(lambda: talks(), context).failure
    assert failure is not None
    assert failure.what == "Step 'talks' failed: ValueError: first"
    assert failure.user_traceback.count("\nmore") == 50
