"""What few seeds can tell, by drawing many experiments."""

import numpy as np
import pytest
from scipy import stats

from thesis_book.few_seeds import coverage, deviation_range, helpful_correlation, shared_part


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("ratio", [0.5, 3.0])
def test_the_t_interval_covers_what_it_says(seeds, ratio):
    assert coverage(seeds, ratio)["t"] == pytest.approx(95, abs=1.5)


def test_the_bootstrap_covers_too_much_where_images_decide_and_too_little_where_few_seeds_do():
    assert coverage(3, 0.3)["bootstrap"] > 97 and coverage(3, 5.0)["bootstrap"] < 90
    assert coverage(10, 5.0)["bootstrap"] > coverage(3, 5.0)["bootstrap"] + 3


def test_images_that_all_seeds_share_cost_the_t_interval_coverage_the_more_the_more_seeds():
    few, many = (coverage(seeds, 0.3, shared=0.3)["t"] for seeds in (3, 10))
    assert many + 10 < few < coverage(3, 0.3)["t"]


@pytest.mark.parametrize("shared", [0.0, 0.2])
def test_the_shared_part_is_found_again(shared):
    random = np.random.default_rng(1)
    own, common = random.normal(size=(4, 50_000)), random.normal(size=(1, 50_000))
    assert shared_part((1 - shared) ** 0.5 * own + shared**0.5 * common) == pytest.approx(shared, abs=0.01)


@pytest.mark.parametrize("n", [3, 10])
def test_pairing_narrows_the_interval_from_the_helpful_correlation_on(n):
    """Half widths squared, in expectation: t(n - 1)^2 2 (1 - r) / n against t(2n - 2)^2 2 / n."""
    for r, narrower in ((helpful_correlation(n) + 0.02, True), (helpful_correlation(n) - 0.02, False)):
        drawn = np.random.default_rng(0).multivariate_normal([0, 0], [[1, r], [r, 1]], size=(200_000, n))
        a, b = drawn[..., 0], drawn[..., 1]
        paired = stats.t.ppf(0.975, n - 1) ** 2 * (a - b).var(1, ddof=1).mean()
        unpaired = stats.t.ppf(0.975, 2 * n - 2) ** 2 * (a.var(1, ddof=1) + b.var(1, ddof=1)).mean()
        assert (paired < unpaired) == narrower


def test_the_true_deviation_lies_in_its_range_95_times_in_100():
    drawn = np.random.default_rng(0).normal(size=(20_000, 3)).std(axis=1, ddof=1)
    low, high = deviation_range(3)
    assert ((drawn * low < 1) & (drawn * high > 1)).mean() == pytest.approx(0.95, abs=0.01)
