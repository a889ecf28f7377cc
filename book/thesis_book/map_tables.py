"""Tables and sentences on what maps are worth, from measured faithfulness."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import nn

from thesis_lib.arms import label
from thesis_lib.data import Dataset, Split
from thesis_lib.maps import inputs_of
from thesis_lib.stats import LEVEL

from .faithfulness import LEAST, LEFT, MEASURES, correlation, depends_on_weights, distance, entropy, values
from .map_methods import BASELINES, GRID, METHODS, between_classes, blind, centre_gaussian
from .tables import by_arm

EVEN = 0.98  # entropy from which attention is called even; 1 where it is exactly so


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Mean of (n,) values and the half width of its 95 % t-interval, nan for n < 2."""
    n = len(values)
    if n < 2:
        return float(values.mean()), np.nan
    return float(values.mean()), float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))


def with_intervals(measured: np.ndarray, digits: int) -> str:
    """(seeds, pictures) as `mean ± over seeds (± over pictures)`, half widths of 95 % t-intervals."""
    mean, seeds = mean_interval(measured.mean(1))
    _, pictures = mean_interval(measured.mean(0))
    over_seeds = "" if np.isnan(seeds) else f" ± {seeds:.{digits}f}"
    return f"{mean:.{digits}f}{over_seeds} (± {pictures:.{digits}f})"


def seeds_of(found: pd.DataFrame) -> str:
    """Which seeds were measured, for captions and sentences."""
    return f"시드 {', '.join(map(str, sorted(found['seed'].unique())))}"


def after_shuffling(found: pd.DataFrame, arm: str, method: str) -> tuple[float, bool]:
    """How much rank correlation is left when all weights are shuffled, and whether every run passes the test."""
    left = np.abs(values(found, arm, f"left/{method}")[:, -1].astype(float))
    return left.mean(), all(depends_on_weights(run) for run in left)


def faithfulness(found: pd.DataFrame) -> pd.DataFrame:
    """Every kind of map of every arm, the baselines included: areas, pointing, energy, and what shuffling leaves."""
    rows = []
    for arm, runs in by_arm(found):
        first = runs["found"].iloc[0]
        for method in (method for method in METHODS if f"left/{method}" in first):
            row = {"비교군": label(arm), "지도": METHODS[method]}
            for measure, name in MEASURES.items():
                if (key := f"{measure}/{method}") in first:
                    row[name] = with_intervals(values(found, arm, key), 1 if "%" in name else 3)
            left, passed = after_shuffling(found, arm, method)
            rows.append(row | {"남은 상관": f"{left:.2f}", "무작위화 검사": "통과" if passed else "실패"})
    return pd.DataFrame(rows)


def unit_of(place: str) -> str:
    """Where a slot is, as a reader counts: "stages.2.0.standard" is the first unit of stage 3."""
    return re.sub(r"^stages\.(\d+)\.(\d+)\..*$", lambda at: f"{int(at[1]) + 1}단계 {int(at[2]) + 1}번째 단위", place)


def attention_shape(found: pd.DataFrame) -> pd.DataFrame:
    """Entropy and distance of every head and layer of every arm with attention, and of maps that know nothing."""
    rows = []
    for arm, runs in by_arm(found):
        for key in (key for key in runs["found"].iloc[0] if key.startswith("entropy/")):
            layer = key.removeprefix("entropy/")
            spread, reach = values(found, arm, key), values(found, arm, f"distance/{layer}")
            for head in range(spread.shape[2]):
                cells = (with_intervals(measured[:, :, head], 3) for measured in (spread, reach))
                rows.append((label(arm), unit_of(layer), str(head + 1), *cells))
    uniform = np.full((GRID**2, GRID**2), 1.0)
    centre = np.broadcast_to(centre_gaussian(GRID).numpy().ravel(), uniform.shape)
    random = torch.rand(GRID**2, GRID**2, generator=torch.Generator().manual_seed(0)).numpy()
    for name, weights in (("균등한 어텐션", uniform), ("무작위 어텐션", random), ("가운데를 보는 어텐션", centre)):
        weights = (weights / weights.sum(1, keepdims=True))[None, None]
        rows.append((name, "—", "—", *(f"{measured(weights).item():.3f}" for measured in (entropy, distance))))
    return pd.DataFrame(rows, columns=["비교군", "층", "헤드", "엔트로피 (0–1)", "평균 거리 (맵의 한 변 = 1)"])


def cells_of(found: pd.DataFrame) -> dict[tuple[str, int], torch.Tensor]:
    """The Grad-CAM maps of every arm and seed, (pictures, cells)."""
    return {
        (arm, run.seed): torch.from_numpy(run.found["cells"]).float()
        for arm, runs in by_arm(found)
        for run in runs.itertuples()
    }


def agreement(found: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of the Grad-CAM maps of two arms on the same picture and seed, beside the baselines'.

    Pairs of seeds share seeds, so of them no interval is given but the least and the most.
    """
    cells = cells_of(found)
    arms, seeds = list(dict.fromkeys(arm for arm, _ in cells)), sorted({seed for _, seed in cells})
    rows = []

    def add(name: str, pairs) -> None:
        if pairs := list(pairs):
            rows.append((name, with_intervals(np.stack([correlation(a, b) for a, b in pairs]), 2)))

    for a, b in combinations(arms, 2):
        both = [seed for seed in seeds if (a, seed) in cells and (b, seed) in cells]
        add(f"{label(a)} · {label(b)}", ((cells[a, seed], cells[b, seed]) for seed in both))
    for arm in arms:
        own = [cells[arm, seed] for seed in seeds if (arm, seed) in cells]
        if means := [correlation(a, b).mean() for a, b in combinations(own, 2)]:
            told = f"{np.mean(means):.2f} ({min(means):.2f}~{max(means):.2f})"
            rows.append((f"{label(arm)} · 다른 시드의 {label(arm)}", told))
        for method in ("random", "centre"):
            maps = ((seen, blind(method, len(seen))) for seen in own)
            add(f"{label(arm)} · {METHODS[method]}", maps)
    return pd.DataFrame(rows, columns=["견준 지도", "순위 상관"])


def alike(found: pd.DataFrame) -> str:
    """Whether the Grad-CAM maps of one arm agree over seeds, and with those of others, in words."""
    means: dict[tuple[str, ...], list[float]] = {}
    for ((a, one), first), ((b, other), second) in combinations(cells_of(found).items(), 2):
        if a == b or one == other:
            means.setdefault(tuple(dict.fromkeys((a, b))), []).append(float(correlation(first, second).mean()))
    told = {arms: f"{' · '.join(map(label, arms))} {np.mean(values):.2f}" for arms, values in means.items()}
    between, within = ([text for arms, text in told.items() if len(arms) == count] for count in (2, 1))
    if not between or not within:
        return "견줄 기록이 아직 모자란다."
    start = f"평균은 두 망 사이에서 {', '.join(between)}, 같은 비교군의 다른 시드 사이에서 {', '.join(within)}이다."
    moving = [label(arms[0]) for arms, values in means.items() if len(arms) == 1 and np.mean(values) < LEFT]
    if not moving:
        return start
    return (
        f"{start} 시드만 바꾸어도 지도가 달라지는 비교군(상관 {LEFT} 미만)은 {', '.join(moving)}이다. "
        "이런 비교군에서는 다른 망과 지도가 다른 것을 구조의 차이로만 돌릴 수 없다."
    )


def gates_apart(statistics: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """How far the mean gates of `map_methods.gate_statistics` differ between classes, block by block, in words."""
    if not statistics:
        return "게이트를 아직 재지 않았다."
    spreads = {unit_of(place): between_classes(means) for place, (means, _) in statistics.items()}
    told = ", ".join(f"{spread:.3f}" for spread in spreads.values())
    widest = max(spreads, key=spreads.__getitem__)
    return f"클래스 사이의 표준편차는 앞 단위부터 차례로 {told}이고, {widest}에서 가장 크다."


def gain(found: pd.DataFrame, arm: str, method: str, other: str, measure: str) -> np.ndarray:
    """By how much one kind of map is better than another of the same networks, (seeds, pictures)."""
    delta = values(found, arm, f"{measure}/{method}") - values(found, arm, f"{measure}/{other}")
    return -delta if measure in LEAST else delta


def better(found: pd.DataFrame, arm: str, method: str, other: str, measure: str) -> bool:
    """Whether one kind of map beats another of the same networks: both 95 % intervals of the paired
    difference, over seeds and over pictures, lie on the right side of 0."""
    delta = gain(found, arm, method, other, measure)
    return all(mean - half > 0 for mean, half in (mean_interval(delta.mean(1)), mean_interval(delta.mean(0))))


def made_of(found: pd.DataFrame, arm: str, method: str) -> list[str]:
    """The measures that were taken of one kind of map."""
    runs = found.loc[found["arm"] == arm, "found"]
    return [measure for measure in MEASURES if len(runs) and f"{measure}/{method}" in runs.iloc[0]]


def won_by(found: pd.DataFrame, arm: str, method: str) -> list[str]:
    """The measures in which one kind of map beats every map that knows nothing of the network."""
    there = made_of(found, arm, method)
    return [m for m in there if all(better(found, arm, method, other, m) for other in BASELINES)]


def verdict(found: pd.DataFrame, arm: str, method: str) -> str:
    """What the measures say of one kind of map, in words that the intervals bear."""
    runs = found.loc[found["arm"] == arm, "found"]
    if runs.empty:
        return "지도를 아직 재지 않았다."
    there, won = made_of(found, arm, method), won_by(found, arm, method)
    names = {measure: name.removesuffix(" (%)") for measure, name in MEASURES.items()}
    counted = f"시드 {len(runs)}개에서 {label(arm)}의 {METHODS[method]}이 망을 모르는 지도 셋(무작위, 가운데, 대비)"
    if len(won) == len(there):
        counted += f"을 모든 측정({', '.join(names[m] for m in there)})에서 앞섰다."
    elif won:
        rest, best = (", ".join(names[m] for m in there if (m in won) == yes) for yes in (False, True))
        counted += f"보다 {best}에서 나았고, {rest}에서는 그렇다고 말할 수 없다."
    else:
        counted += "을 모두 앞선다고 말할 수 있는 측정은 하나도 없다."
    chance = [names[m] for m in there if better(found, arm, method, "random", m)]
    if len(won) < len(there) and chance:
        counted += f" 무작위 지도 하나만 기준으로 삼으면 {', '.join(chance)}에서 낫다."
    if worse := [names[m] for m in there if gain(found, arm, method, "random", m).mean() < 0]:
        counted += f" {', '.join(worse)}의 평균은 무작위 지도보다도 나쁘다."
    left, passed = after_shuffling(found, arm, method)
    shuffled = "섞자 지도가 달라졌다" if passed else "섞어도 지도가 거의 그대로였다"
    # one measure that is won is enough: the rule refuses maps that are no better
    refused = "설명에서 배제하지 않는다" if won and passed else "설명으로 쓰지 않는다"
    told = f"가중치를 모두 {shuffled}(남은 순위 상관의 크기 {left:.2f})."
    return f"{counted} {told} 그러므로 셋을 모두 앞서야 한다는 기준에 따라 이 지도를 {refused}."


def verdict_in_brief(found: pd.DataFrame, arm: str, method: str, english: bool = False) -> str:
    """`verdict` for the abstracts."""
    there, won = made_of(found, arm, method), won_by(found, arm, method)
    if not there:
        return "They have not been measured yet." if english else "지도를 아직 재지 않았다."
    used = won and after_shuffling(found, arm, method)[1]
    if english:
        fails = "" if used or not won else "but it fails the randomisation test, "
        return (
            "The attention that a position receives is shown to beat all three maps that do not look at the network "
            f"in {len(won) or 'none'} of {len(there)} measures, {fails}so it is "
            f"{'not ruled out' if used else 'not taken'} as an explanation."
        )
    counted = "개이므로" if used else "개이나 무작위화 검사를 통과하지 못했으므로"
    counted = f"{len(won)}{counted}" if won else "하나도 없으므로"
    return (
        f"{label(arm)}의 {METHODS[method]}이 망을 보지 않고 만든 세 지도를 모두 앞선다고 말할 수 있는 측정은 "
        f"{len(there)}개 가운데 {counted}, 이를 {'설명에서 배제하지 않는다' if used else '설명으로 쓰지 않는다'}."
    )


def beside_blind(found: pd.DataFrame, arm: str, method: str) -> str:
    """The means of one kind of map beside those of the maps that know nothing of the network, in a sentence."""
    told, ahead = [], []
    for measure in made_of(found, arm, method):
        name = MEASURES[measure].removesuffix(" (%)")
        own, *blind_ones = (values(found, arm, f"{measure}/{m}").mean() for m in (method, *BASELINES))
        others = ", ".join(f"{METHODS[m]} {value:.3f}" for m, value in zip(BASELINES, blind_ones, strict=True))
        told.append(f"{name}이 {own:.3f}({others})")
        if own < min(blind_ones) if measure in LEAST else own > max(blind_ones):
            ahead.append(name)
    if not told:
        return "지도를 아직 재지 않았다."
    first = f"{seeds_of(found[found['arm'] == arm])}에서 {label(arm)}의 {METHODS[method]}은 {', '.join(told)}이다."
    return f"{first} 평균으로 견주면 세 지도를 모두 앞서는 측정은 {', '.join(ahead) + '이다' if ahead else '없다'}."


def compared(found: pd.DataFrame, measure: str, method: str, first: str, second: str) -> str:
    """One measure of one kind of map in two arms, paired by seed, in a sentence."""
    runs = {arm: found[found["arm"] == arm].set_index("seed")["found"] for arm in (first, second)}
    seeds = [seed for seed in runs[first].index if seed in runs[second].index]
    if not seeds:
        return "견줄 기록이 아직 없다."
    key, name = f"{measure}/{method}", MEASURES[measure].removesuffix(" (%)")
    delta = np.array([runs[first][seed][key].mean() - runs[second][seed][key].mean() for seed in seeds])
    mean, half = mean_interval(delta)
    unit = "%p" if "%" in MEASURES[measure] else ""
    start = f"{name}의 차이({label(first)} − {label(second)})는 시드 {len(seeds)}개에서 평균 {mean:+.1f}{unit}이다."
    if not np.isnan(half):
        start = f"{start.removesuffix('이다.')}이고, 95% 신뢰구간은 [{mean - half:+.1f}, {mean + half:+.1f}]이다."
    if abs(mean) > half:
        return f"{start} {name}은 {label(first)}에서 {'더 크다' if mean > 0 else '더 작다'}."
    return f"{start} 이것만으로는 어느 쪽이 크다고 말할 수 없다."


def evenness(found: pd.DataFrame, arm: str) -> str:
    """How even attention is in each layer, in a sentence: the mean entropy over seeds, heads and pictures."""
    runs = found.loc[found["arm"] == arm, "found"]
    layers = [key for key in (runs.iloc[0] if len(runs) else ()) if key.startswith("entropy/")]
    if not layers:
        return "층마다의 엔트로피를 아직 재지 않았다."
    means = [float(values(found, arm, key).mean()) for key in layers]
    told, seeds = ", ".join(f"{value:.3f}" for value in means), seeds_of(found[found["arm"] == arm])
    order = "앞 층부터 차례로 " if len(means) > 1 else ""
    start = f"{label(arm)}의 평균 엔트로피({seeds})가 {order}{told}이다."
    even = [str(number) for number, value in enumerate(means, start=1) if value >= EVEN]
    which = "모든 층이" if len(even) == len(means) else f"{', '.join(even)}번째 층만"
    return f"{start} 거의 균등하다고 보는 기준({EVEN})을 {f'{which} 넘는다' if even else '넘는 층은 없다'}."


def without_colour(networks: dict[str, nn.Module], data: Dataset) -> float:
    """Mean accuracy of networks on the test pictures in grey, in percent: what is left without colour."""
    images = data.test.images.float().mean(3, keepdim=True).expand_as(data.test.images).to(torch.uint8)
    x = inputs_of(Split(images, data.test.labels), data)
    with torch.no_grad():
        right = [(model(x).argmax(1) == data.test.labels).float().mean() for model in networks.values()]
    return 100 * float(torch.stack(right).mean())
