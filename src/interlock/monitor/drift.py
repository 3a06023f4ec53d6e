"""Drift: are the rows that are asked about still like those that the model was judged on?

A column has drifted when its PSI is above the threshold *and* the test of its kind finds the difference
significant. The first alone alarms on small windows, the second alone on large ones. The p-values of a
window's columns are adjusted together, so that many columns do not make an alarm by their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from interlock.monitor import statistics
from interlock.monitor.samples import Categories, Kind, Numbers, categories, kind_of, numbers

if TYPE_CHECKING:
    import pyarrow as pa

MIN_VALUES = 30
"""Values that both sides of a column must have to be compared: below, the tests' laws do not hold."""

SIGNIFICANCE = 0.05
"""The false discovery rate over the columns of one window."""

MIN_SHARE = 0.1
"""The share of compared columns that must have drifted for the whole to count as drifted; at least one."""

THRESHOLD = 0.2


@dataclass(frozen=True)
class ColumnDrift:
    """What was measured of one column.

    Attributes:
        kind: How it was compared.
        rows: Its present values in the window.
        psi: The population stability index, missing values in a bin of their own.
        test: "ks" (numbers) or "chi2" (categories); empty when it was not compared.
        statistic: That of the test.
        p_value: That of the test; together with the change of the missing share where numbers are missing.
        adjusted_p: The p-value after Benjamini and Hochberg over the columns.
        distance: Wasserstein distance in standard deviations (numbers), Jensen-Shannon distance (categories).
        missing_before: The share of missing values in the reference.
        missing_now: The same in the window.
        new_share: The share of rows whose category the reference does not have.
        note: Why it was not compared.
    """

    column: str
    kind: Kind
    rows: int
    psi: float = 0.0
    test: str = ""
    statistic: float = 0.0
    p_value: float = 1.0
    adjusted_p: float = 1.0
    distance: float = 0.0
    missing_before: float = 0.0
    missing_now: float = 0.0
    new_share: float = 0.0
    drifted: bool = False
    note: str = ""


@dataclass(frozen=True)
class DriftReport:
    """What was measured of one window of served rows.

    Attributes:
        rows: Rows of the window.
        reference_rows: Rows that it was compared with.
        columns: The request's columns.
        answer: The answer's columns; one drifted column of these is enough.
        share: The share of the compared request columns that drifted.
        drifted: Whether the whole counts as drifted.
    """

    rows: int
    reference_rows: int
    columns: tuple[ColumnDrift, ...]
    answer: tuple[ColumnDrift, ...]
    share: float
    drifted: bool

    @property
    def drifted_columns(self) -> tuple[str, ...]:
        """The names of what drifted, the strongest first."""
        found = [one for one in (*self.columns, *self.answer) if one.drifted]
        return tuple(one.column for one in sorted(found, key=lambda one: -one.psi))

    @property
    def psi(self) -> dict[str, float]:
        """The PSI of each compared column of the request."""
        return {one.column: one.psi for one in self.columns if one.test}

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {**asdict(self), "columns": _bodies(self.columns), "answer": _bodies(self.answer)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Rebuild what `to_json` gave."""
        parts = {name: tuple(ColumnDrift(**one) for one in body[name]) for name in ("columns", "answer")}
        return cls(**{**body, **parts})


def find_drift(
    reference: pa.Table,
    current: pa.Table,
    *,
    reference_answer: pa.Table,
    current_answer: pa.Table,
    threshold: float = THRESHOLD,
    min_share: float = MIN_SHARE,
) -> DriftReport:
    """Compare served rows and their answers with those that the model was judged on.

    Columns are compared by name; one that only one side has is noted, not compared.

    Args:
        reference: The recorded rows.
        current: The served rows.
        reference_answer: The recorded answers.
        current_answer: The served answers.
        threshold: The PSI from which on a column may count as drifted.
        min_share: The share of columns that makes the whole drifted.
    """
    columns = compare_tables(reference, current, threshold)
    answer = compare_tables(reference_answer, current_answer, threshold)
    compared = sum(bool(one.test) for one in columns)
    drifted = sum(one.drifted for one in columns)
    share = drifted / compared if compared else 0.0
    whole = (drifted > 0 and share >= min_share) or any(one.drifted for one in answer)
    return DriftReport(current.num_rows, reference.num_rows, columns, answer, share, whole)


def compare_tables(
    reference: pa.Table, current: pa.Table, threshold: float = THRESHOLD
) -> tuple[ColumnDrift, ...]:
    """Compare two tables column by column, with the p-values adjusted over the columns."""
    found = [_compare(name, reference, current) for name in reference.column_names]
    judged = [number for number, one in enumerate(found) if one.test]
    adjusted = statistics.benjamini_hochberg(np.array([found[number].p_value for number in judged]))
    for number, p_value in zip(judged, adjusted.tolist(), strict=True):
        drifted = p_value <= SIGNIFICANCE and found[number].psi > threshold
        found[number] = replace(found[number], adjusted_p=p_value, drifted=drifted)
    return tuple(found)


def _compare(name: str, reference: pa.Table, current: pa.Table) -> ColumnDrift:
    before = reference[name].combine_chunks()
    if name not in current.column_names:
        return ColumnDrift(name, kind_of(before), 0, note="the served rows have no such column")
    now = current[name].combine_chunks()
    kind, kind_now = kind_of(before), kind_of(now)
    if kind != kind_now and before.null_count < len(before) and now.null_count < len(now):
        return ColumnDrift(name, kind, len(now), note=f"it holds values of the kind {kind_now!r} now")
    if kind == "number":
        return _compare_numbers(name, numbers(before), numbers(now))
    if kind == "category":
        return _compare_categories(name, len(now), categories(before, now), len(before))
    note = "times move by themselves" if kind == "time" else "values of this type are not compared"
    return ColumnDrift(name, kind, len(now), note=note)


def _compare_numbers(name: str, before: Numbers, now: Numbers) -> ColumnDrift:
    drift = ColumnDrift(
        name, "number", now.values.size, missing_before=before.missing_share, missing_now=now.missing_share
    )
    if min(before.values.size, now.values.size) < MIN_VALUES:
        return replace(drift, note=f"fewer than {MIN_VALUES} values")
    bins, bins_now = statistics.bin_counts(before.values, now.values)
    psi = statistics.stability_index(np.append(bins, before.missing), np.append(bins_now, now.missing))
    test = statistics.kolmogorov_smirnov(before.values, now.values)
    return replace(
        drift,
        psi=psi,
        test="ks",
        statistic=test.statistic,
        p_value=_with_missing(test.p_value, before, now),
        distance=statistics.normalised_wasserstein(before.values, now.values),
    )


def _with_missing(p_value: float, before: Numbers, now: Numbers) -> float:
    """Add the test of the missing share: either may tell, so the smaller counts, doubled (Bonferroni)."""
    if not before.missing and not now.missing:
        return p_value
    missing = statistics.chi_square(
        np.array([before.values.size, before.missing]), np.array([now.values.size, now.missing])
    )
    return min(1.0, 2 * min(p_value, missing.p_value))


def _compare_categories(name: str, rows: int, found: Categories, reference_rows: int) -> ColumnDrift:
    drift = ColumnDrift(
        name,
        "category",
        rows - round(found.missing_current * rows),
        missing_before=found.missing_reference,
        missing_now=found.missing_current,
        new_share=found.new_share,
    )
    if min(rows, reference_rows) < MIN_VALUES:
        return replace(drift, note=f"fewer than {MIN_VALUES} values")
    if found.identifier:
        return replace(drift, note="most of its values are different: it names rows")
    test = statistics.chi_square(found.reference, found.current)
    return replace(
        drift,
        psi=statistics.stability_index(found.reference, found.current),
        test="chi2",
        statistic=test.statistic,
        p_value=test.p_value,
        distance=statistics.jensen_shannon(found.reference, found.current),
    )


def _bodies(columns: tuple[ColumnDrift, ...]) -> list[dict[str, Any]]:
    return [asdict(one) for one in columns]
