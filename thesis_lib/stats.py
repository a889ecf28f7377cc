"""Paired comparisons: two arms meet on the same seeds, the same order, the same augmentation."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq
from scipy.special import ndtr, roots_sh_legendre
from statsmodels.stats.multitest import multipletests

from .errors import ThesisError

LEVEL, POWER = 0.95, 0.8


@dataclass(frozen=True)
class Difference:
    """Mean paired difference in percentage points with its 95 % t-interval; nan where n < 2 or all seeds agree.

    effect: mean difference over the pooled SD of both arms (Colas et al. 2019). superior: share of seeds on which the
    first is better, ties half (P(A > B) of Bouthillier et al. 2021). detectable: the smallest true difference that n
    seeds would have found with a chance of 80 %, at 5 % over the size of its family. adjusted: p after Holm over its
    family (see `family`); p itself where there is none."""

    first: str
    second: str
    n: int
    mean: float
    low: float
    high: float
    p: float
    effect: float
    superior: float
    detectable: float
    adjusted: float

    @property
    def verdict(self) -> str:
        """What may be said at 5 %, in Korean."""
        if self.n < 2:
            return "시드가 모자라 구간을 낼 수 없다"
        if not self.adjusted < 1 - LEVEL:
            return "차이를 확인하지 못했다"
        return "더 높다" if self.mean > 0 else "더 낮다"


def pairs(table: pd.DataFrame, first: str, second: str, value: str = "test_accuracy") -> pd.DataFrame:
    """The two arms side by side, a row a seed that both have. Raises ThesisError where a seed is there twice."""
    own = table[table["arm"].isin([first, second])]
    if own.duplicated(["arm", "seed"]).any():
        raise ThesisError(f"{first}, {second}에 설정과 시드가 같은 기록이 둘 이상이다. 옛 기록의 폴더를 치우라.")
    wide = own.pivot(index="seed", columns="arm", values=value)
    return wide.reindex(columns=[first, second]).dropna()


def paired(table: pd.DataFrame, first: str, second: str, value: str = "test_accuracy", tests: int = 1) -> Difference:
    """`first` minus `second` over the seeds that both have; one data set, network and recipe in `table`.

    The interval is mean ± t(0.975, n - 1) s / sqrt(n) over the per-seed differences, the p-value that of the paired
    t-test (`scipy.stats.ttest_rel`). tests: how many comparisons its family has."""
    wide = pairs(table, first, second, value)
    a, b = (wide[arm].to_numpy(float) for arm in (first, second))  # beside an empty table they are objects
    delta, n = a - b, len(wide)
    mean = float(delta.mean()) if n else np.nan
    superior = float((np.sign(delta).mean() + 1) / 2) if n else np.nan
    if n < 2 or np.ptp(delta) < 1e-9:  # without spread there is no interval
        return Difference(first, second, n, mean, np.nan, np.nan, np.nan, np.nan, superior, np.nan, np.nan)
    test = stats.ttest_rel(a, b)
    low, high = test.confidence_interval(LEVEL)
    pooled = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    effect = float(mean / pooled) if pooled else np.nan
    detectable = smallest_detectable(n, delta.std(ddof=1), tests)
    p = float(test.pvalue)
    return Difference(first, second, n, mean, float(low), float(high), p, effect, superior, detectable, p)


def family(table: pd.DataFrame, members) -> list[Difference]:
    """The comparisons of one family whose arms both have runs, adjusted for all that it has."""
    there, tests = set(table["arm"]), len(members)
    found = [paired(table, first, second, tests=tests) for first, second in members if {first, second} <= there]
    adjusted = holm([d.p for d in found] + [np.nan] * (tests - len(found)))
    return [replace(d, adjusted=p) for d, p in zip(found, adjusted, strict=False)]


def compared(table: pd.DataFrame, first: str, second: str, families=()) -> Difference:
    """`paired`, its p-value adjusted over the family that the comparison, in either direction, is in."""
    own, names = paired(table, first, second), {first, second}
    found = [d for members in families if names in map(set, members) for d in family(table, members)]
    same = (replace(own, adjusted=d.adjusted, detectable=d.detectable) for d in found if {d.first, d.second} == names)
    return next(same, own)


def smallest_detectable(n: int, sd: float, tests: int = 1) -> float:
    """The true difference that a two-sided paired t-test at 5 % / tests finds with a chance of 80 %. sd: standard
    deviation of the per-seed differences, in the unit of the answer. nan below three seeds."""
    if n < 3:
        return np.nan
    quantiles, weights = roots_sh_legendre(200)  # over the SDs that n seeds may show: scipy's noncentral t has gaps
    limit = stats.t.isf((1 - LEVEL) / tests / 2, n - 1) * np.sqrt(stats.chi2.ppf(quantiles, n - 1) / (n - 1))
    power = lambda shift: weights @ (ndtr(shift - limit) + ndtr(-shift - limit))  # noqa: E731
    return float(sd / np.sqrt(n) * brentq(lambda shift: power(shift) - POWER, 0, 1e4))


def holm(p_values: list[float]) -> list[float]:
    """Adjusted p-values of one family (Holm 1979); nan, planned but not known yet, counts as 1 and stays nan."""
    p = np.array(p_values, dtype=float)
    adjusted = multipletests(np.nan_to_num(p, nan=1.0), method="holm")[1] if len(p) else p
    return np.where(np.isnan(p), np.nan, adjusted).tolist()
