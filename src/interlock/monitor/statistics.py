"""Two-sample statistics, on numpy alone.

Every function is pure, takes samples or counts, and agrees with scipy where scipy has the same thing (the
tests compare them). Samples must be free of missing values: `interlock.monitor.samples` takes those out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from interlock.errors import InterlockError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

BINS = 10
# A bin that one side never fills would make PSI infinite; this share stands in for "never".
EMPTY_SHARE = 1e-4
# Cochran's rule: below this expected count the chi-square approximation is not to be trusted.
MIN_EXPECTED = 5.0


class EmptySample(InterlockError):
    """A statistic was asked of no values at all."""

    def __init__(self, statistic: str, side: str) -> None:
        super().__init__(f"The {statistic} of two samples needs values in both, and the {side} one is empty.")


class TwoSample(NamedTuple):
    """A test statistic and the probability of one as large when nothing has changed."""

    statistic: float
    p_value: float


def kolmogorov_smirnov(reference: Floats, current: Floats) -> TwoSample:
    """Return the largest distance of the two empirical distribution functions, and its p-value.

    The p-value is the limit law of Kolmogorov (1933) and Smirnov (1939) with the small-sample correction of
    Stephens, "Use of the Kolmogorov-Smirnov, Cramér-von Mises and related statistics without extensive
    tables", J. R. Stat. Soc. B 32 (1970) 115-122. With ties (integers, rounded values) it is conservative:
    it errs towards no alarm.

    Raises:
        EmptySample: One of the samples has no values.
    """
    _filled("Kolmogorov-Smirnov distance", reference, current)
    first, second = np.sort(reference), np.sort(current)
    points = np.concatenate([first, second])
    below_first = np.searchsorted(first, points, side="right") / first.size
    below_second = np.searchsorted(second, points, side="right") / second.size
    distance = float(np.max(np.abs(below_first - below_second)))
    size = math.sqrt(first.size * second.size / (first.size + second.size))
    return TwoSample(distance, kolmogorov_tail((size + 0.12 + 0.11 / size) * distance))


def kolmogorov_tail(x: float) -> float:
    """Return P(K > x) of the Kolmogorov distribution.

    Both series are in Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution", J. Stat. Softw. 8
    (2003); each converges in a few terms on its own side of 1.
    """
    if x <= 0:
        return 1.0
    if x < 1:
        terms = sum(math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * x * x)) for k in range(1, 8))
        return max(0.0, 1.0 - math.sqrt(2 * math.pi) / x * terms)
    tail = 2 * sum(math.copysign(math.exp(-2 * k * k * x * x), k % 2 - 0.5) for k in range(1, 8))
    return min(1.0, max(0.0, tail))


def wasserstein(reference: Floats, current: Floats) -> float:
    """Return the area between the two distribution functions: how far the mass must travel.

    The first Wasserstein distance of one-dimensional samples; Ramdas, García Trillos and Cuturi, "On
    Wasserstein two-sample testing and related families of nonparametric tests", Entropy 19 (2017), eq. 3.

    Raises:
        EmptySample: One of the samples has no values.
    """
    _filled("Wasserstein distance", reference, current)
    first, second = np.sort(reference), np.sort(current)
    points = np.sort(np.concatenate([first, second]))
    below_first = np.searchsorted(first, points[:-1], side="right") / first.size
    below_second = np.searchsorted(second, points[:-1], side="right") / second.size
    return float(np.sum(np.abs(below_first - below_second) * np.diff(points)))


def normalised_wasserstein(reference: Floats, current: Floats) -> float:
    """Return the Wasserstein distance in standard deviations of the reference.

    A constant reference has no spread to measure with: the distance then stays in the column's own unit.
    """
    spread = float(np.std(reference)) if reference.size else 0.0
    return wasserstein(reference, current) / (spread if spread > 0 else 1.0)


def chi_square(reference: Counts, current: Counts) -> TwoSample:
    """Test whether two rows of category counts come from one distribution.

    Pearson's test of homogeneity (1900) on the 2 x k table without a continuity correction. Categories whose
    expected count is below 5 are pooled: Cochran, "Some methods for strengthening the common chi-square
    tests", Biometrics 10 (1954) 417-451.

    Raises:
        EmptySample: One of the rows counts nothing.
    """
    _counted("chi-square statistic", reference, current)
    table = pool_rare(np.vstack([reference, current]))
    if table.shape[1] < 2:
        return TwoSample(0.0, 1.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return TwoSample(statistic, chi_square_tail(statistic, table.shape[1] - 1))


def pool_rare(table: Counts) -> Counts:
    """Return the 2 x k table with its rarely expected categories added up into one.

    When even the pool stays below the rule, it joins the smallest category that keeps it.
    """
    table = table[:, table.sum(axis=0) > 0]
    total = table.sum()
    scarcer = float(table.sum(axis=1).min()) / total
    totals = table.sum(axis=0)
    rare = totals * scarcer < MIN_EXPECTED
    if not rare.any():
        return table
    kept, pool = table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)
    if kept.shape[1] and pool.sum() * scarcer < MIN_EXPECTED:
        smallest = int(np.argmin(kept.sum(axis=0)))
        kept[:, smallest] += pool[:, 0]
        return kept
    return np.hstack([kept, pool])


def chi_square_tail(statistic: float, freedom: int) -> float:
    """Return P(X > statistic) for a chi-square law with `freedom` degrees of freedom."""
    return upper_gamma(freedom / 2, statistic / 2)


def upper_gamma(shape: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function Q(shape, x).

    The series and Lentz's continued fraction as in Press et al., "Numerical Recipes", 3rd ed. (2007), §6.2.
    """
    if x <= 0:
        return 1.0
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        return max(0.0, 1.0 - scale * _lower_series(shape, x))
    return min(1.0, scale * _upper_fraction(shape, x))


def _lower_series(shape: float, x: float) -> float:
    term = total = 1.0 / shape
    step = shape
    while abs(term) > abs(total) * 1e-16:
        step += 1
        term *= x / step
        total += term
    return total


def _upper_fraction(shape: float, x: float) -> float:
    tiny = 1e-300
    b = x + 1 - shape
    c, d = 1 / tiny, 1 / b
    value = d
    for i in range(1, 100_000):
        a = -i * (i - shape)
        b += 2
        d = a * d + b
        c = b + a / c
        d = 1 / (d if abs(d) > tiny else tiny)
        c = c if abs(c) > tiny else tiny
        value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Return the Jensen-Shannon distance of two rows of counts, 0 (equal) to 1 (disjoint).

    The square root of the divergence in bits: Endres and Schindelin, "A new metric for probability
    distributions", IEEE Trans. Inf. Theory 49 (2003) 1858-1860.

    Raises:
        EmptySample: One of the rows counts nothing.
    """
    _counted("Jensen-Shannon distance", reference, current)
    first, second = reference / reference.sum(), current / current.sum()
    middle = (first + second) / 2
    divergence = (_bits(first, middle) + _bits(second, middle)) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def _bits(shares: Floats, of: Floats) -> float:
    here = shares > 0
    return float(np.sum(shares[here] * np.log2(shares[here] / of[here])))


def stability_index(reference: Counts, current: Counts) -> float:
    """Return the population stability index of two rows of counts over the same bins.

    The sum of (p - q) ln(p / q): Kullback and Leibler's symmetric divergence J (1951), under the name and
    the reading that Siddiqi, "Credit Risk Scorecards" (2006), gives it: below 0.1 stable, above 0.25 changed.
    Without any change it is about (k - 1)(1/n + 1/m) for k bins: Yurdakul and Naranjo, "Statistical
    properties of the population stability index", J. Risk Model Valid. 14 (2020).

    Raises:
        EmptySample: One of the rows counts nothing.
    """
    _counted("population stability index", reference, current)
    used = (reference + current) > 0
    first = np.maximum(reference[used] / reference.sum(), EMPTY_SHARE)
    second = np.maximum(current[used] / current.sum(), EMPTY_SHARE)
    return float(np.sum((second - first) * np.log(second / first)))


def bin_counts(reference: Floats, current: Floats, bins: int = BINS) -> tuple[Counts, Counts]:
    """Count both samples in bins that the reference lays out.

    Quantiles of the reference, so that each bin holds the same share of it. A column of few distinct values
    (a flag, a month) gets a bin for each value and one for each gap, or a new value would hide in a bin.

    Raises:
        EmptySample: The reference has no values to lay out bins with.
    """
    if not reference.size:
        raise EmptySample("bin counts", "reference")
    distinct = np.unique(reference)
    if distinct.size <= bins:
        edges, width = distinct, 2 * distinct.size + 1
        places = [
            np.searchsorted(edges, s, "left") + np.searchsorted(edges, s, "right")
            for s in (reference, current)
        ]
    else:
        edges = np.unique(np.quantile(reference, np.arange(1, bins) / bins, method="lower"))
        width = edges.size + 1
        places = [np.searchsorted(edges, sample, side="left") for sample in (reference, current)]
    first, second = (np.bincount(place, minlength=width) for place in places)
    return first, second


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Return p-values adjusted so that a bound on them bounds the share of false discoveries.

    Benjamini and Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57 (1995) 289-300.
    """
    if not p_values.size:
        return p_values
    order = np.argsort(p_values)
    ranked = p_values[order] * p_values.size / np.arange(1, p_values.size + 1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(ranked[::-1])[::-1])
    return adjusted


def _filled(statistic: str, reference: Floats, current: Floats) -> None:
    for side, sample in (("reference", reference), ("current", current)):
        if not sample.size:
            raise EmptySample(statistic, side)


def _counted(statistic: str, reference: Counts, current: Counts) -> None:
    for side, counts in (("reference", reference), ("current", current)):
        if not counts.sum():
            raise EmptySample(statistic, side)
