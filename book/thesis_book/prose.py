"""Sentences of the book that follow from the records: when a record changes, so do they."""

import pandas as pd

from thesis_lib.arms import FAMILIES, label
from thesis_lib.stats import LEVEL, Difference, compared, paired, pairs

from .tables import p_value

FEW = 5  # seeds below which a shown difference still asks for more


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


def across_machines(table: pd.DataFrame) -> str:
    """Whether the arms of one seed ran on processors that round alike."""
    kinds = table.groupby("seed")["cpu_capability"].nunique() if len(table) else pd.Series(dtype=int)
    if not (mixed := [str(seed) for seed in kinds.index[kinds > 1]]):
        return "같은 시드의 망은 모두 명령어 집합이 같은 CPU에서 학습했다."
    return f"시드 {', '.join(mixed)}에서는 망마다 학습한 CPU의 명령어 집합이 달랐다."


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


def outcome(difference: Difference) -> str:
    """One comparison in words that its interval bears."""
    d, first, second = difference, label(difference.first), label(difference.second)
    if d.n == 0:
        return f"두 비교군({first}, {second})을 짝지을 기록이 아직 없다."
    if d.n == 1:
        side = "높았다" if d.mean > 0 else "낮았다" if d.mean < 0 else "다르지 않았다"
        size = f" {abs(d.mean):.2f}%p" if d.mean else ""
        return (
            f"시드 하나에서 {first}의 시험 정확도는 {second}보다{size} {side}. "
            "시드가 하나뿐이므로 이것만으로는 어느 쪽이 낫다고 말할 수 없다."
        )
    start = (
        f"시드 {d.n}개에서 시험 정확도의 차이({first} − {second})는 평균 {d.mean:+.2f}%p이고, "
        f"95% 신뢰구간은 [{d.low:+.2f}, {d.high:+.2f}]이다. "
    )
    unseen = "효과를 확인하지 못했다. 효과가 없음을 보인 것은 아니다"
    if d.low <= 0 <= d.high:
        seeable = f"{d.detectable:.2f}%p보다 작은 차이는 이 시드 수로는 찾아내기 어렵다."
        return start + f"구간이 0을 품으므로 {unseen}. {seeable}"
    adjusted = p_value(d.adjusted).removeprefix("= ")
    if d.verdict.startswith("차이"):
        return start + f"그러나 여러 비교를 함께 보정한 p값은 {adjusted}이므로 {unseen}."
    place = "위" if d.mean > 0 else "아래"
    few = f" 다만 시드가 {d.n}개뿐이므로 다른 시드에서도 되풀이되는지 더 확인해야 한다." if d.n < FEW else ""
    return start + f"구간이 0보다 {place}에 있고 보정한 p값이 {adjusted}이므로 {first}의 정확도가 {d.verdict}.{few}"


def compare(table: pd.DataFrame, first: str, second: str) -> str:
    """`outcome` of two arms of one profile, adjusted over the family of the protocol that they are in."""
    return outcome(compared(table, first, second, FAMILIES))


def attribution(table: pd.DataFrame) -> str:
    """The answer to H4, by the rule that the introduction sets before the results."""
    found = [compared(table, "senet_self", other, FAMILIES) for other in ("senet_linear", "senet_uniform")]
    if any(d.n < 2 for d in found):
        return "대조군의 실행이 모자라 아직 답할 수 없다."
    beaten = [label(d.second) for d in found if d.verdict == "더 높다"]
    if len(beaten) == len(found):
        return (
            "SENet_self가 위치를 섞지 않는 대조군과 고르게 섞는 대조군 모두보다 낫다. 그러므로 정해 둔 규칙에 따라 "
            "이득을 입력에 따라 달라지는 어텐션의 덕으로 본다."
        )
    left = ", ".join(label(d.second) for d in found if label(d.second) not in beaten)
    return (
        f"SENet_self가 {left}보다 낫다는 증거가 없다. "
        "그러므로 정해 둔 규칙에 따라 이득을 어텐션의 덕이라고 쓰지 않는다."
    )


def beside_published(difference: Difference, published: float) -> str:
    """Whether an interval holds a published difference, in a sentence."""
    d = difference
    if d.n < 2:
        return "본 논문의 구간은 아직 낼 수 없다."
    held = "안에 있다" if d.low <= published <= d.high else "밖에 있다"
    return f"이 값은 본 논문의 구간 [{d.low:+.2f}, {d.high:+.2f}] {held}."


def on_validation(table: pd.DataFrame, first: str, second: str) -> str:
    """Whether a difference is seen on the validation split too, in a sentence."""
    d = paired(table, first, second, value="val_accuracy")
    if d.n < 2:
        return "검증 정확도의 차이는 아직 구간을 낼 수 없다."
    side = (
        "품으므로, 검증 분할에서는 차이를 확인하지 못했다"
        if d.low <= 0 <= d.high
        else "품지 않아, 검증 분할에서도 차이가 보인다"
    )
    return (
        f"같은 두 망의 검증 정확도의 차이는 평균 {d.mean:+.2f}%p이고 95% 신뢰구간은 "
        f"[{d.low:+.2f}, {d.high:+.2f}]이다. 구간이 0을 {side}."
    )


def seeds_together(table: pd.DataFrame, first: str, second: str) -> float:
    """Correlation of two arms' test accuracies over the seeds that both have; nan below three."""
    both = pairs(table, first, second)
    return float(both.corr().iloc[0, 1]) if len(both) > 2 else float("nan")


def in_english(d: Difference) -> str:
    """One comparison for the English abstract, as `outcome` says it in Korean."""
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
        few = f"; with {seeds} it needs to be confirmed" if d.n < FEW else ""
        crossing = f"which excludes zero{few}" + (
            "" if d.adjusted < 1 - LEVEL else ", though not after Holm's correction"
        )
    return f"{start}; 95% confidence interval [{d.low:+.2f}, {d.high:+.2f}], {crossing})."
