"""Paired comparisons: two arms meet on the same seeds, the same order, the same augmentation."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class Difference:
    """Mean paired difference in percentage points with its 95 % t-interval; nan where n < 2."""

    first: str
    second: str
    n: int
    mean: float
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> str:
        """What the interval lets one say, in Korean."""
        if self.n < 2:
            return "시드가 모자라 구간을 낼 수 없다"
        if self.low > 0:
            return "더 높다"
        return "더 낮다" if self.high < 0 else "차이를 확인하지 못했다"


def paired(table: pd.DataFrame, first: str, second: str, value: str = "test_accuracy") -> Difference:
    """`first` minus `second` over the seeds that both have; one data set, network and recipe in `table`.

    The interval is mean ± t(0.975, n - 1) s / sqrt(n) over the per-seed differences, the p-value that of
    the paired t-test (`scipy.stats.ttest_rel`).
    """
    wide = table[table["arm"].isin([first, second])].pivot(index="seed", columns="arm", values=value)
    wide = wide.reindex(columns=[first, second]).dropna()
    delta = (wide[first] - wide[second]).to_numpy()
    n, mean = len(delta), float(delta.mean()) if len(delta) else float("nan")
    if n < 2:
        return Difference(first, second, n, mean, np.nan, np.nan, np.nan)
    test = stats.ttest_rel(wide[first], wide[second])
    low, high = test.confidence_interval(0.95)
    return Difference(first, second, n, mean, float(low), float(high), float(test.pvalue))
