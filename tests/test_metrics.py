"""Metrics against slow, obvious versions."""

import numpy as np
import pytest

from thesis_lib.metrics import BINS, accuracy, accuracy_per_class, calibration_error, measure


def some(count=500, classes=7, seed=0):
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, count).astype(np.uint8)
    predicted = np.where(random.random(count) < 0.6, label, random.integers(0, classes, count)).astype(np.uint8)
    return label, predicted, random.uniform(1 / classes, 1, count).astype(np.float16)


def slow_calibration_error(label, predicted, confidence) -> float:
    """Guo et al. 2017, equation 3: the share of each bin times |accuracy - mean confidence|."""
    total = 0.0
    for b in range(BINS):
        low, high = b / BINS, (b + 1) / BINS
        inside = [i for i, c in enumerate(confidence) if low <= float(c) < high or (b == BINS - 1 and c == 1)]
        if inside:
            right = sum(label[i] == predicted[i] for i in inside) / len(inside)
            sure = sum(float(confidence[i]) for i in inside) / len(inside)
            total += len(inside) / len(label) * abs(right - sure)
    return 100 * total


@pytest.mark.parametrize("seed", range(3))
def test_calibration_error_equals_the_slow_one(seed):
    values = some(seed=seed)
    assert calibration_error(*values) == pytest.approx(slow_calibration_error(*values), abs=1e-9)


def test_calibration_error_at_its_ends():
    label = np.zeros(10, dtype=np.uint8)
    sure = np.ones(10, dtype=np.float16)
    assert calibration_error(label, label, sure) == 0
    assert calibration_error(label, label + 1, sure) == 100
    assert calibration_error(label, label, sure / 2) == 50


def test_certainty_falls_into_the_last_bin():
    label, predicted = np.array([0, 0]), np.array([1, 0])
    confidence = np.array([1.0, 0.953125], dtype=np.float16)
    assert calibration_error(label, predicted, confidence) == pytest.approx(100 * (1 - 0.046875) / 2)


def test_accuracies_equal_the_slow_ones():
    label, predicted, _ = some()
    assert accuracy(label, predicted) == 100 * sum(a == b for a, b in zip(label, predicted, strict=True)) / 500
    for c, found in enumerate(accuracy_per_class(label, predicted, 7)):
        mine = [predicted[i] == c for i in range(500) if label[i] == c]
        assert found == pytest.approx(100 * sum(mine) / len(mine))


def test_a_class_without_pictures_is_nan():
    assert np.isnan(accuracy_per_class(np.array([0, 0]), np.array([0, 1]), 3)).tolist() == [False, True, True]


def test_measure_names_them_all():
    label, predicted, confidence = some()
    top5 = label == predicted
    found = measure({"label": label, "predicted": predicted, "confidence": confidence, "top5": top5}, 7)
    assert found["test_accuracy"] == found["test_top5"] == accuracy(label, predicted)
    assert found["calibration_error"] == calibration_error(label, predicted, confidence)
    assert len(found["per_class_accuracy"]) == 7
