from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from interlock.monitor.drift import DriftReport, compare_tables, find_drift
from interlock.monitor.samples import MISSING, NEW, OTHER, categories, numbers

RNG = np.random.default_rng(11)


def table(rows: int = 1000, **columns: object) -> pa.Table:
    made = {"x": RNG.normal(size=rows), "n": RNG.integers(0, 4, rows), "c": RNG.choice(list("abcd"), rows)}
    return pa.table({**made, **columns})


def report(reference: pa.Table, current: pa.Table, **options: float) -> DriftReport:
    answers = pa.table({"answer": RNG.normal(size=500)})
    return find_drift(reference, current, reference_answer=answers, current_answer=answers, **options)


def test_rows_of_the_same_world_have_not_drifted():
    found = report(table(), table())
    assert not found.drifted
    assert found.drifted_columns == ()
    assert set(found.psi) == {"x", "n", "c"}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("x", RNG.normal(0.8, 1, 1000)),
        ("x", RNG.normal(0, 3, 1000)),
        ("x", np.where(RNG.random(1000) < 0.4, np.nan, RNG.normal(size=1000))),
        ("n", RNG.integers(2, 6, 1000)),
        ("c", RNG.choice(list("abcd"), 1000, p=[0.7, 0.1, 0.1, 0.1])),
        ("c", np.where(RNG.random(1000) < 0.3, "new", "a")),
    ],
    ids=["shift", "spread", "missing", "integers", "shares", "new category"],
)
def test_a_changed_column_is_found_and_named(column, values):
    found = report(table(), table(**{column: values}))
    assert found.drifted
    assert found.drifted_columns == (column,)


def test_false_alarms_on_shuffled_rows_are_rare():
    world = table(20_000, **{f"v{n}": RNG.normal(size=20_000) for n in range(6)})
    alarms = 0
    for _ in range(60):
        order = RNG.permutation(20_000)
        alarms += report(world.take(order[:2000]), world.take(order[2000:2300])).drifted
    assert alarms <= 1


def test_a_significant_but_tiny_change_is_no_drift():
    found = compare_tables(table(20_000), table(20_000, x=RNG.normal(0.1, 1, 20_000)))
    assert found[0].adjusted_p < 0.001
    assert not found[0].drifted


def test_the_threshold_is_the_users():
    reference, current = table(5000), table(5000, x=RNG.normal(0.3, 1, 5000))
    assert report(reference, current, threshold=0.05).drifted
    assert not report(reference, current, threshold=0.5).drifted


def test_a_small_share_of_many_columns_is_no_drift_of_the_whole():
    names = {f"v{n}": RNG.normal(size=1000) for n in range(19)}
    found = report(table(**names), table(**{**names, "x": RNG.normal(2, 1, 1000)}))
    assert found.drifted_columns == ("x",)
    assert found.share < 0.1
    assert not found.drifted


def test_a_drifted_answer_is_enough():
    rows = table()
    answers = [pa.table({"answer": RNG.normal(shift, 1, 500)}) for shift in (0, 1)]
    found = find_drift(rows, rows, reference_answer=answers[0], current_answer=answers[1])
    assert found.drifted
    assert found.drifted_columns == ("answer",)


def test_columns_that_cannot_be_compared_say_why():
    many = pa.table(
        {
            "id": [f"id-{n}" for n in range(100)],
            "at": pa.array(range(100), pa.timestamp("s")),
            "few": pa.array([1.0] * 10 + [None] * 90),
            "gone": list(range(100)),
        }
    )
    notes = {one.column: one.note for one in compare_tables(many, many.drop_columns("gone"))}
    assert notes == {
        "id": "most of its values are different: it names rows",
        "at": "times move by themselves",
        "few": "fewer than 30 values",
        "gone": "the served rows have no such column",
    }


def test_infinities_and_nan_count_as_missing():
    found = numbers(pa.chunked_array([[1.0, float("nan"), float("inf"), None, 2.0]]))
    assert found.values.tolist() == [1.0, 2.0]
    assert found.missing == 3


def test_rare_categories_are_pooled_new_ones_apart():
    before = pa.chunked_array([["a"] * 60 + ["b"] * 35 + ["r"] * 3 + [None] * 2])
    now = pa.chunked_array([["a"] * 50 + ["r"] * 2 + ["z"] * 8 + [None] * 40])
    found = categories(before, now)
    counted = dict(
        zip(found.names, zip(found.reference.tolist(), found.current.tolist(), strict=True), strict=True)
    )
    assert counted == {"a": (60, 50), "b": (35, 0), OTHER: (3, 2), NEW: (0, 8), MISSING: (2, 40)}
    assert found.new_share == 0.08


def test_a_report_survives_json():
    found = report(table(), table(x=RNG.normal(1, 1, 1000)))
    assert DriftReport.from_json(found.to_json()) == found
