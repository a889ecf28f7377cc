"""Sentences of the book that follow from the records: when a record changes, so do they."""

import re
from math import isnan

import pandas as pd
from scipy import stats

from thesis_lib.arms import FAMILIES, label
from thesis_lib.stats import LEVEL, Difference, compared, family, paired, pairs

from .tables import p_value

SIDES = {0: "0을 품는다", 1: "0보다 위에 있다", -1: "0보다 아래에 있다"}  # see `side_of`
PLACE = {"device": "장치", "cpu_capability": "명령 집합", "threads": "스레드 수", "torch": "torch의 버전"}
FEW = 5  # seeds below which a shown difference still asks for more


def progress_of(table: pd.DataFrame) -> str:
    """How far a profile is (see `tables.of_profile`)."""
    planned, finished, lost = (table.attrs[key] for key in ("planned", "finished", "diverged"))
    ended = f"손실이 발산하여 기록이 없는 것은 {', '.join(lost)}이다." if lost else ""
    if lost and finished + len(lost) == planned:
        return f"계획한 실행 {planned}개 가운데 {finished}개를 마쳤다. {ended}"
    if finished == planned:
        return f"계획한 실행 {planned}개를 모두 마쳤다."
    if finished == 0:
        return f"계획한 실행 {planned}개 가운데 마친 것이 아직 없다. {ended}".rstrip()
    return f"계획한 실행 {planned}개 가운데 {finished}개를 마쳤고, 나머지는 아직 마치지 못했다. {ended}".rstrip()


def problems_of(table: pd.DataFrame) -> str:
    """Names the records that were left out."""
    return " ".join(table.attrs["problems"]) or "손상되어 뺀 기록은 없다."


def across_machines(table: pd.DataFrame) -> str:
    """Whether the arms of one seed ran where numbers round alike."""
    if table.empty:
        return "견줄 실행이 아직 없다."
    mixed = [column for column in PLACE if table.groupby("seed")[column].nunique().max() > 1]
    if not mixed:
        return f"같은 시드의 망은 모두 {', '.join(PLACE.values())}이 같은 곳에서 학습했다."
    what, told = ", ".join(PLACE[column] for column in mixed), []
    for seed, runs in table.groupby("seed"):
        kinds = [
            f"{', '.join(map(label, own['arm']))}: {' '.join(map(str, kind))}" for kind, own in runs.groupby(mixed)
        ]
        if len(kinds) > 1:
            told.append(f"시드 {seed}({'; '.join(kinds)})")
    return (
        f"{', '.join(told)}에서는 학습한 곳의 조건({what})이 비교군마다 달랐다. "
        "그런 시드에서 구한 비교군의 차이에는 이 조건에서 온 흔들림도 들어 있다."
    )


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


def side_of(d: Difference) -> int:
    """Where the interval lies: above 0, below it, or 0 where it holds it."""
    return 0 if d.low <= 0 <= d.high else 1 if d.mean > 0 else -1


def interval_of(d: Difference, what: str) -> str:
    """A mean difference and its interval, two seeds or more."""
    return (
        f"시드 {d.n}개에서 {what}의 차이({label(d.first)} − {label(d.second)})는 평균 {d.mean:+z.2f}%p이고, "
        f"95% 신뢰구간은 [{d.low:+z.2f}, {d.high:+z.2f}]이다."
    )


def outcome(difference: Difference, what: str = "시험 정확도", tested: bool = True) -> str:
    """One comparison in words that its interval bears. tested: whether a test of it was planned."""
    d, first, second = difference, label(difference.first), label(difference.second)
    if d.n == 0:
        return f"두 비교군({first}, {second})을 짝지을 기록이 아직 없다."
    if d.n == 1:
        compared_to = "높았다" if d.mean > 0 else "낮았다" if d.mean < 0 else "다르지 않았다"
        size = f" {abs(d.mean):.2f}%p" if d.mean else ""
        return (
            f"시드 하나에서 {first}의 {what}는 {second}보다{size} {compared_to}. "
            "시드가 하나뿐이므로 이것만으로는 어느 쪽이 낫다고 말할 수 없다."
        )
    if isnan(d.p):
        if not d.mean:
            return f"시드 {d.n}개에서 두 비교군({first}, {second})의 {what}가 모두 같다."
        return f"시드 {d.n}개에서 {what}의 차이({first} − {second})가 모두 {d.mean:+z.2f}%p로 같아 구간을 낼 수 없다."
    start, side = interval_of(d, what), side_of(d)
    if not tested:
        return f"{start} 구간이 {SIDES[side]}."
    unseen = "차이를 확인하지 못했다. 차이가 없음을 보인 것은 아니다"
    if side == 0:
        seeable = f" {d.detectable:.2f}%p보다 작은 차이는 이 시드 수로는 찾아내기 어렵다." if d.n > 2 else ""
        return f"{start} 구간이 0을 품으므로 {unseen}. 구간 밖의 차이만 배제할 수 있다.{seeable}"
    adjusted = re.sub(r"^< (.*)", r"\1 미만", p_value(d.adjusted).removeprefix("= "))
    if d.verdict.startswith("차이"):
        return f"{start} 그러나 여러 비교를 함께 보정한 p값은 {adjusted}이므로 {unseen}."
    place = "위" if side > 0 else "아래"
    few = f" 다만 시드가 {d.n}개뿐이므로 다른 시드에서도 되풀이되는지 더 확인해야 한다." if d.n < FEW else ""
    return f"{start} 구간이 0보다 {place}에 있고 보정한 p값이 {adjusted}이므로 {first}의 정확도가 {d.verdict}.{few}"


def briefly(d: Difference) -> str:
    """`outcome` of a planned comparison for the abstract, in few words."""
    if isnan(d.p):
        return outcome(d)
    start = f"{label(d.first)} − {label(d.second)} 차이는 {d.mean:+z.2f}%p([{d.low:+z.2f}, {d.high:+z.2f}]"
    if d.verdict.startswith("더"):
        few = f" 다만 시드가 {d.n}개뿐이어서 더 확인해야 한다." if d.n < FEW else ""
        return (
            f"{start}, 홀름의 방법으로 보정한 p {p_value(d.adjusted)})이고, "
            f"{label(d.first)}의 정확도가 {d.verdict.replace('다', '았다')}.{few}"
        )
    return f"{start})여서 차이를 확인하지 못했다."


def shown(table: pd.DataFrame, members) -> str:
    """Which comparisons of one family show a difference, in words; their figures stand in a table."""
    found = [d for d in family(table, members) if not isnan(d.p)]
    if not found:
        return "견줄 실행이 아직 모자란다."
    named: dict[tuple[str, str], list[str]] = {}
    for d in found:
        if d.verdict.startswith("더"):
            named.setdefault((label(d.first), d.verdict), []).append(label(d.second))
    parts = [f"{first}의 정확도가 {', '.join(names)}보다 {side}" for (first, side), names in named.items()]
    rest = len(found) - sum(map(len, named.values()))
    unseen = "차이를 확인하지 못했으며, 차이가 없음을 보인 것은 아니다."
    if not parts:
        return f"보정한 뒤에 차이를 확인한 비교는 없다. {len(found)}개 모두에서 {unseen}"
    told = f"보정한 뒤에도 {'. '.join(parts)}."
    return f"{told} 나머지 {rest}개에서는 {unseen}" if rest else told


def attribution(gain: Difference, table: pd.DataFrame, english: bool = False) -> str:
    """The answer to H4, by the rule that the introduction sets before the results.

    gain: the primary comparison of `senet_self` with `senet`. table: the runs of the controls.
    """
    found = [compared(table, "senet_self", other, FAMILIES) for other in ("senet_linear", "senet_uniform")]
    left = [label(d.second) for d in found if d.verdict != "더 높다"]
    if gain.n < 2 or any(d.n < 2 for d in found):
        told = (
            "주된 비교나 대조군의 실행이 모자라 아직 답할 수 없다.",
            "Whether attention is the cause cannot be said yet.",
        )
    elif gain.verdict != "더 높다":
        told = (
            "SENet_self의 이득을 확인하지 못했으므로, 그것이 어텐션의 덕인지 물을 수 없다.",
            "As no gain is shown, it cannot be asked whether attention is its cause.",
        )
    elif left:
        told = (
            f"SENet_self가 {'나 '.join(left)}보다 낫다는 증거가 없다. "
            "그러므로 정해 둔 규칙에 따라 이득이 있더라도 어텐션의 덕이라고 쓰지 않는다.",
            f"SENet_self is not shown to be better than {' or '.join(left)}, so by the rule set beforehand "
            "no gain is attributed to attention.",
        )
    else:
        told = (
            "SENet_self가 위치를 섞지 않는 대조군과 균등하게 섞는 대조군 모두보다 낫다. 그러므로 정해 둔 규칙에 따라 "
            "이득을 입력에 따라 달라지는 어텐션의 덕으로 본다.",
            "SENet_self is better than the controls that do not mix positions or mix them evenly, so by the rule set "
            "beforehand the gain is attributed to attention that depends on the input.",
        )
    return told[english]


def beside_published(difference: Difference, published: float) -> str:
    """Whether an interval holds a published difference, in a sentence."""
    d = difference
    if isnan(d.p):
        return "본 논문의 구간은 아직 낼 수 없다."
    held = "안에 있다" if d.low <= published <= d.high else "밖에 있다"
    return f"이 값은 본 논문의 구간 [{d.low:+z.2f}, {d.high:+z.2f}] {held}."


def on_validation(table: pd.DataFrame, first: str, second: str) -> str:
    """Whether the validation split says of a difference what the test split says, in a sentence."""
    d, tested = (paired(table, first, second, value=value) for value in ("val_accuracy", "test_accuracy"))
    if isnan(d.p) or isnan(tested.p):
        return "검증 정확도의 차이는 아직 구간을 낼 수 없다."
    here, there = side_of(d), side_of(tested)
    if here == there:
        told = f"이 구간도 {SIDES[here]}."
    elif here == 0:
        told = "이 구간은 0을 품으므로, 시험 정확도에서 본 차이를 검증 정확도에서는 확인하지 못했다."
    else:
        told = f"이 구간은 {SIDES[here]}. 시험 정확도의 구간은 {SIDES[there]}."
    return (
        f"같은 두 비교군의 검증 정확도의 차이는 평균 {d.mean:+z.2f}%p이고 95% 신뢰구간은 "
        f"[{d.low:+z.2f}, {d.high:+z.2f}]이다. {told}"
    )


def beside_bootstrap(d: Difference, low: float, high: float) -> str:
    """Whether the t-interval and that of the joint bootstrap (`tables.joint_interval`) say the same of a difference."""
    if isnan(d.p) or isnan(low):
        return "두 구간을 견줄 실행이 아직 모자란다."
    start = f"t 구간은 [{d.low:+z.2f}, {d.high:+z.2f}]%p, 부트스트랩 구간은 [{low:+z.2f}, {high:+z.2f}]%p이다."
    wide, narrow = d.low <= 0 <= d.high, low <= 0 <= high
    if wide == narrow:
        return f"{start} 두 구간 모두 0을 {'품는다' if wide else '벗어난다'}."
    holding, leaving = ("t", "부트스트랩") if wide else ("부트스트랩", "t")
    return f"{start} {holding} 구간은 0을 품지만 {leaving} 구간은 0을 벗어난다."


def validation_in_english(table: pd.DataFrame, first: str, second: str) -> str:
    """`on_validation` for the English abstract."""
    d = paired(table, first, second, value="val_accuracy")
    if isnan(d.p):
        return "On the validation split there is no interval yet."
    holds = "includes" if side_of(d) == 0 else "excludes"
    interval = f"{d.mean:+z.2f} percentage points (95% confidence interval [{d.low:+z.2f}, {d.high:+z.2f}])"
    return f"On the validation split the difference is {interval}, and the interval {holds} zero."


def unpaired(table: pd.DataFrame, first: str, second: str) -> str:
    """Welch's 95 % interval of a difference, the seeds not paired: for comparison, in brackets."""
    accuracies = [table.loc[table["arm"] == arm, "test_accuracy"] for arm in (first, second)]
    if min(map(len, accuracies)) < 2:
        return "—"
    low, high = stats.ttest_ind(*accuracies, equal_var=False).confidence_interval(LEVEL)
    return f"[{low:+z.2f}, {high:+z.2f}]"


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
    start = f"{first} minus {second} is {d.mean:+z.2f} percentage points of test accuracy ({seeds}"
    if isnan(d.p):
        return f"{start}, so no interval)."
    interval = f"{start}; 95% confidence interval [{d.low:+z.2f}, {d.high:+z.2f}])"
    adjusted = p_value(d.adjusted)
    if side_of(d) == 0:
        return f"{interval}. The interval includes zero, so no effect is shown."
    if not d.adjusted < 1 - LEVEL:
        return f"{interval}. The interval excludes zero, but after Holm's correction (p {adjusted}) no effect is shown."
    side = "higher" if d.mean > 0 else "lower"
    few = f", though with only {d.n} seeds this needs to be confirmed" if d.n < FEW else ""
    return f"{interval}. After Holm's correction (p {adjusted}) the accuracy of {first} is {side}{few}."
