"""Paired comparisons against scipy, a hand-computed example, and what the sentences may say."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from thesis_book import tables
from thesis_book.image_statistics import bootstrap, mcnemar
from thesis_book.prose import (
    across_machines,
    attribution,
    beside_bootstrap,
    beside_published,
    briefly,
    in_english,
    on_validation,
    outcome,
    reproduced,
    shown,
    unpaired,
    validation_in_english,
)
from thesis_book.tables import differences, p_value, reproduction
from thesis_lib.arms import CONTROLS, FAMILIES, PRIMARY
from thesis_lib.records import Record
from thesis_lib.stats import compared, family, holm, paired, smallest_detectable
from thesis_lib.verification import SAME


def compare(table, first, second):
    return outcome(compared(table, first, second, FAMILIES))


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
    assert difference.detectable == pytest.approx(smallest_detectable(3, 1.0))


def test_two_seeds_give_an_interval_and_equal_runs_no_effect():
    two = paired(runs(senet=[81, 82.01], resnet=[80, 81]), "senet", "resnet")
    assert two.verdict == "더 높다" and two.high == pytest.approx(1.005 + 12.7062 * 0.005, abs=1e-4)
    assert math.isnan(paired(runs(senet=[80, 80], resnet=[80, 80]), "senet", "resnet").effect)


def test_effect_superiority_and_power_by_hand():
    """SDs 2 and 1: pooled sqrt(5 / 2); the first is better on every seed, or on two and equal on one."""
    difference = paired(runs(senet=[81, 83, 85], resnet=[80, 81, 82]), "senet", "resnet")
    assert difference.effect == pytest.approx(2 / math.sqrt(2.5)) and difference.superior == 1
    assert paired(runs(senet=[81, 81, 85], resnet=[80, 81, 82]), "senet", "resnet").superior == pytest.approx(5 / 6)
    assert paired(runs(senet=[81], resnet=[80]), "senet", "resnet").superior == 1


@pytest.mark.parametrize(("n", "tests", "expected"), [(3, 2, 4.62482), (3, 6, 8.01940)])
def test_the_smallest_detectable_difference_of_three_seeds(n, tests, expected):
    """Integrated apart from this code; four million draws gave a power of 0.8006 and 0.8005 there."""
    assert smallest_detectable(n, 1.0, tests) == pytest.approx(expected, abs=2e-5)
    nearly = smallest_detectable(n, 1.0, tests * (1 + 1e-12))  # a solver that meets a gap jumps here
    assert nearly == pytest.approx(smallest_detectable(n, 1.0, tests))


def test_the_smallest_detectable_difference_of_many_seeds_is_that_of_statsmodels():
    expected = TTestPower().solve_power(nobs=20, alpha=0.05, power=0.8)
    assert smallest_detectable(20, 1.0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "tests"), [(3, 1), (5, 1), (10, 1), (3, 6), (5, 2)])
def test_the_smallest_detectable_difference_is_detected_four_times_in_five(n, tests):
    random, size = np.random.default_rng(n), smallest_detectable(n, 1.5, tests)
    draws = random.normal(size, 1.5, (20_000, n))
    share = (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05 / tests).mean()
    assert share == pytest.approx(0.8, abs=0.01)
    assert math.isnan(smallest_detectable(2, 1.5, tests))


def test_holm_by_hand():
    """Sorted .01, .03, .04, times 3, 2, 1, never falling: .03, .06, .06; with a fourth to come, times 4, 3, 2."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.04, 0.01, math.nan, 0.03]) == pytest.approx([0.09, 0.04, math.nan, 0.09], nan_ok=True)
    assert holm([]) == [] and holm([0.7]) == [0.7] and holm([0.9, 0.8]) == [1, 1]


def test_a_family_is_adjusted_together_and_only_where_there_are_runs():
    table = runs(senet=[81, 82.1, 83, 84], resnet=[80, 81, 82, 83], senet_self=[81.2, 82.9, 83, 84.8])
    found = family(table, PRIMARY)
    assert [d.adjusted for d in found] == pytest.approx(holm([d.p for d in found]))
    assert found[0].adjusted > found[0].p and found[0].verdict == "더 높다"
    assert family(table, CONTROLS) == [] and differences(table, CONTROLS).empty
    [alone] = family(table[table["arm"] != "senet_self"], PRIMARY)  # what is planned counts before it has run
    assert alone.adjusted == pytest.approx(2 * alone.p) and alone.detectable == found[0].detectable


def test_a_difference_that_the_adjustment_takes_back_is_not_claimed():
    table = runs(senet=[81, 82.3, 82.9, 83.5], resnet=[80, 82, 82, 83], senet_self=[81.1, 82.2, 83, 83.4])
    [first, second] = family(table, PRIMARY)
    assert first.p < 0.05 < first.adjusted and first.low > 0 and second.p > 0.5
    assert first.verdict == "차이를 확인하지 못했다"
    assert f"보정한 p값은 {first.adjusted:.3f}이므로 차이를 확인하지 못했다" in compare(table, "senet", "resnet")


def test_mcnemar_by_hand_and_against_the_binomial():
    """8 images only the first got right, 2 only the second: 2 (1 + 10 + 45) / 1024."""
    first = np.array([True] * 8 + [False] * 2 + [True] * 30 + [False] * 5)
    second = np.array([False] * 8 + [True] * 2 + [True] * 30 + [False] * 5)
    assert mcnemar(first, second) == (8, 2, pytest.approx(2 * 56 / 1024))
    assert mcnemar(first, second)[2] == pytest.approx(stats.binomtest(2, 10).pvalue)
    assert mcnemar(second, first)[:2] == (2, 8) and mcnemar(first, first) == (0, 0, 1)


def test_bootstrap_against_scipy_where_only_images_vary():
    """With one seed the joint bootstrap is the ordinary one over images."""
    right = np.random.default_rng(1).choice([-1, 0, 1], size=(1, 400), p=[0.1, 0.7, 0.2])
    twin = stats.bootstrap((right[0],), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2))
    expected = 100 * np.array(twin.confidence_interval)
    assert bootstrap(right, draws=4000) == pytest.approx(expected, abs=0.6)


def test_bootstrap_sees_seeds_and_images():
    random = np.random.default_rng(3)
    same_seeds = np.tile(random.choice([-1, 0, 1], size=(1, 300)), (5, 1))
    same_images = np.array([[1] * 300] * 3 + [[-1] * 300] * 2)
    for right in (same_seeds, same_images):
        low, high = bootstrap(right)
        assert low < 100 * right.mean() < high and high - low > 5
    assert bootstrap(np.ones((4, 50), dtype=int)) == (100, 100)


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
        ([81], [80], "1.00%p 높았다. 시드가 하나뿐이므로"),
        ([79], [80], "1.00%p 낮았다. 시드가 하나뿐이므로"),
        ([81, 82.1, 83], [80, 81, 82], "더 높다. 다만 시드가 3개뿐이므로"),
        ([79, 80.1, 81], [80, 81, 82], "더 낮다"),
        ([81, 80, 83], [80, 81, 82], "차이를 확인하지 못했다. 차이가 없음을 보인 것은 아니다"),
    ],
)
def test_a_sentence_says_what_the_interval_bears(first, second, expected):
    assert expected in compare(runs(senet=first, resnet=second), "senet", "resnet")


def test_reproduction_tells_equal_near_and_different_apart(monkeypatch):
    def made(hashes, accuracies, machine):
        return [
            Record(
                Path(),
                {
                    **{"id": name, "weights_sha256": weights, "predictions_sha256": weights},
                    **{"experiment": {"arm": "senet", "seed": seed}, "result": {"test_accuracy": accuracy}},
                    "environment": dict.fromkeys(SAME, machine),
                },
            )
            for seed, (name, weights, accuracy) in enumerate(zip("abc", hashes, accuracies, strict=True))
        ]

    monkeypatch.setattr(tables, "spread", lambda record, results: ("", 1.0))
    ours, there = made("123", (80.0, 81.0, 82.0), "one"), made("1xy", (80.0, 83.5, 89.0), "other")
    table = reproduction(ours, there)
    assert list(table["판정"]) == ["비트까지 같다", "3 SD 안에서 같다", "다르다"]
    assert "1개가 실린 기록과 다르다" in reproduced(table)
    assert "아직 없다" in reproduced(reproduction(ours, []))
    same_machine = reproduction(ours, made("1xy", (80.0, 83.5, 89.0), "one"))
    assert list(same_machine["판정"]) == ["비트까지 같다", "다르다", "다르다"]  # as `verify` has it


@pytest.mark.parametrize(
    ("senet", "expected"),
    [
        ([], "No pair of runs of SENet and ResNet is finished yet."),
        ([81], "+1.00 percentage points of test accuracy (one seed, so no interval)."),
        ([81, 83, 85], "+2.00 percentage points of test accuracy (3 seeds; 95% confidence interval [-0.48, +4.48]). "
                       "The interval includes zero, so no effect is shown."),
        ([81.9, 83.0, 84.1], "the accuracy of SENet is higher, though with only 3 seeds this needs to be confirmed."),
        ([78.1, 79.0, 79.9], "the accuracy of SENet is lower, though with only 3 seeds this needs to be confirmed."),
    ],
)  # fmt: skip
def test_the_english_sentence_says_the_same(senet, expected):
    found = in_english(paired(runs(senet=senet, resnet=[80, 81, 82]), "senet", "resnet"))
    assert found.endswith(expected)


def test_the_english_sentence_takes_back_what_the_adjustment_does():
    d = paired(runs(senet=[81.0, 82.1, 82.9], resnet=[80, 81, 82]), "senet", "resnet")
    assert "after Holm's correction (p = 0.060) no effect is shown." in in_english(replace(d, adjusted=0.06))


def test_a_difference_without_a_planned_test_gets_no_verdict():
    table = runs(senet=[81, 82.1, 83], resnet=[80, 81, 82])
    told = outcome(paired(table, "senet", "resnet"), "손상된 영상의 정확도", tested=False)
    assert "손상된 영상의 정확도의 차이" in told and told.endswith("구간이 0보다 위에 있다.")
    assert "보정" not in told and "더 높다" not in told
    assert "0을 품는다" in outcome(
        paired(runs(senet=[81, 80, 83], resnet=[80, 81, 82]), "senet", "resnet"), tested=False
    )


@pytest.mark.parametrize("count", [2, 3])
def test_differences_without_spread_have_no_interval(count):
    """300 and 299, 305 and 304 of 360 pictures: the differences are equal but for their last bit."""
    right = np.array([300, 305, 310])[:count]
    table = runs(senet=list(100 * right / 360), resnet=list(100 * (right - 1) / 360))
    d = paired(table, "senet", "resnet")
    assert np.isnan([d.low, d.high, d.p]).all() and d.verdict == "차이를 확인하지 못했다" and d.superior == 1
    assert outcome(d).endswith("가 모두 +0.28%p로 같아 구간을 낼 수 없다.")
    assert "so no interval" in in_english(d) and "아직" in on_validation(
        table.assign(val_accuracy=table["test_accuracy"]), "senet", "resnet"
    )
    [row] = tables.differences(table, [("senet", "resnet")]).to_dict("records")
    assert row["95% 구간"] == row["p"] == row["효과 (SD)"] == "—" and row["차이 (%p)"] == "+0.28"


def test_equal_accuracies_are_told_as_such():
    d = paired(runs(senet=[80, 81], resnet=[80, 81]), "senet", "resnet")
    assert outcome(d) == "시드 2개에서 두 비교군(SENet, ResNet)의 시험 정확도가 모두 같다." and p_value(d.p) == "—"


@pytest.mark.parametrize(
    ("test", "validation", "expected"),
    [
        ([81, 82.1, 83], [81, 82.1, 83], "이 구간도 0보다 위에 있다."),
        (
            [81, 82.1, 83],
            [81, 80, 83],
            "이 구간은 0을 품으므로, 시험 정확도에서 본 차이를 검증 정확도에서는 확인하지 못했다.",
        ),
        ([79, 80.1, 81], [81, 82.1, 83], "0보다 위에 있다. 시험 정확도의 구간은 0보다 아래에 있다."),
        ([81, 80, 83], [79, 80.1, 81], "0보다 아래에 있다. 시험 정확도의 구간은 0을 품는다."),
        ([81], [81], "아직 구간을 낼 수 없다"),
    ],
)
def test_the_validation_split_is_told_beside_the_test_split(test, validation, expected):
    table = runs(senet=test, resnet=[80, 81, 82])
    other = runs(senet=validation, resnet=[80, 81, 82]).rename(columns={"test_accuracy": "val_accuracy"})
    both = table.merge(other, on=["arm", "seed"])
    assert expected in on_validation(both, "senet", "resnet")
    if len(test) > 1:
        assert ("includes" in validation_in_english(both, "senet", "resnet")) == ("0을 품으므로" in expected)


def test_the_unpaired_interval_is_welchs():
    """Means 83 and 81, variances 4 and 1 over 3: SE 1.291, 2.941 degrees of freedom, t 3.219."""
    assert unpaired(runs(senet=[81, 83, 85], resnet=[80, 81, 82]), "senet", "resnet") == "[-2.16, +6.16]"
    assert unpaired(runs(senet=[81], resnet=[80, 81]), "senet", "resnet") == "—"


def test_a_comparison_is_adjusted_the_same_in_both_directions():
    table = runs(resnet=[80, 81, 82.1], senet=[81, 83, 85], senet_self=[82, 83.5, 86])
    there, back = compared(table, "senet_self", "senet", FAMILIES), compared(table, "senet", "senet_self", FAMILIES)
    assert there.adjusted == back.adjusted > there.p == pytest.approx(back.p)
    assert there.detectable == back.detectable > paired(table, "senet_self", "senet").detectable
    assert (back.first, back.mean) == ("senet", -there.mean) and back.low == pytest.approx(-there.high)


def test_a_comparison_has_its_own_p_and_not_that_of_another_of_its_family():
    table = runs(resnet=[80, 81, 82.1], senet=[81, 83, 85], senet_self=[81.1, 83.4, 84.5])
    expected = [d.adjusted for d in family(table, PRIMARY)]
    assert [compared(table, d.first, d.second, FAMILIES).adjusted for d in family(table, PRIMARY)] == expected
    assert expected[0] != expected[1]


@pytest.mark.parametrize(
    ("linear", "uniform", "expected", "english"),
    [
        ([80, 81, 82.01], [80, 81.01, 82], "모두보다 낫다", "attributed to attention that depends"),
        ([80, 81, 82], [85, 86, 87.1], "SENet_uniform보다 낫다는 증거가 없다", "better than SENet_uniform, so"),
        ([85, 86, 87.1], [85, 86, 87], "SENet_linear나 SENet_uniform보다", "than SENet_linear or SENet_uniform, so"),
        ([80], [80, 81, 82], "아직 답할 수 없다", "cannot be said yet"),
    ],
)
def test_a_gain_is_put_down_to_attention_only_where_both_controls_are_beaten(linear, uniform, expected, english):
    table = runs(senet_self=[85, 86.2, 87], senet_linear=linear, senet_uniform=uniform)
    gain = paired(runs(senet_self=[85, 86.2, 87], senet=[80, 81, 82]), "senet_self", "senet")
    assert expected in attribution(gain, table) and english in attribution(gain, table, english=True)
    if "아직" not in expected:
        lost = paired(runs(senet_self=[85, 86.2, 87], senet=[90, 91, 92.1]), "senet_self", "senet")
        assert "이득을 확인하지 못했으므로" in attribution(lost, table)


def test_a_family_is_told_by_what_is_shown():
    table = runs(senet=[81, 82.1, 83], resnet=[80, 81, 82], senet_self=[81.2])
    assert shown(table, PRIMARY) == "보정한 뒤에도 SENet의 정확도가 ResNet보다 더 높다."
    both = shown(runs(senet=[81, 82.1, 83], resnet=[80, 81, 82], senet_self=[85, 86.2, 87]), PRIMARY)
    assert both.endswith("SENet의 정확도가 ResNet보다 더 높다. SENet_self의 정확도가 SENet보다 더 높다.")
    assert "모자란다" in shown(table, CONTROLS)
    controls = runs(senet_self=[81, 82.1, 83], senet_linear=[80, 80.7, 82.6], senet_uniform=[81, 82, 83.3])
    told = shown(controls, CONTROLS)
    assert told.startswith("보정한 뒤에 차이를 확인한 비교는 없다. 2개 모두에서") and told.endswith("보인 것은 아니다.")
    assert shown(pd.concat([controls, runs(senet_channel=[71, 72, 73])]), CONTROLS).startswith(
        "보정한 뒤에도 SENet_self의 정확도가 SENet_channel보다 더 높다. 나머지 2개에서는 차이를"
    )


def test_a_comparison_is_told_in_few_words():
    table = runs(senet=[81, 82.1, 83], resnet=[80, 81, 82], senet_self=[81, 80, 85])
    d = compared(table, "senet", "resnet", FAMILIES)
    interval = f"[{d.low:+.2f}, {d.high:+.2f}]"
    start = f"SENet − ResNet 차이는 +1.03%p({interval}, 홀름의 방법으로 보정한 p {p_value(d.adjusted)})이고,"
    assert briefly(d) == f"{start} SENet의 정확도가 더 높았다. 다만 시드가 3개뿐이어서 더 확인해야 한다."
    assert "ResNet의 정확도가 더 낮았다." in briefly(compared(table, "resnet", "senet", FAMILIES))
    assert briefly(compared(table, "senet_self", "senet", FAMILIES)).endswith("])여서 차이를 확인하지 못했다.")
    assert "시드가 하나뿐" in briefly(paired(table[table["seed"] == 0], "senet", "resnet"))


def test_two_intervals_are_told_side_by_side():
    d = paired(runs(senet=[81, 80, 83.5], resnet=[80, 81, 82]), "senet", "resnet")
    assert d.low < 0 < d.high
    assert beside_bootstrap(d, 0.2, 1.1).endswith("t 구간은 0을 품지만 부트스트랩 구간은 0을 벗어난다.")
    assert beside_bootstrap(d, -0.2, 1.1).endswith("두 구간 모두 0을 품는다.")
    sure = paired(runs(senet=[81, 82.1, 83], resnet=[80, 81, 82]), "senet", "resnet")
    assert beside_bootstrap(sure, -0.2, 1.1).endswith("부트스트랩 구간은 0을 품지만 t 구간은 0을 벗어난다.")
    assert "모자란다" in beside_bootstrap(sure, np.nan, np.nan)


def test_a_p_value_shows_on_which_side_of_the_limit_it_lies():
    assert [p_value(p) for p in (0.0497, 0.0503, 0.033, 0.0001)] == ["= 0.0497", "= 0.0503", "= 0.033", "< 0.001"]


def test_sentences_on_published_values_and_processors():
    difference = paired(runs(senet=[81, 83, 85], resnet=[80, 81, 82]), "senet", "resnet")
    assert "안에 있다" in beside_published(difference, 2.0) and "밖에 있다" in beside_published(difference, 9.0)
    assert "아직" in beside_published(paired(runs(senet=[81], resnet=[80]), "senet", "resnet"), 1.0)
    table = runs(senet=[81, 83], resnet=[80, 81]).assign(cpu_capability=["AVX2", "AVX512", "AVX512", "AVX512"])
    table = table.assign(device="CPU", threads=[1, 2, 1, 1], torch="2.15")
    told = across_machines(table.assign(threads=1))
    assert told.startswith("시드 0(SENet: AVX2; ResNet: AVX512)에서는 학습한 곳의 조건(명령 집합)이 비교군마다 달랐다.")
    both = across_machines(table)
    assert "(명령 집합, 스레드 수)" in both and "시드 1(ResNet: AVX512 1; SENet: AVX512 2)" in both
    assert "아직 없다" in across_machines(table.iloc[:0])
    assert "모두" in across_machines(table.assign(cpu_capability="AVX2", threads=1))
