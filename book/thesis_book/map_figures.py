"""Figures of what networks look at, from pictures, maps and measured faithfulness."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .faithfulness import LEFT, values
from .map_methods import METHODS, between_classes
from .map_tables import unit_of
from .style import axes, blank

LOOKS = {  # colour, mark and dash of each kind of map, after Okabe and Ito
    "grad_cam": ("#0072B2", "o", "-"),
    "grad_cam_plus_plus": ("#56B4E9", "s", "--"),
    "received": ("#D55E00", "D", "-."),
    "rollout": ("#CC79A7", "^", ":"),
    "random": ("#777777", "x", (0, (1, 1))),
    "centre": ("#222222", "P", (0, (5, 1))),
    "contrast": ("#009E73", "v", (0, (3, 1, 1, 1))),
}


def overlay(place: Axes, picture: np.ndarray, heat: np.ndarray | None = None) -> None:
    """A picture (H, W, 3) uint8; with a map (h, w) over its grey version, bright where the map is high: up to its
    largest value, or to four times its mean where that is more, so that an even map is dark all over."""
    extent = (0, picture.shape[1], picture.shape[0], 0)
    if heat is None:
        place.imshow(picture, extent=extent)
    else:
        place.imshow(picture.mean(2), cmap="gray", extent=extent, vmin=0, vmax=255)
        look = {"alpha": 0.75, "interpolation": "nearest", "vmin": 0, "vmax": max(heat.max(), 4 * heat.mean())}
        place.imshow(heat, cmap="cividis", extent=extent, **look)
    place.set_axis_off()


def side_by_side(pictures: np.ndarray, columns: dict[str, np.ndarray]) -> Figure:
    """One row a picture, one column a map: pictures (P, H, W, 3) uint8, maps (P, h, w) under their titles."""
    if not columns:
        return blank()
    figure, grid = axes(1.6 * (len(columns) + 1), 1.75 * len(pictures), columns=len(columns) + 1, rows=len(pictures))
    for row, picture in zip(grid, pictures, strict=True):
        overlay(row[0], picture)
    grid[0][0].set_title("입력", fontsize=10)
    for column, (title, heats) in enumerate(columns.items(), start=1):
        grid[0][column].set_title(title, fontsize=10, linespacing=1.4)
        for row, picture, heat in zip(grid, pictures, heats, strict=True):
            overlay(row[column], picture, heat)
    return figure


def attention_maps(picture: np.ndarray, weights: np.ndarray, query: tuple[int, int]) -> Figure:
    """A picture with its query position, and where each head looks from there.

    picture: (H, W, 3) uint8. weights: (heads, N, N) with N = h w. query: (row, column) on the h x w grid.
    """
    heads, count, _ = weights.shape
    side = int(count**0.5)
    scale = picture.shape[0] / side
    figure, grid = axes(2.1 * (heads + 1), 2.4, columns=heads + 1)
    row, column = query
    overlay(grid[0][0], picture)
    grid[0][0].set_title("입력과 쿼리 위치", fontsize=10)
    for head, place in enumerate(grid[0][1:]):
        heat = weights[head, row * side + column].reshape(side, side)
        overlay(place, picture, heat)
        place.set_title(f"헤드 {head + 1} (최댓값 {heat.max():.2f})", fontsize=10)
    for place in grid[0]:
        place.scatter((column + 0.5) * scale, (row + 0.5) * scale, marker="+", s=90, color="white", lw=3)
        place.scatter((column + 0.5) * scale, (row + 0.5) * scale, marker="+", s=70, color="black", lw=1.2)
    return figure


def gates_by_class(statistics: dict[str, tuple[np.ndarray, np.ndarray]], classes) -> Figure:
    """The mean gates of `map_methods.gate_statistics`, a panel a block, a row a class, channels by rising mean."""
    if not statistics:
        return blank()
    figure, grid = axes(3.1 * len(statistics), 3.4, columns=len(statistics))
    for place, (at, (means, _)) in zip(grid[0], statistics.items(), strict=True):
        order = np.nanmean(means, 0).argsort()
        drawn = place.imshow(means[:, order], aspect="auto", cmap="cividis", vmin=0, vmax=1)
        place.set_title(f"{unit_of(at)}\n(클래스 사이 SD {between_classes(means):.3f})", fontsize=10, linespacing=1.4)
        names = classes[: len(means)] if place is grid[0][0] else []
        place.set(xlabel="채널 (평균 순서)", yticks=range(len(means)), yticklabels=names)
        place.grid(False)
    figure.colorbar(drawn, ax=grid[0], label="게이트의 평균")
    return figure


def banded(place: Axes, x: np.ndarray, curves: np.ndarray, method: str) -> None:
    """A method's line, the mean of (seeds, steps), and the range of its seeds."""
    colour, mark, dash = LOOKS[method]
    place.plot(x, curves.mean(0), color=colour, marker=mark, linestyle=dash, ms=4, label=METHODS[method])
    place.fill_between(x, curves.min(0), curves.max(0), color=colour, alpha=0.12, lw=0)


def deletion_and_insertion(found: pd.DataFrame, arm: str) -> Figure:
    """Mean probability of the predicted class as cells go and come, a line a kind of map; band over seeds."""
    if found.empty:
        return blank()
    figure, grid = axes(9, 4.2, columns=2)
    grid[0][1].sharey(grid[0][0])
    for place, name in zip(grid[0], ("deletion", "insertion"), strict=True):
        for method in METHODS:
            if f"{name}_curve/{method}" not in found.loc[found["arm"] == arm, "found"].iloc[0]:
                continue
            curves = values(found, arm, f"{name}_curve/{method}")
            banded(place, np.linspace(0, 100, curves.shape[1]), curves, method)
    grid[0][0].set(xlabel="삭제한 칸 (%)", ylabel="예측 클래스의 확률", title="삭제: 빨리 떨어질수록 충실하다")
    grid[0][1].set(xlabel="삽입한 칸 (%)", title="삽입: 빨리 오를수록 충실하다")
    figure.legend(*grid[0][1].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return figure


def randomised(found: pd.DataFrame, arm: str) -> Figure:
    """What is left of each kind of map as layers are shuffled from the output down; band over seeds."""
    if found.empty:
        return blank()
    figure, grid = axes(7, 4.2)
    place = grid[0][0]
    runs = found.loc[found["arm"] == arm, "found"]
    for method in METHODS:
        if f"left/{method}" not in runs.iloc[0]:
            continue
        left = np.abs(values(found, arm, f"left/{method}").astype(float)).mean(2)
        banded(place, np.arange(1, left.shape[1] + 1), left, method)
    place.axhline(LEFT, color="#444444", lw=1)
    place.set(xlabel="출력 쪽에서부터 섞은 층의 수", ylabel="남은 순위 상관의 크기")
    place.set_ylim(-0.03, 1.06)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    return figure
