"""One comparison in words that its interval bears."""

import pandas as pd

from .arms import CONTROLS, PRIMARY, label
from .stats import Difference, family, paired


def outcome(difference: Difference) -> str:
    """One comparison in words that its interval bears."""
    d, first, second = difference, label(difference.first), label(difference.second)
    if d.n == 0:
        return f"두 비교군({first}, {second})을 짝지을 기록이 아직 없다."
    if d.n == 1:
        side = "높았다" if d.mean > 0 else "낮았다" if d.mean < 0 else "다르지 않았다"
        size = f" {abs(d.mean):.2f} %p" if d.mean else ""
        return (
            f"시드 하나에서 {first}의 시험 정확도는 {second}보다{size} {side}. "
            "시드가 하나뿐이므로 이것만으로는 어느 쪽이 낫다고 말할 수 없다."
        )
    start = (
        f"시드 {d.n}개에서 시험 정확도의 차이({first} − {second})는 평균 {d.mean:+.2f} %p이고, "
        f"95% 신뢰구간은 [{d.low:+.2f}, {d.high:+.2f}]이다. "
    )
    unseen = "효과를 확인하지 못했다. 효과가 없음을 보인 것은 아니다"
    if d.low <= 0 <= d.high:
        seeable = f"{d.detectable:.2f} %p보다 작은 차이는 이 시드 수로는 찾아내기 어렵다."
        return start + f"구간이 0을 품으므로 {unseen}. {seeable}"
    if d.verdict.startswith("차이"):
        return start + f"그러나 여러 비교를 함께 보정한 p값은 {d.adjusted:.3f}이므로 {unseen}."
    place = "위" if d.mean > 0 else "아래"
    return start + f"구간이 0보다 {place}에 있으므로 {first}의 정확도가 {d.verdict}."


def compare(table: pd.DataFrame, first: str, second: str) -> str:
    """`outcome` of two arms of one profile, adjusted over the family of the protocol that they are in."""
    for members in (PRIMARY, CONTROLS):
        if (first, second) in members:
            found = {(d.first, d.second): d for d in family(table, members)}
            return outcome(found.get((first, second)) or paired(table, first, second))
    return outcome(paired(table, first, second))
