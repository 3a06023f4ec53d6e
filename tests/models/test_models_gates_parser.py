"""Gates are read by hand, and what cannot be read is pointed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.models.gate_parser import Comparison, LeakageRule, Metric, ParityRule, Sum, Term, parse_rule
from interlock.models.gates import GateSyntaxError, parse_gate


def side(*items):
    return Sum(tuple(item if isinstance(item, Term) else Term(item) for item in items))


AUC, CHAMPION = Metric("auc"), Metric("auc", champion=True)
READ = {
    "auc >= 0.70": Comparison(side(AUC), ">=", side(0.7)),
    "auc>.7": Comparison(side(AUC), ">", side(0.7)),
    "  log_loss < 6e-1 ": Comparison(side(Metric("log_loss")), "<", side(0.6)),
    "0.7 <= auc": Comparison(side(0.7), "<=", side(AUC)),
    "auc == 1": Comparison(side(AUC), "==", side(1.0)),
    "auc != 1_000": Comparison(side(AUC), "!=", side(1000.0)),
    "auc > champion.auc": Comparison(side(AUC), ">", side(CHAMPION)),
    "auc >= champion.auc - 0.01": Comparison(side(AUC), ">=", side(CHAMPION, Term(0.01, negative=True))),
    "auc > champion.auc by 0.002": Comparison(side(AUC), ">", side(CHAMPION), by=0.002),
    "-auc + 1 > -0.3": Comparison(side(Term(AUC, negative=True), 1.0), ">", side(Term(0.3, negative=True))),
    "test.auc > 0": Comparison(side(Metric("test.auc")), ">", side(0.0)),
    "recall@5 > precision/top": Comparison(side(Metric("recall@5")), ">", side(Metric("precision/top"))),
    "`f1-score` > champion.`f1-score`": Comparison(
        side(Metric("f1-score")), ">", side(Metric("f1-score", champion=True))
    ),
    "`champion` > 0": Comparison(side(Metric("champion")), ">", side(0.0)),
    "genauigkeit_größe > 0": Comparison(side(Metric("genauigkeit_größe")), ">", side(0.0)),
    "parity": ParityRule(),
    " no  leakage ": LeakageRule(),
    "parity > 0": Comparison(side(Metric("parity")), ">", side(0.0)),
}


@pytest.mark.parametrize(("text", "rule"), READ.items(), ids=READ.keys())
def test_a_gate_is_read(text, rule):
    assert parse_rule(text) == rule


COMPARISON = "one of >=, >, <=, <, ==, !="
REFUSED = {
    "": (0, "a metric or a number"),
    "auc": (3, COMPARISON),
    "auc => 0.7": (4, COMPARISON),
    "auc = 0.7": (4, COMPARISON),
    "auc ≥ 0.7": (4, COMPARISON),
    "auc * 2 > 1": (4, COMPARISON),
    "auc >": (5, "a metric or a number"),
    "auc > > 1": (6, "a metric or a number"),
    "auc > by 2": (6, "a metric or a number"),
    "auc > $x": (6, "a metric or a number"),
    "auc > (1)": (6, "a metric or a number"),
    "auc > 1 -": (9, "a metric or a number"),
    "auc > 1 * 2": (8, "+, -, 'by' or the end of the gate"),
    "auc > 1 and parity": (8, "+, -, 'by' or the end of the gate"),
    "0.1 < auc < 2": (10, "+, -, 'by' or the end of the gate"),
    "auc > champion": (14, "'.' and a metric of the champion"),
    "auc > champion.": (15, "the name of a metric"),
    "auc > champion.5": (14, "'.' and a metric of the champion"),
    "auc > champion.auc by": (21, "a number after 'by'"),
    "auc > champion.auc by x": (22, "a number after 'by'"),
    "auc > 1 by 2 by 3": (13, "the end of the gate"),
    "auc == champion.auc by 1": (20, "the end of the gate"),
    "p99_ms <= 25ms": (12, "the end of the number"),
    "auc > 1__0": (6, "a number"),
    "auc > 1e999": (6, "a number that a float can hold"),
    "1 < 2": (0, "the name of a metric somewhere in the gate"),
    "no": (2, "'leakage'"),
    "no leak": (3, "'leakage'"),
    "no leakage please": (3, "'leakage'"),
    "__import__('os').system('x')": (10, COMPARISON),
}


@pytest.mark.parametrize(("text", "where"), REFUSED.items(), ids=REFUSED.keys())
def test_what_is_no_gate_is_pointed_at(text, where):
    with pytest.raises(GateSyntaxError) as caught:
        parse_gate(text)
    assert (caught.value.column, caught.value.expected) == where


def test_the_message_has_a_caret_and_a_way_out():
    with pytest.raises(GateSyntaxError) as caught:
        parse_gate("auc => 0.7")
    assert str(caught.value) == (
        "Gate 'auc => 0.7' cannot be read: expected one of >=, >, <=, <, ==, != at column 5.\n"
        "    auc => 0.7\n"
        "        ^\n"
        "  Did you mean '>='?"
    )


HINTS = {
    "auc": "A gate is a comparison such as auc >= 0.70, or one of: parity, no leakage.",
    "p99_ms <= 25ms": "Numbers have no unit here: p99_ms <= 25.",
    "auc > champion": "For example: auc > champion.auc",
    "auc > champion.-x": "A name with other signs goes in backquotes: `f1-score`.",
    "0.1 < auc < 2": "One comparison a gate: write two gates, all of them have to pass.",
    "auc > 1 or auc > 2": "Write each comparison as a gate of its own: all of them have to pass.",
    "auc > champion.auc * 0.9": "Only + and - are known here; use them, or let a step compute the metric.",
    "auc == 1 by 2": "'by' goes with >, >=, < and <=.",
}


@pytest.mark.parametrize(("text", "hint"), HINTS.items(), ids=HINTS.keys())
def test_a_frequent_mistake_has_a_hint(text, hint):
    with pytest.raises(GateSyntaxError) as caught:
        parse_gate(text)
    assert caught.value.hint == hint


names = st.text(
    st.characters(exclude_characters="`\n\r", codec="utf-8"), min_size=1, max_size=8
) | st.sampled_from(
    ["auc", "by", "champion", "no", "parity", "leakage", "a.b", "champion.auc", "recall@5", "f1-score"]
)
numbers = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
metrics = st.builds(Metric, names, st.booleans())
sums = st.lists(st.builds(Term, metrics | numbers, st.booleans()), min_size=1, max_size=3).map(
    lambda terms: Sum(tuple(terms))
)
comparisons = st.builds(
    Comparison, sums, st.sampled_from([">=", ">", "<=", "<"]), sums, by=st.none() | numbers
) | st.builds(Comparison, sums, st.sampled_from(["==", "!="]), sums)


@given(rule=comparisons.filter(lambda rule: rule.metrics()) | st.builds(ParityRule) | st.builds(LeakageRule))
def test_every_gate_can_be_written_and_read_again(rule):
    assert parse_rule(str(rule)) == rule


@given(text=st.text(st.sampled_from("auc champion.by0123 <>=!+-*/`$eE_"), max_size=20))
def test_any_text_is_a_gate_or_an_error_that_points_into_it(text):
    try:
        gate = parse_gate(text)
    except GateSyntaxError as error:
        column = error.column
    else:
        column = 0
        assert parse_gate(str(gate)) == gate
    assert 0 <= column <= len(text)
