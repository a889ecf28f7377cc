"""Comparisons over test images: McNemar for two networks of one seed, a bootstrap over seeds and images together."""

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar as contingency_mcnemar

from thesis_lib.stats import LEVEL


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """Images that only the first got right, only the second, and the exact p-value (McNemar 1947).

    first, second: (images,) bool, right or wrong, for one seed and the same images.
    """
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    table = [[int((first & second).sum()), only_first], [only_second, int((~first & ~second).sum())]]
    return only_first, only_second, float(contingency_mcnemar(table, exact=True).pvalue)


def bootstrap(right: np.ndarray, draws: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """95 % percentile interval of the mean difference, seeds and images drawn anew together.

    right: (..., seeds, images), the first arm's right answers minus the second's, each -1, 0 or 1; an
    interval for each leading index. Sellam et al. 2022, section 3 (Multi-Bootstrap). What it really
    covers depends on the number of seeds and is measured in the book. Returns lower and upper ends, percentage points.
    """
    random = np.random.default_rng(seed)
    *_, seeds, images = right.shape
    by_image, by_seed = (  # how often each is drawn, (draws, images) and (draws, seeds)
        random.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float32) for count in (images, seeds)
    )
    drawn = right.astype(np.float32) @ by_image.T
    means = 100 * (drawn * by_seed.T).sum(-2) / (seeds * images)
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(means, [tail, 100 - tail], axis=-1)
    return low, high
