"""Sentences of the book that follow from the records: when a record changes, so do they."""

import pandas as pd

from thesis_lib.arms import label
from thesis_lib.stats import LEVEL, Difference


def progress_of(table: pd.DataFrame) -> str:
    """How far a profile is (see `tables.of_profile`)."""
    planned, finished = table.attrs["planned"], table.attrs["finished"]
    if finished == planned:
        return f"계획한 실행 {planned}개를 모두 마쳤다."
    if finished == 0:
        return f"계획한 실행 {planned}개 가운데 마친 것이 아직 없다."
    return f"계획한 실행 {planned}개 가운데 {finished}개를 마쳤고, 나머지는 아직 마치지 못했다."


def problems_of(table: pd.DataFrame) -> str:
    """Names the records that were left out."""
    return " ".join(table.attrs["problems"]) or "손상되어 뺀 기록은 없다."


def chosen_rate(table: pd.DataFrame) -> float:
    """The learning rate with the best validation accuracy, averaged over the arms of the search."""
    return float(table.groupby("learning_rate")["val_accuracy"].mean().idxmax()) if len(table) else float("nan")


def reproduced(table: pd.DataFrame) -> str:
    """The verdict over a table of `tables.reproduction`."""
    if table.empty:
        return "이 컴퓨터에서 돌린 기록이 아직 없다. 저장소에서 make thesis를 실행하면 여기에 나온다."
    differing = int((table["판정"] == "다르다").sum())
    if differing:
        return f"실행 {len(table)}개 가운데 {differing}개가 실린 기록과 다르다."
    equal = int((table["판정"] == "비트까지 같다").sum())
    return f"실행 {len(table)}개가 모두 실린 기록과 맞는다. 그 가운데 {equal}개는 비트까지 같다."


def in_english(d: Difference) -> str:
    """One comparison for the English abstract, as `thesis_lib.sentences.outcome` says it in Korean."""
    first, second = label(d.first), label(d.second)
    if d.n == 0:
        return f"No pair of runs of {first} and {second} is finished yet."
    seeds = "one seed" if d.n == 1 else f"{d.n} seeds"
    start = f"{first} minus {second} is {d.mean:+.2f} percentage points of test accuracy ({seeds}"
    if d.n == 1:
        return f"{start}, so no interval)."
    if d.low <= 0 <= d.high:
        crossing = "which includes zero, so no effect is shown"
    else:
        crossing = "which excludes zero" + ("" if d.adjusted < 1 - LEVEL else ", though not after Holm's correction")
    return f"{start}; 95% confidence interval [{d.low:+.2f}, {d.high:+.2f}], {crossing})."
