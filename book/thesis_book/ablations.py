"""Variants of one network beside what they change and what others found: paired differences, intervals, no tests."""

from math import isnan

import pandas as pd

from thesis_lib.arms import label
from thesis_lib.stats import LEVEL, Difference, paired

from .tables import BLOCK_NAMES, TOLD, change, mean_sd, mmac, name_of


def variants(table: pd.DataFrame, baseline: pd.DataFrame) -> list[tuple[str, pd.DataFrame, Difference]]:
    """Every variant of a table in its order: its name, its runs, and its paired difference to the baseline."""
    found = []
    for key, runs in table.groupby(["arm", "options", "distillation"], sort=False):
        both = pd.concat([runs.assign(arm="variant"), baseline.assign(arm="baseline")])
        found.append((name_of(*key), runs, paired(both, "variant", "baseline")))
    return found


def beside(
    table: pd.DataFrame,
    baseline: pd.DataFrame,
    published: dict[str, str] | None = None,
    heading: str = "SENet 논문의 ImageNet 오류율 (%)",
) -> pd.DataFrame:
    """The baseline and its variants, a row each. published: what papers have for a name, as a last column."""
    rows = []
    for name, runs, d in [*variants(baseline, baseline), *variants(table, baseline)]:
        own = bool(runs["id"].isin(baseline["id"]).all())
        row = {
            "변형": f"{name} (기준)" if own else name,
            "시드 수": len(runs),
            "시험 정확도 (%)": mean_sd(runs["test_accuracy"]),
            **change(None if own else d),
            "매개변수": f"{runs['parameters'].iloc[0]:,}",
            "MMAC": mmac(runs["macs"].iloc[0], runs["exact"].all()),
        }
        rows.append(row if published is None else row | {heading: published.get(name, "—")})
    return pd.DataFrame(rows)


def literature() -> pd.DataFrame:
    """The error rates that papers report without and with a method, and their change, as exact as the source has it."""
    found = pd.read_csv("book/data/family_published.csv", dtype=str)
    both = found.dropna()
    changes = both["with"].astype(float) - both["without"].astype(float)
    digits = both["with"].str.partition(".")[2].str.len()
    found["change"] = pd.Series({row: f"{changes[row]:+.{digits[row]}f}" for row in changes.index})
    known = [names for names in (BLOCK_NAMES, TOLD["position"], TOLD["method"]) if isinstance(names, dict)]
    found["method"] = found["method"].map({key: name for names in known for key, name in names.items()})
    return found


def reported() -> dict[str, str]:
    """The changes that papers report for each method, with their data, for a row of `beside`."""
    found = literature().dropna(subset="change")
    by_data = found.groupby(["method", found["where"].str.partition(",")[0]], sort=False)["change"].agg(", ".join)
    told = pd.Series({key: f"{changes} ({key[1]})" for key, changes in by_data.items()})
    return told.groupby(level=0, sort=False).agg(", ".join).rename({BLOCK_NAMES["se"]: label("senet")}).to_dict()


def outside(named: list[tuple[str, Difference]], beside_what: str) -> str:
    """Which differences have a 95 % interval without 0, in a sentence."""
    # all that is planned has three seeds: no early looks
    known = [(name, d) for name, d in named if d.n > 2 and not isnan(d.low)]
    if not known:
        return "우열을 말할 만큼 실행이 모이지 않았다."
    parts, count = [], 0
    left = f" 시드가 셋이 안 되는 {len(named) - len(known)}개는 세지 않았다." if len(named) > len(known) else ""
    for text, side in (("높은", 1), ("낮은", -1)):
        names = [name for name, d in known if side * d.mean > 0 and not d.low <= 0 <= d.high]
        if names:
            parts.append(f"{beside_what} {text} 것은 {', '.join(names)}")
            count += len(names)
    if not parts:
        return f"견준 {len(known)}개 가운데 95% 구간이 0을 벗어난 것은 없다.{left}"
    chance = (1 - LEVEL) * len(known)
    every = f"견준 {count}개 모두 95% 구간이 0을 벗어났다"
    some = f"견준 {len(known)}개 가운데 95% 구간이 0을 벗어난 것은 {count}개이다"
    many = f"다만 {len(known)}번 견주었으므로 차이가 없어도 평균 {chance:.2g}개는 우연히 벗어난다."
    return f"{every if count == len(known) else some}({'; '.join(parts)}).{left} {many}"


def evidence(table: pd.DataFrame, baseline: pd.DataFrame) -> str:
    """Which variants differ from the baseline by more than their 95 % intervals, in a sentence."""
    return outside([(name, d) for name, _, d in variants(table, baseline)], "기준보다")
