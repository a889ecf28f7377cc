"""What few seeds can tell: what intervals really cover, when pairing helps, how sure a standard deviation is."""

import numpy as np
import pandas as pd
from scipy import stats

from thesis_lib.stats import LEVEL

from .image_statistics import bootstrap

SHARED = 0.05  # of the variance between images, see `shared_part`


def coverage(seeds: int, ratio: float, shared: float = 0.0, rounds: int = 2000, images: int = 200) -> dict[str, float]:
    """How often the t-interval and the bootstrap hold the truth, in percent, where there is no difference.

    Each round is an experiment with `seeds` pairs. Both arms are right on an image with chance 0.7 plus a
    deviation of their own of that seed. ratio: the SD that these deviations give to the difference of a
    pair, over the SD that the choice of the images gives to it. shared: the part of an image's variance
    that an arm has on all seeds, since they are tested on the same images.
    """
    random, variance = np.random.default_rng(0), 0.7 * 0.3
    by_seed = random.normal(0, ratio * np.sqrt(variance / images), (2, rounds, seeds, 1))
    by_image = random.normal(0, np.sqrt(shared * variance), (2, rounds, 1, images)) if shared else 0
    chance = np.clip(0.7 + by_seed + by_image, 0, 1)
    answers = (random.random((2, rounds, seeds, images)) < chance).astype(np.int8)
    right = answers[0] - answers[1]
    delta = 100 * right.mean(-1)
    reach = stats.t.ppf((1 + LEVEL) / 2, seeds - 1) * delta.std(axis=1, ddof=1) / np.sqrt(seeds)
    low, high = bootstrap(right, draws=500)
    held = {"t": abs(delta.mean(1)) <= reach, "bootstrap": (low <= 0) & (high >= 0)}
    return {name: 100 * float(inside.mean()) for name, inside in held.items()}


def coverages(counts=(3, 5, 10), kinds=((0.5, 0.0), (1.0, 0.0), (3.0, 0.0), (1.0, SHARED))) -> pd.DataFrame:
    """What the two intervals really cover where there is no difference (see `coverage`)."""
    rows = [
        (n, ratio, f"{100 * shared:.0f}", *(f"{held:.1f}" for held in coverage(n, ratio, shared).values()))
        for n in counts
        for ratio, shared in kinds
    ]
    names = ["시드 수", "시드의 흔들림 / 영상의 흔들림", "시드에 공통인 비율 (%)", "t 구간 (%)", "부트스트랩 구간 (%)"]
    return pd.DataFrame(rows, columns=names)


def helpful_correlation(n: int) -> float:
    """The correlation over n seeds from which the paired interval is narrower than an unpaired one of equal variances.

    Paired: t(n - 1)^2 (1 - r); unpaired: t(2n - 2)^2.
    """
    return float(1 - (stats.t.ppf((1 + LEVEL) / 2, 2 * n - 2) / stats.t.ppf((1 + LEVEL) / 2, n - 1)) ** 2)


def deviation_range(n: int) -> tuple[float, float]:
    """How many times an estimate the true standard deviation may be: its 95 % interval from n normal values."""
    low, high = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], n - 1)
    return float(((n - 1) / low) ** 0.5), float(((n - 1) / high) ** 0.5)


def shared_part(right: np.ndarray | list[np.ndarray]) -> float:
    """The part of an image's variance that all seeds have in common: mean covariance over mean variance.

    right: (seeds, images), the first arm's right answers minus the second's. nan below two seeds.
    """
    if len(right) < 2:
        return np.nan
    found = np.cov(right)
    return float((found.sum() / np.trace(found) - 1) / (len(right) - 1))
