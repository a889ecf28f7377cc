"""The architecture, drawn by code: the residual unit of each arm, with the shape at every step."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from .style import axes

CONVOLUTION, RECALIBRATION, ATTENTION = "#DCE9F5", "#FBE8C8", "#F7D5C4"


def box(place: Axes, x: float, y: float, text: str, colour: str, width: float = 2.5) -> None:
    place.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - 0.3), width, 0.6, boxstyle="round,pad=0.02", facecolor=colour, edgecolor="#333333"
        )
    )
    place.text(x, y, text, ha="center", va="center", fontsize=9, color="#111111")


def arrow(place: Axes, start: tuple, end: tuple, bend: float = 0.0, text: str = "") -> None:
    curve = {"arrowstyle": "-|>", "color": "#333333", "lw": 1.2, "connectionstyle": f"arc3,rad={bend}"}
    place.annotate("", end, start, arrowprops=curve)
    if text:
        place.text(
            (start[0] + end[0]) / 2 + 0.1, (start[1] + end[1]) / 2, text, fontsize=8, va="center", color="#333333"
        )


def column(place: Axes, title: str, steps: list[tuple[str, str, str]], kept: int | None = None) -> None:
    """One residual unit, from top to bottom: (text, colour, shape that leaves it). kept: the step whose output is
    added again in the last one."""
    top = 9.2
    place.text(0, top + 0.55, title, ha="center", fontsize=12, color="#111111")
    place.text(0, top, "$X$", ha="center", va="center", fontsize=11, color="#111111")
    y, shape = top, "$C×H×W$"
    for text, colour, leaves in steps:
        arrow(place, (0, y - 0.22), (0, y - 0.78), text=shape)
        y -= 1.1
        box(place, 0, y, text, colour)
        y, shape = y - 0.1, leaves
    arrow(place, (0, y - 0.22), (0, y - 0.86), text=shape)
    if kept is not None:
        leave, back = top - 1.1 - 1.2 * kept - 0.4, y + 0.1
        place.plot([0, 1.75, 1.75], [leave, leave, back], color="#333333", lw=1.2)
        arrow(place, (1.75, back), (1.28, back))
    place.text(0, y - 1.08, "⊕", ha="center", va="center", fontsize=15, color="#111111", family="DejaVu Sans")
    place.plot([-0.12, -1.75, -1.75, -0.2], [top, top, y - 1.08, y - 1.08], color="#333333", lw=1.2)
    arrow(place, (0, y - 1.3), (0, y - 1.95), text="ReLU")
    place.text(0, y - 2.2, "$Y$", ha="center", va="center", fontsize=11, color="#111111")
    place.set(xlim=(-2.1, 2.1), ylim=(-2.2, 10.2))
    place.set_axis_off()


def residual_units() -> Figure:
    """The units of ResNet, SENet and SENet_self beside each other: the block is the only difference."""
    branch = [("3×3 합성곱 · 정규화 · ReLU", CONVOLUTION, "$C×H×W$"), ("3×3 합성곱 · 정규화", CONVOLUTION, "$C×H×W$")]
    se = [("스퀴즈 · 익사이테이션", RECALIBRATION, "$s$: $C$"), ("스케일 $s_c x_c$", RECALIBRATION, "$C×H×W$")]
    attention = [
        ("토큰 · 층 정규화", ATTENTION, "$N×C$"),
        ("다중 헤드 셀프 어텐션", ATTENTION, "$N×C$"),
        ("맵으로 되돌려 더하기", ATTENTION, "$C×H×W$"),
    ]
    figure, grid = axes(9, 7.2, columns=3)
    column(grid[0][0], "ResNet", branch)
    column(grid[0][1], "SENet", branch + se)
    column(grid[0][2], "SENet_self", branch + se + attention, kept=3)
    return figure


def nodes(place: Axes, count: int, names: tuple[str, str]) -> None:
    """Two rows of positions, the input below and the output above."""
    for y, name in ((0, names[0]), (1, names[1])):
        place.scatter(range(count), [y] * count, s=170, color="white", edgecolor="#333333", zorder=3)
        place.text(-0.75, y, name, ha="right", va="center", fontsize=10, color="#111111")
    place.set(xlim=(-1.6, count - 0.4), ylim=(-0.3, 1.3))
    place.set_axis_off()


def edge(place: Axes, start: int, end: int, width: float, colour: str = "#0072B2", dash: str = "-") -> None:
    place.plot([start, end], [0, 1], color=colour, lw=width, linestyle=dash, zorder=1, solid_capstyle="round")


def recalibration_and_attention() -> Figure:
    """Own value weighed by what the neighbours say, against a weighted sum of the neighbours' values."""
    figure, grid = axes(8, 2.6, columns=2)
    left, right = grid[0]
    edge(left, 2, 2, 3.5)
    for position in range(5):
        edge(left, position, 2, 1, "#999999", ":")
        edge(right, position, 2, (1.0, 3.5, 0.7, 2.2, 5.0)[position], "#D55E00")
    for place, title in ((left, "재조정: 자기 값 × 가중치"), (right, "어텐션: 다른 값들의 가중합")):
        nodes(place, 5, ("입력", "출력"))
        place.scatter([2], [1], s=170, color="#F7D5C4", edgecolor="#333333", zorder=4)
        place.set_title(title, fontsize=11)
    return figure


def three_connections() -> Figure:
    """Fully connected, convolution and attention: which inputs an output sees, and where its weights come from."""
    figure, grid = axes(10, 2.6, columns=3)
    full, convolution, attention = grid[0]
    colours, own = ("#0072B2", "#E69F00", "#009E73"), colormaps["viridis"](np.linspace(0, 1, 25))
    for end in range(5):
        for start in range(5):
            edge(full, start, end, 1.2, own[(5 * end + 7 * start) % 25])
            if abs(start - end) <= 1:
                edge(convolution, start, end, 2.6, colours[start - end + 1])
            edge(attention, start, end, 0.5 + 2.8 * ((3 * start + 5 * end) % 7 / 7) ** 2, "#D55E00")
    for place, title in (
        (full, "완전 연결: 모든 위치, 배운 가중치"),
        (convolution, "합성곱: 이웃만, 함께 쓰는 가중치"),
        (attention, "어텐션: 모든 위치, 입력이 정하는 가중치"),
    ):
        nodes(place, 5, ("입력", "출력"))
        place.set_title(title, fontsize=11)
    return figure


SLOT = "빈자리"
UNITS = {  # what a unit does, from top to bottom; the slot is where a block goes
    "VGG의 단계": ("3×3 합성곱 · 정규화 · ReLU", "같은 것을 2–4번", SLOT, "2×2 최대 풀링"),
    "DenseNet의 밀집 블록": ("1×1 · 3×3 합성곱", "앞의 모든 맵과 잇기 (× n)", SLOT, "1×1 합성곱 · 평균 풀링"),
    "Inception 모듈": ("1×1 | 3×3 | 3×3 | 풀링", "채널로 잇기", SLOT),
    "Xception의 단위": ("ReLU · 분리 합성곱 · 정규화", "2–3번, 최대 풀링", SLOT, "지름길 더하기"),
    "ShuffleNet v2의 단위": ("채널을 둘로 나누기", "1×1 · 깊이별 3×3 · 1×1", "잇고 섞기", SLOT),
    "NASNet-A의 셀": ("앞의 두 셀에서 고르기", "두 연산의 합 (× 5)", "채널로 잇기", SLOT),
    "Residual Attention의 모듈": ("본 가지 $F$ | 마스크 $M$", "$(1 + M)\\,F$", "잔차 단위", SLOT),
    "Spatial Transformer": ("$θ$ 예측", "좌표 옮기기", "다시 뽑기", "백본의 빈자리"),
}


FLOWS = {  # what a block does to the map, from top to bottom
    "se": ("전역 평균 풀링", "완전 연결 · ReLU", "완전 연결 · 시그모이드", "입력에 곱하기"),
    "se_self": ("SE", "층 정규화", "위치 사이의 셀프 어텐션", "SE의 출력에 더하기"),
    "se_channel": ("SE", "채널 사이의 내적", "소프트맥스 · 가중합", "$β$배 하여 더하기"),
    "cbam": ("두 풀링 · 완전 연결", "채널마다 곱하기", "두 풀링 · 7×7 합성곱", "위치마다 곱하기"),
    "bam": ("채널: 풀링 · 완전 연결", "위치: 팽창 합성곱", "합 · 시그모이드", "1을 더해 곱하기"),
    "eca": ("전역 평균 풀링", "이웃 채널의 합성곱", "시그모이드", "입력에 곱하기"),
    "gsop": ("1×1 합성곱", "채널의 공분산", "행마다 합성곱", "시그모이드 · 곱하기"),
    "gather_excite": ("넓은 이웃에서 모으기", "맵의 크기로 되돌리기", "시그모이드", "입력에 곱하기"),
    "non_local": ("1×1 합성곱 셋", "위치 사이의 소프트맥스", "가중합 · 1×1 합성곱", "입력에 더하기"),
    "global_context": ("위치의 소프트맥스", "가중합: 문맥 하나", "병목의 두 층", "모든 위치에 더하기"),
    "self_attention": ("층 정규화", "쿼리 · 키 · 밸류", "위치 사이의 셀프 어텐션", "입력에 더하기"),
    "bot_mhsa": ("쿼리 · 키 · 밸류", "내적 + 상대 위치", "소프트맥스", "밸류의 가중합"),
    "augmented_conv": ("3×3 합성곱 | 어텐션", "어텐션: 상대 위치", "채널로 잇기"),
    "light_conv": ("1×1 합성곱 · GLU", "정규화한 커널", "행마다 깊이별 합성곱", "1×1 합성곱 · 더하기"),
    "dynamic_conv": ("1×1 합성곱 · GLU", "위치마다 만든 커널", "행마다 깊이별 합성곱", "1×1 합성곱 · 더하기"),
}
BETWEEN = ("어텐션", "소프트맥스", "내적", "공분산", "가중합")  # positions or channels answer one another


def colour_of(step: str) -> str:
    """Where a block goes or what multiplies the map; what relates its parts; anything else."""
    if SLOT in step or "곱하기" in step or step == "SE":
        return RECALIBRATION
    return ATTENTION if any(word in step for word in BETWEEN) else CONVOLUTION


def flow(place: Axes, title: str, steps: tuple[str, ...], width: float) -> None:
    """One column of boxes, an arrow into each and one out."""
    place.set_title(title, fontsize=10)
    for index, text in enumerate(steps):
        y = -1.1 * index
        arrow(place, (0, y + 0.8), (0, y + 0.34))
        box(place, 0, y, text, colour_of(text))
    arrow(place, (0, -1.1 * len(steps) + 0.8), (0, -1.1 * len(steps) + 0.3))
    place.set(xlim=(-width, width), ylim=(-4.4, 0.9))
    place.set_axis_off()


def network_units() -> Figure:
    """The units of the other networks, each with the place where a block goes."""
    figure, grid = axes(10, 6.6, columns=4, rows=2)
    for place, (title, steps) in zip(grid.ravel(), UNITS.items(), strict=True):
        flow(place, title, steps, 1.5)
    return figure


def block_flows(titles: dict[str, str]) -> Figure:
    """What each block does, in boxes. titles: the name of each, in the order wanted."""
    figure, grid = axes(11, 3.1 * -(-len(titles) // 5), columns=5, rows=-(-len(titles) // 5))
    for place in grid.ravel():
        place.set_axis_off()
    for place, (name, title) in zip(grid.ravel(), titles.items(), strict=False):
        flow(place, title, FLOWS.get(name, ("입력", title, "출력")), 1.4)  # a reader's own is not drawn here
    return figure


def straightening(pictures: np.ndarray, straightened: np.ndarray) -> Figure:
    """Pictures (N, H, W) over what a Spatial Transformer makes of them."""
    figure, grid = axes(8, 2.1, columns=len(pictures), rows=2)
    for row, (name, drawn) in enumerate((("입력", pictures), ("바로잡은 것", straightened))):
        for place, picture in zip(grid[row], drawn, strict=True):
            place.imshow(picture, cmap="gray", interpolation="nearest")
            place.set(xticks=[], yticks=[])
            place.grid(False)
        grid[row][0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure
