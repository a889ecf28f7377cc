"""The architecture, drawn by code: the residual unit of each arm, with the shape at every step."""

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


def column(place: Axes, title: str, steps: list[tuple[str, str, str]]) -> None:
    """One residual unit, from top to bottom: (text, colour, shape that leaves it)."""
    top = 9.2
    place.text(0, top + 0.55, title, ha="center", fontsize=12, color="#111111")
    place.text(0, top, "$x$", ha="center", va="center", fontsize=11, color="#111111")
    y, shape = top, "$C×H×W$"
    for text, colour, leaves in steps:
        arrow(place, (0, y - 0.22), (0, y - 0.78), text=shape)
        y -= 1.1
        box(place, 0, y, text, colour)
        y, shape = y - 0.1, leaves
    arrow(place, (0, y - 0.22), (0, y - 0.86), text=shape)
    place.text(0, y - 1.08, "⊕", ha="center", va="center", fontsize=15, color="#111111", family="DejaVu Sans")
    place.plot([-0.12, -1.75, -1.75, -0.2], [top, top, y - 1.08, y - 1.08], color="#333333", lw=1.2)
    place.set(xlim=(-2.1, 2.1), ylim=(-0.4, 10.2))
    place.set_axis_off()


def residual_units() -> Figure:
    """The units of ResNet, SENet and SENet_self beside each other: the block is the only difference."""
    branch = [
        ("3×3 합성곱 · 정규화 · ReLU", CONVOLUTION, "$C×H×W$"),
        ("3×3 합성곱 · 정규화", CONVOLUTION, "$C×H×W$"),
    ]
    se = [
        ("스퀴즈 · 익사이테이션", RECALIBRATION, "$s$: $C$"),
        ("스케일 $s_c x_c$", RECALIBRATION, "$C×H×W$"),
    ]
    attention = [
        ("토큰 · 층 정규화", ATTENTION, "$N×C$"),
        ("다중 헤드 셀프 어텐션", ATTENTION, "$N×C$"),
        ("맵으로 되돌려 더하기", ATTENTION, "$C×H×W$"),
    ]
    figure, grid = axes(9, 6.4, columns=3)
    column(grid[0][0], "ResNet", branch)
    column(grid[0][1], "SENet", branch + se)
    column(grid[0][2], "SENet_self", branch + se + attention)
    return figure
