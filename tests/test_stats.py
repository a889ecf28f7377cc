"""Paired comparisons against scipy, a hand-computed example, and what the sentences may say."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from thesis_lib.sentences import compare, reproduced
from thesis_lib.stats import paired
from thesis_lib.tables import reproduction


def runs(**accuracies):
    rows = [
        {"arm": arm, "seed": seed, "test_accuracy": value}
        for arm, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_hand_computed_example():
    """Differences 1, 2, 3: mean 2, s = 1, t(0.975, 2) = 4.302653, half width 4.302653 / sqrt(3)."""
    difference = paired(runs(senet=[81, 83, 85], resnet=[80, 81, 82]), "senet", "resnet")
    assert (difference.n, difference.mean) == (3, 2)
    assert difference.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert difference.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)
    assert difference.p == pytest.approx(2 * stats.t.sf(2 * math.sqrt(3), 2))


def test_only_seeds_that_both_have_are_paired_whatever_their_order():
    table = runs(senet=[1.0, 5.0, 2.0], resnet=[0.5, 4.0]).sample(frac=1, random_state=3)
    difference = paired(table, "senet", "resnet")
    assert difference.n == 2 and difference.mean == pytest.approx(0.75)


def test_interval_equals_scipy_on_random_draws():
    random = np.random.default_rng(0)
    a, b = random.normal(80, 1, 7), random.normal(79, 1, 7)
    difference = paired(runs(senet=a, resnet=b), "senet", "resnet")
    low, high = stats.t.interval(0.95, 6, loc=(a - b).mean(), scale=stats.sem(a - b))
    assert (difference.low, difference.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [80], "짝지을 기록이 아직 없다"),
        ([81], [80], "1.00 %p 높았다. 시드가 하나뿐이므로"),
        ([79], [80], "1.00 %p 낮았다. 시드가 하나뿐이므로"),
        ([81, 82.1, 83], [80, 81, 82], "더 높다"),
        ([79, 80.1, 81], [80, 81, 82], "더 낮다"),
        ([81, 80, 83], [80, 81, 82], "효과를 확인하지 못했다. 효과가 없음을 보인 것은 아니다"),
    ],
)
def test_a_sentence_says_what_the_interval_bears(first, second, expected):
    assert expected in compare(runs(senet=first, resnet=second), "senet", "resnet")


def test_reproduction_tells_equal_near_and_different_apart():
    ours = runs(senet=[80.0, 81.0, 82.0]).assign(id=["a", "b", "c"], weights_sha256=["1", "2", "3"])
    here = ours.assign(weights_sha256=["1", "x", "y"], test_accuracy=[80.0, 83.5, 89.0])
    table = reproduction(ours, here)
    assert list(table["판정"]) == ["비트까지 같다", "3 SD 안에서 같다", "다르다"]
    assert "1개가 실린 기록과 다르다" in reproduced(table)
    assert "아직 없다" in reproduced(reproduction(ours, here.iloc[:0]))
