"""The recorded rows, sent as requests, give the recorded answers, or it is found out why not."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from interlock.models.codec import answer_schema, infer_schema
from interlock.models.parity import SINGLE_ROWS, check_parity


def rows_of(count):
    """Return recorded rows of several dtypes."""
    numbers = np.random.default_rng(7).normal(size=count)
    carriers = pd.Series(np.where(numbers > 0, "UA", "B6"), dtype="str")
    return pd.DataFrame({"x": numbers, "carrier": carriers, "hour": np.arange(count) % 24})


def score(rows):
    return (rows["x"] * 2 + (rows["carrier"] == "UA") + rows["hour"]).to_numpy()


def parity_of(predict, given, answer=None, **options):
    """Check a slice against its own answer to all rows at once, as a run records it."""
    answer = predict(given) if answer is None else answer
    return check_parity(predict, infer_schema(given), answer_schema(answer), given, answer, **options)


def test_a_slice_that_looks_at_each_row_alone_passes():
    parity = parity_of(score, rows_of(300))
    assert parity.passed
    assert parity.reason == (
        "300 recorded rows give the recorded answers: alone, in batches of 7 and 256 and 300, and shuffled."
    )
    assert (parity.rows, parity.max_abs_diff, parity.first_difference) == (300, 0.0, None)
    assert 0 < parity.p50_ms <= parity.p99_ms < math.inf


HIDDEN = {
    "a mean of the batch": lambda rows: (rows["x"] - rows["x"].mean()).to_numpy(),
    "a rank in the batch": lambda rows: rows["x"].rank().to_numpy(),
    "the row before": lambda rows: rows["x"].shift(fill_value=0.0).to_numpy(),
    "the place in the batch": lambda rows: np.arange(len(rows)),
    "the size of the batch": lambda rows: np.full(len(rows), len(rows)),
    "categories of the batch": lambda rows: rows["carrier"].astype("category").cat.codes.to_numpy(),
    "the first row": lambda rows: np.full(len(rows), rows["hour"].iloc[0] + 1.0) + rows["x"].to_numpy() * 0,
}


@pytest.mark.parametrize("predict", HIDDEN.values(), ids=HIDDEN.keys())
def test_an_answer_that_depends_on_the_other_rows_is_found(predict):
    parity = parity_of(predict, rows_of(300))
    assert not parity.passed
    assert parity.first_difference is not None


def test_a_dependence_that_single_rows_do_not_show_is_found_by_the_order():
    def running(rows):
        steps = rows["hour"].diff().fillna(1.0).to_numpy()
        return rows["x"].to_numpy() + ((np.arange(len(rows)) > 6) & (steps != 1.0))

    given = rows_of(20)
    parity = parity_of(running, given, answer=given["x"].to_numpy())
    assert parity.first_difference.mode == "shuffled"


def test_the_difference_is_told_with_row_and_both_answers():
    given = rows_of(3)
    parity = parity_of(score, given, answer=score(given) + [0.0, 0.0, 1.0])
    found = parity.first_difference
    assert (found.mode, found.row, found.column) == ("alone", 2, None)
    assert parity.reason == (
        f"Row 2 sent alone is answered {found.got!r}; the recorded answer is {found.expected!r}."
    )
    assert parity.max_abs_diff == pytest.approx(1.0)


def test_a_dtype_that_the_slice_changes_on_the_way_is_skew():
    given = pd.DataFrame({"zip": pd.Series(["01234", "5"], dtype="str")})
    parity = parity_of(lambda rows: [text.lstrip("0") for text in rows["zip"]], given, answer=["01234", "5"])
    assert parity.reason == 'Row 0 sent alone is answered "1234"; the recorded answer is "01234".'


ANSWERS = {
    "a frame": lambda rows: pd.DataFrame({"late": rows["x"] > 0, "score": rows["x"]}),
    "a matrix": lambda rows: np.column_stack([rows["x"], -rows["x"]]),
    "a series": lambda rows: rows["x"].rename("score"),
    "a list": lambda rows: [{"carrier": name, "codes": [1, 2.5]} for name in rows["carrier"]],
}


@pytest.mark.parametrize("predict", ANSWERS.values(), ids=ANSWERS.keys())
def test_every_form_of_answer_is_compared(predict):
    assert parity_of(predict, rows_of(20)).passed


def test_a_column_of_the_answer_is_named():
    given = rows_of(5)
    recorded = pd.DataFrame({"late": [True] * 5, "score": given["x"]})
    changed = recorded.assign(late=[True, True, False, True, True])
    parity = parity_of(lambda rows: changed.loc[rows["hour"]], given, answer=recorded)
    assert parity.reason == "Row 2, column 'late', sent alone is answered false; the recorded answer is true."


def noisy(amount, dtype="float64"):
    """Return a slice whose answers depend on the batch by this share of their size."""
    return lambda rows: (rows["x"].to_numpy() * (1 + amount * (len(rows) == 1))).astype(dtype)


TOLERANCES = [
    (1e-12, "float64", None, True),
    (1e-6, "float64", None, False),
    (1e-6, "float64", 1e-5, True),
    (1e-12, "float64", 0, False),
    (1e-6, "float32", None, True),
    (1e-3, "float32", None, False),
    (1e-3, "float16", None, True),
]


@pytest.mark.parametrize(("amount", "dtype", "tolerance", "passed"), TOLERANCES)
def test_the_last_bits_may_differ_as_much_as_the_precision_of_the_answer_lets_them(
    amount, dtype, tolerance, passed
):
    parity = parity_of(noisy(amount, dtype), rows_of(30), tolerance=tolerance)
    assert parity.passed == passed
    assert parity.max_abs_diff > 0


def test_integers_have_to_be_equal():
    given = rows_of(3)
    parity = parity_of(
        lambda rows: rows["hour"].to_numpy() + 10**12, given, answer=given["hour"].to_numpy() + 10**12 + 1
    )
    assert not parity.passed


def test_true_is_not_one():
    given = rows_of(2)
    parity = parity_of(lambda rows: [1] * len(rows), given, answer=[True, True])
    assert parity.reason == "Row 0 sent alone is answered 1; the recorded answer is true."


def test_many_rows_are_sampled_evenly():
    sizes = []

    def predict(rows):
        sizes.append(len(rows))
        return score(rows)

    given = rows_of(1000)
    parity = check_parity(
        predict, infer_schema(given), answer_schema(score(given)), given, score(given), most_rows=300
    )
    assert parity.reason.startswith("300 of 1000 recorded rows give the recorded answers")
    assert sizes.count(1) == SINGLE_ROWS + 1  # the first once more, so that loading is not timed
    assert parity.batches == len(sizes)


def fails(_rows):
    raise KeyError("dep_delay")


BAD = "The model's answer cannot be sent:"
CLOSED = {
    "no rows": (score, rows_of(0), np.zeros(0), "There are no recorded rows to compare."),
    "too few answers": (
        score,
        rows_of(3),
        np.zeros(2),
        "The recorded answer has 2 rows for 3 recorded rows; a request needs one each.",
    ),
    "the slice raises": (
        fails,
        rows_of(3),
        np.zeros(3),
        "The slice failed on row 0 sent alone: KeyError: 'dep_delay'",
    ),
    "two answers to each request": (
        lambda _rows: np.zeros(2),
        rows_of(3),
        np.zeros(3),
        f"Row 0 sent alone: {BAD} it has 2 rows, the request has 1.",
    ),
    "a number for a vector": (
        lambda rows: score(rows).squeeze(),
        rows_of(3),
        np.zeros(3),
        f"Row 0 sent alone: {BAD} it is an array of 0 dimensions.",
    ),
    "nan": (
        lambda rows: np.full(len(rows), np.nan),
        rows_of(3),
        np.zeros(3),
        f"Row 0 sent alone: {BAD} row 0, nan has no form in JSON.",
    ),
    "infinite given": (
        score,
        rows_of(2).assign(x=np.inf),
        np.zeros(2),
        "The recorded rows cannot be compared: Row 0, column 'x': inf has no form in JSON.",
    ),
    "nan recorded": (
        score,
        rows_of(2),
        np.array([0.0, np.nan]),
        f"The recorded rows cannot be compared: {BAD} row 1, nan has no form in JSON.",
    ),
}


@pytest.mark.parametrize(("predict", "given", "answer", "reason"), CLOSED.values(), ids=CLOSED.keys())
def test_whatever_goes_wrong_is_a_reason_not_to_pass(predict, given, answer, reason):
    parity = check_parity(predict, infer_schema(rows_of(3)), answer_schema(np.zeros(3)), given, answer)
    assert not parity.passed
    assert parity.reason == reason


def test_given_that_does_not_fit_its_schema_does_not_pass():
    given = rows_of(3)
    parity = check_parity(score, infer_schema(given[["x"]]), answer_schema(np.zeros(3)), given, score(given))
    assert "columns x, carrier, hour instead of x" in parity.reason


def test_a_model_of_scikit_learn_passes():
    linear_model = pytest.importorskip("sklearn.linear_model")
    given = pd.DataFrame(np.random.default_rng(0).normal(size=(600, 30))).add_prefix("x")
    model = linear_model.LogisticRegression().fit(given, given["x0"] > 0)
    parity = parity_of(lambda rows: model.predict_proba(rows), given)
    assert parity.passed, parity.reason
