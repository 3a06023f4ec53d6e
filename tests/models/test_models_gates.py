"""Gates judge by numbers, say the numbers, and do not pass what they cannot judge."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from interlock.graph.leakage import Leak, LeakReport
from interlock.models.gates import Evidence, parse_gate
from interlock.models.parity import Parity


def judge(text, **evidence):
    """Judge a gate on evidence with sane defaults."""
    facts = {"metrics": {"auc": 0.643, "log_loss": 0.55}, "rows": 1000, **evidence}
    return parse_gate(text).judge(Evidence(**facts))


AGAINST = {"champion": {"auc": 0.651, "log_loss": 0.5}, "champion_version": 3}
JUDGED = [
    ("auc >= 0.6", True, "auc 0.643 is at least 0.6."),
    ("auc >= 0.643", True, "auc 0.643 is at least 0.643."),
    ("auc > 0.643", False, "auc 0.643 is not above 0.643."),
    ("auc >= 0.7", False, "auc 0.643 is not at least 0.7."),
    ("log_loss < 0.6", True, "log_loss 0.55 is below 0.6."),
    ("log_loss <= 0.5", False, "log_loss 0.55 is not at most 0.5."),
    ("0.7 < auc", False, "0.7 is not below auc 0.643."),
    ("auc == 0.643", True, "auc 0.643 equals 0.643."),
    ("auc != 0.643", False, "auc 0.643 does not differ from 0.643."),
    ("auc - log_loss > 0", True, "auc 0.643 - log_loss 0.55 is above 0."),
    ("auc > champion.auc", False, "auc 0.643 is not above champion.auc 0.651 (version 3, same holdout)."),
    (
        "auc >= champion.auc - 0.01",
        True,
        "auc 0.643 is at least champion.auc 0.651 - 0.01 = 0.641 (version 3, same holdout).",
    ),
    (
        "auc > champion.auc by 0.002",
        False,
        "auc 0.643 is not above champion.auc 0.651 by 0.002 (= 0.653) (version 3, same holdout).",
    ),
    (
        "log_loss < champion.log_loss by 0.01",
        False,
        "log_loss 0.55 is not below champion.log_loss 0.5 by 0.01 (= 0.49) (version 3, same holdout).",
    ),
]


@pytest.mark.parametrize(("gate", "passed", "reason"), JUDGED, ids=[gate for gate, _, _ in JUDGED])
def test_a_gate_is_judged_in_a_sentence_with_the_numbers(gate, passed, reason):
    verdict = judge(gate, **AGAINST)
    assert (verdict.gate, verdict.passed, verdict.reason) == (gate, passed, reason)


def test_the_numbers_are_kept_in_full():
    verdict = judge("auc > champion.auc", metrics={"auc": 0.6512345678901}, **AGAINST)
    assert verdict.numbers == {"champion": 3, "auc": 0.6512345678901, "champion.auc": 0.651}


def test_numbers_that_look_alike_are_shown_in_full():
    verdict = judge("auc > 0.65100004", metrics={"auc": 0.65100003})
    assert verdict.reason == "auc 0.65100003 is not above 0.65100004."


def test_numbers_of_numpy_are_numbers():
    assert judge("auc > 0.6", metrics={"auc": np.float32(0.7)}).passed


CLOSED = {
    "a missing metric": (
        "auk > 0",
        {},
        "There is no metric auk of this run. Did you mean 'auc'?",
    ),
    "no metrics at all": ("auc > 0", {"metrics": {}}, "There is no metric auc of this run."),
    "nan": ("auc < 1", {"metrics": {"auc": math.nan}}, "auc is NaN: nothing can be compared with it."),
    "nan, unequal": (
        "auc != 1",
        {"metrics": {"auc": math.nan}},
        "auc is NaN: nothing can be compared with it.",
    ),
    "infinity": (
        "auc > 1",
        {"metrics": {"auc": math.inf}},
        "auc is infinite: nothing can be compared with it.",
    ),
    "a text": ("auc > 0", {"metrics": {"auc": "high"}}, "auc is 'high', not a number."),
    "none": (
        "auc > 0",
        {"metrics": {"auc": None}},
        "There is no metric auc of this run. Did you mean 'auc'?",
    ),
    "an empty holdout": ("auc > 0", {"rows": 0}, "auc means nothing: the holdout has no rows."),
    "a champion without the metric": (
        "auc > champion.auc",
        {"champion": {"aux": 1.0}, "champion_version": 3},
        (
            "champion.auc is not known: auc is not computed from the answer, so that no other version can be "
            "judged by it. Compare it with a number."
        ),
    ),
    "a champion with nan": (
        "auc > champion.auc",
        {"champion": {"auc": math.nan}, "champion_version": 3},
        "champion.auc is NaN: nothing can be compared with it.",
    ),
    "a champion that could not be judged": (
        "auc > champion.auc",
        {"champion_version": 3},
        "Champion version 3 could not be judged on this holdout.",
    ),
    "nan of the first model": (
        "auc > champion.auc",
        {"metrics": {"auc": math.nan}},
        "auc is NaN: nothing can be compared with it.",
    ),
    "no measured latency": (
        "p99_ms <= 25",
        {},
        "There is no metric p99_ms of this run. Known: auc, log_loss.",
    ),
    "a latency of a failed parity": (
        "p99_ms <= 25",
        {"parity": Parity(passed=False, reason="x")},
        "p99_ms is NaN: nothing can be compared with it.",
    ),
    "no parity": ("parity", {}, "Parity was not checked."),
    "parity that failed": (
        "parity",
        {"parity": Parity(passed=False, reason="Row 3 sent alone is answered 1; the recorded answer is 2.")},
        "Row 3 sent alone is answered 1; the recorded answer is 2.",
    ),
    "no report": ("no leakage", {}, "Leakage was not checked: there is no report."),
    "an unchecked report": (
        "no leakage",
        {"leakage": LeakReport(checked=False, why_unchecked="the pipeline has no split", leaks=())},
        "Leakage was not checked: the pipeline has no split.",
    ),
}


@pytest.mark.parametrize(("gate", "evidence", "reason"), CLOSED.values(), ids=CLOSED.keys())
def test_what_cannot_be_judged_does_not_pass(gate, evidence, reason):
    verdict = judge(gate, **evidence)
    assert not verdict.passed
    assert verdict.reason == reason


def test_the_first_model_does_not_pass_by_a_metric_that_nobody_has() -> None:
    verdict = judge("auc > champion.acu", metrics={"auc": 0.7}, rows=10)
    assert (verdict.passed, verdict.reason) == (
        False,
        "There is no metric champion.acu of this run. Did you mean 'auc'?",
    )


def test_the_first_model_passes_what_compares_with_the_champion():
    verdict = judge("auc > champion.auc")
    assert verdict.passed
    assert verdict.reason == "No champion yet: this is the first."


def test_latencies_come_from_the_parity_check():
    parity = Parity(passed=True, reason="same", p50_ms=2.0, p99_ms=8.0)
    assert judge("p99_ms <= 25", parity=parity).reason == "p99_ms 8 is at most 25."
    assert not judge("p50_ms < 1", parity=parity, rows=0).passed
    assert judge("parity", parity=parity).passed


def leaks(*waivers):
    path, reason = ("flights", "fit_encoder"), "it sees the holdout"
    found = [Leak(path=path, reason=reason, step="fit_encoder", waived=waived) for waived in waivers]
    return LeakReport(checked=True, why_unchecked="", leaks=tuple(found))


LEAKS = [
    (leaks(), True, "No fit has seen the rows that it is judged on."),
    (leaks(None), False, "1 leak in the pipeline: flights → fit_encoder."),
    (leaks("", "a calendar"), False, "1 leak in the pipeline: flights → fit_encoder."),
    (leaks("a calendar"), True, "1 leak, waived in the code: flights → fit_encoder (a calendar)."),
]


@pytest.mark.parametrize(("report", "passed", "reason"), LEAKS)
def test_leaks_are_named_and_waivers_are_kept(report, passed, reason):
    verdict = judge("no leakage", leakage=report)
    assert (verdict.passed, verdict.reason) == (passed, reason)


def test_a_verdict_goes_to_json_even_with_nan():
    verdict = judge("auc > 0", metrics={"auc": math.nan})
    assert json.loads(json.dumps(verdict.to_json(), allow_nan=False))["numbers"] == {"auc": "nan"}


def test_equal_gates_are_equal_however_they_were_written():
    assert parse_gate("auc>=.70") == parse_gate("auc >= 0.7")
    assert parse_gate("auc>=.70").text == "auc>=.70"
    assert str(parse_gate("auc>=.70")) == "auc >= 0.7"
