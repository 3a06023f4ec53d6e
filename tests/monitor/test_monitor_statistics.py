"""Each statistic equals scipy's on the same data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from interlock.monitor import statistics as own

PAIRS = {
    "same": (0.0, 1.0, 400, 300),
    "shifted": (0.4, 1.0, 400, 300),
    "wider": (0.0, 2.0, 150, 900),
    "far": (9.0, 1.0, 60, 60),
}


def pair(name: str) -> tuple[np.ndarray, np.ndarray]:
    shift, scale, first, second = PAIRS[name]
    rng = np.random.default_rng(7)
    return rng.normal(size=first), rng.normal(shift, scale, size=second)


@pytest.mark.parametrize("name", PAIRS)
def test_ks_statistic_is_scipys_and_its_p_value_close_to_the_exact_one(name):
    reference, current = pair(name)
    expected = stats.ks_2samp(reference, current)
    found = own.kolmogorov_smirnov(reference, current)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.15, abs=1e-12)


def test_ks_counts_ties_as_scipy_does():
    rng = np.random.default_rng(1)
    reference, current = rng.integers(0, 5, 500).astype(float), rng.integers(0, 6, 400).astype(float)
    found = own.kolmogorov_smirnov(reference, current)
    assert found.statistic == pytest.approx(stats.ks_2samp(reference, current).statistic, abs=1e-12)


@pytest.mark.parametrize("x", [0.05, 0.3, 0.7, 0.999, 1.0, 1.4, 2.5, 6.0])
def test_kolmogorov_tail_is_scipys(x):
    assert own.kolmogorov_tail(x) == pytest.approx(stats.kstwobign.sf(x), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("name", PAIRS)
def test_wasserstein_is_scipys(name):
    reference, current = pair(name)
    assert own.wasserstein(reference, current) == pytest.approx(
        stats.wasserstein_distance(reference, current)
    )


def test_normalised_wasserstein_does_not_change_with_the_unit():
    reference, current = pair("shifted")
    metres, kilometres = (
        own.normalised_wasserstein(reference, current),
        own.normalised_wasserstein(reference / 1000, current / 1000),
    )
    assert metres == pytest.approx(kilometres)
    assert own.normalised_wasserstein(np.ones(5), np.full(5, 3.0)) == 2.0


def test_chi_square_is_scipys():
    reference, current = np.array([120, 80, 40, 33]), np.array([70, 90, 50, 21])
    expected = stats.chi2_contingency(np.vstack([reference, current]), correction=False)
    found = own.chi_square(reference, current)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_chi_square_pools_the_categories_that_are_too_rare_to_test():
    reference, current = np.array([120, 80, 1, 2, 9, 0]), np.array([70, 90, 2, 0, 9, 0])
    pooled = np.array([[120, 80, 12], [70, 90, 11]])
    assert own.chi_square(reference, current).p_value == pytest.approx(
        stats.chi2_contingency(pooled, correction=False).pvalue
    )


def test_a_pool_that_stays_too_rare_joins_the_smallest_category():
    assert own.pool_rare(np.array([[50, 30, 1], [60, 20, 1]])).tolist() == [[50, 31], [60, 21]]


def test_one_category_only_cannot_differ():
    assert own.chi_square(np.array([50]), np.array([60])) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("shape", "x"), [(0.5, 0.1), (0.5, 9.0), (3.0, 2.9), (3.0, 40.0), (250.0, 240.0), (1.0, 800.0)]
)
def test_upper_gamma_is_scipys(shape, x):
    assert own.upper_gamma(shape, x) == pytest.approx(stats.gamma.sf(x, shape), rel=1e-9, abs=1e-300)


def test_jensen_shannon_is_scipys():
    reference, current = np.array([5, 0, 20, 7]), np.array([0, 9, 11, 7])
    assert own.jensen_shannon(reference, current) == pytest.approx(
        distance.jensenshannon(reference, current, base=2)
    )
    assert own.jensen_shannon(np.array([4, 0]), np.array([0, 4])) == 1.0


def test_stability_index_is_the_symmetric_divergence():
    reference, current = np.array([10, 30, 60]), np.array([20, 30, 50])
    first, second = reference / 100, current / 100
    expected = stats.entropy(first, second) + stats.entropy(second, first)
    assert own.stability_index(reference, current) == pytest.approx(expected)


def test_stability_index_stays_finite_when_a_category_is_new():
    assert 1.0 < own.stability_index(np.array([100, 0]), np.array([60, 40])) < math.inf


def test_bins_hold_equal_shares_of_the_reference():
    reference = np.random.default_rng(3).normal(size=1000)
    first, second = own.bin_counts(reference, reference + 1)
    assert first.tolist() == [100] * 10
    assert second.sum() == 1000


def test_a_value_never_seen_before_gets_a_bin_of_its_own():
    first, second = own.bin_counts(np.array([0.0, 1.0, 1.0]), np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))
    assert first.tolist() == [0, 1, 0, 2, 0]
    assert second.tolist() == [1, 1, 1, 1, 1]


def test_benjamini_hochberg_is_scipys():
    p_values = np.array([0.01, 0.9, 0.03, 0.02, 0.5, 0.04])
    assert own.benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))
    assert own.benjamini_hochberg(np.array([])).size == 0


@pytest.mark.parametrize(
    "statistic", [own.kolmogorov_smirnov, own.wasserstein, own.chi_square, own.jensen_shannon]
)
def test_an_empty_sample_is_named(statistic):
    with pytest.raises(own.EmptySample, match="the current one is empty"):
        statistic(np.array([1, 2]), np.array([], dtype=int))
