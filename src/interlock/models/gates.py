"""Gates: what a model version has to fulfil before an alias may point at it. They fail closed.

A gate that cannot be judged (a metric is missing or NaN, the holdout is empty, parity was not
checked) does not pass; the reason says which number was missing and what to do about it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from interlock.errors import did_you_mean
from interlock.models.gate_parser import (
    Comparison,
    GateSyntaxError,
    LeakageRule,
    Metric,
    Operator,
    ParityRule,
    Rule,
    Sum,
    parse_rule,
)

__all__ = ["AGAINST", "Evidence", "Gate", "GateSyntaxError", "Verdict", "names_champion", "parse_gate"]

_COMPARE: Mapping[Operator, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_WORDS: Mapping[Operator, tuple[str, str]] = {
    ">=": ("is at least", "is not at least"),
    ">": ("is above", "is not above"),
    "<=": ("is at most", "is not at most"),
    "<": ("is below", "is not below"),
    "==": ("equals", "does not equal"),
    "!=": ("differs from", "does not differ from"),
}
_LATENCIES = ("p50_ms", "p99_ms")

AGAINST = "champion"
"""Under this name the numbers of a verdict say which version of the champion it was reached against."""


class ParityResult(Protocol):
    """What a gate reads of a parity check."""

    @property
    def passed(self) -> bool:
        """Tell whether the served slice reproduced the recorded answer."""
        ...

    @property
    def reason(self) -> str:
        """Say in one sentence what was compared, or what differed."""
        ...

    @property
    def p50_ms(self) -> float:
        """Return the median time of a single-row request, through the codec."""
        ...

    @property
    def p99_ms(self) -> float:
        """Return the 99th percentile of the same."""
        ...


class LeakFound(Protocol):
    """What a gate reads of one structural leak."""

    @property
    def path(self) -> tuple[str, ...]:
        """Return the nodes along which rows of `given` reach a fit."""
        ...

    @property
    def waived(self) -> str | None:
        """Return the reason for which the code waives it."""
        ...


class LeakResult(Protocol):
    """What a gate reads of the search for structural leakage."""

    @property
    def checked(self) -> bool:
        """Tell whether there was anything to check."""
        ...

    @property
    def why_unchecked(self) -> str:
        """Say why not."""
        ...

    @property
    def leaks(self) -> Sequence[LeakFound]:
        """Return what was found."""
        ...


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that gates are judged on.

    Args:
        metrics: The metrics of the model version, on its holdout.
        rows: The number of rows of that holdout; with none, no metric means anything.
        champion: The metrics of the champion on the same holdout; None while there is no champion,
            or when it could not be judged (then `champion_version` is given).
        champion_version: Its version.
        parity: The parity check; it also measures `p50_ms` and `p99_ms`.
        leakage: The report on structural leakage.
    """

    metrics: Mapping[str, float]
    rows: int
    champion: Mapping[str, float] | None = None
    champion_version: int | None = None
    parity: ParityResult | None = None
    leakage: LeakResult | None = None


@dataclass(frozen=True)
class Verdict:
    """What came of one gate: the gate as written, the numbers it saw and a sentence that has them."""

    gate: str
    passed: bool
    numbers: Mapping[str, float]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON; NaN and infinities, which JSON lacks, become strings."""
        numbers = {
            name: value if math.isfinite(value) else str(value) for name, value in self.numbers.items()
        }
        return {"gate": self.gate, "passed": self.passed, "numbers": numbers, "reason": self.reason}


@dataclass(frozen=True)
class Gate:
    """One gate; equal gates ask for the same, however they were written."""

    rule: Rule
    text: str = field(compare=False)

    def __str__(self) -> str:
        return str(self.rule)

    @property
    def names_champion(self) -> bool:
        """Whether it compares with the champion, so that its verdict holds only as long as that one is champion."""
        return isinstance(self.rule, Comparison) and any(one.champion for one in self.rule.metrics())

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge the evidence; whatever keeps the gate from being judged makes it fail."""
        if isinstance(self.rule, ParityRule):
            passed, reason = _judge_parity(evidence.parity)
            return Verdict(self.text, passed=passed, numbers={}, reason=reason)
        if isinstance(self.rule, LeakageRule):
            passed, reason = _judge_leakage(evidence.leakage)
            return Verdict(self.text, passed=passed, numbers={}, reason=reason)
        return _judge_comparison(self.text, self.rule, evidence)


def names_champion(text: str) -> bool:
    """Tell whether the gate of a recorded verdict compares with the champion."""
    try:
        return parse_gate(text).names_champion
    except GateSyntaxError:  # a verdict that no gate of the configuration asked for
        return False


def parse_gate(text: str) -> Gate:
    """Read a gate such as `auc > champion.auc by 0.002`, `parity` or `no leakage`.

    Raises:
        GateSyntaxError: The text is not a gate; it says where and what was expected.
    """
    return Gate(parse_rule(text), text.strip())


def _judge_parity(parity: ParityResult | None) -> tuple[bool, str]:
    if parity is None:
        return False, "Parity was not checked."
    return bool(parity.passed), parity.reason


def _judge_leakage(report: LeakResult | None) -> tuple[bool, str]:
    if report is None:
        return False, "Leakage was not checked: there is no report."
    if not report.checked:
        return False, f"Leakage was not checked: {report.why_unchecked.rstrip('.')}."
    open_leaks = [leak for leak in report.leaks if not leak.waived]
    if open_leaks:
        paths = "; ".join(" → ".join(leak.path) for leak in open_leaks)
        return False, f"{_count(len(open_leaks), 'leak')} in the pipeline: {paths}."
    if report.leaks:
        reasons = "; ".join(f"{' → '.join(leak.path)} ({leak.waived})" for leak in report.leaks)
        return True, f"{_count(len(report.leaks), 'leak')}, waived in the code: {reasons}."
    return True, "No fit has seen the rows that it is judged on."


def _judge_comparison(text: str, rule: Comparison, evidence: Evidence) -> Verdict:
    numbers: dict[str, float] = {}
    if evidence.champion_version is not None and any(metric.champion for metric in rule.metrics()):
        numbers[AGAINST] = evidence.champion_version
    for metric in rule.metrics():
        fault = _look_up(metric, evidence, numbers)
        if fault:
            return Verdict(text, passed=False, numbers=numbers, reason=fault)
    if evidence.champion is None and any(metric.champion for metric in rule.metrics()):
        return Verdict(text, passed=True, numbers=numbers, reason="No champion yet: this is the first.")
    left, right = _total(rule.left, numbers), _total(rule.right, numbers)
    margin = rule.by or 0.0
    bound = right + margin if rule.operator in {">", ">="} else right - margin
    passed = _COMPARE[rule.operator](left, bound)
    reason = _sentence(rule, evidence, numbers, left, bound, passed=passed)
    return Verdict(text, passed=passed, numbers=numbers, reason=reason)


def _look_up(metric: Metric, evidence: Evidence, numbers: dict[str, float]) -> str:
    """Put the metric's value into `numbers`; return what is wrong with it, or nothing."""
    if metric.champion and evidence.champion is None:
        version = evidence.champion_version
        if version is not None:
            return f"Champion version {version} could not be judged on this holdout."
        if metric.name in _own_metrics(evidence):
            return ""  # else the first version would pass by a slip of the pen that refuses all later ones
    if evidence.rows < 1 and metric.name not in _LATENCIES:
        return f"{metric} means nothing: the holdout has no rows."
    of_champion = metric.champion and evidence.champion is not None
    source = evidence.champion if of_champion else _own_metrics(evidence)
    value = (source or {}).get(metric.name)
    if value is None and metric.champion and metric.name in _own_metrics(evidence):
        return (
            f"{metric} is not known: {metric.name} is not computed from the answer, so that no other version can be "
            "judged by it. Compare it with a number."
        )
    if value is None:
        owner = "the champion" if of_champion else "this run"
        return f"There is no metric {metric} of {owner}. {did_you_mean(metric.name, source or ())}".rstrip()
    try:
        numbers[str(metric)] = float(value)
    except (TypeError, ValueError):
        return f"{metric} is {value!r}, not a number."
    return "" if math.isfinite(value) else f"{metric} is {_show(value)}: nothing can be compared with it."


def _own_metrics(evidence: Evidence) -> Mapping[str, float]:
    """Return the metrics of the run, with the latencies of the parity check beside them."""
    if evidence.parity is None:
        return evidence.metrics
    return {"p50_ms": evidence.parity.p50_ms, "p99_ms": evidence.parity.p99_ms, **evidence.metrics}


def _total(side: Sum, numbers: Mapping[str, float]) -> float:
    total = 0.0
    for term in side.terms:
        value = numbers[str(term.item)] if isinstance(term.item, Metric) else term.item
        total += -value if term.negative else value
    return total


def _sentence(
    rule: Comparison,
    evidence: Evidence,
    numbers: Mapping[str, float],
    left: float,
    bound: float,
    *,
    passed: bool,
) -> str:
    show = _show if _show(left) != _show(bound) or left == bound else repr
    right = _in_numbers(rule.right, numbers, show)
    if rule.by is not None:
        right += f" by {_show(rule.by)}"
    if len(rule.right.terms) > 1 or rule.by is not None:
        right += f" = {show(bound)}" if rule.by is None else f" (= {show(bound)})"
    words = _WORDS[rule.operator][0 if passed else 1]
    sentence = f"{_in_numbers(rule.left, numbers, show)} {words} {right}"
    if any(metric.champion for metric in rule.metrics()):
        version = "" if evidence.champion_version is None else f"version {evidence.champion_version}, "
        sentence += f" ({version}same holdout)"
    return f"{sentence}."


def _in_numbers(side: Sum, numbers: Mapping[str, float], show: Callable[[float], str]) -> str:
    """Write a side with the value beside each metric: `champion.auc 0.651 - 0.01`."""
    text = ""
    for term in side.terms:
        sign = " - " if term.negative else " + "
        text += sign if text else sign.strip(" +")
        text += f"{term} {show(numbers[str(term)])}" if isinstance(term.item, Metric) else show(term.item)
    return text


def _show(number: float) -> str:
    return {"nan": "NaN", "inf": "infinite", "-inf": "minus infinite"}.get(str(number), f"{number:.6g}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
