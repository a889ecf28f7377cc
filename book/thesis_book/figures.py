"""What a reader sees as a figure: records in, a figure with Korean labels out."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from thesis_lib.arms import CONTROLS, PRIMARY, label
from thesis_lib.metrics import bins_of
from thesis_lib.records import records_by_id
from thesis_lib.stats import family, pairs

from .robustness import CORRUPTIONS
from .style import axes, blank, style
from .tables import by_arm

FEWEST = 20  # pictures in a bin of the reliability diagram


def learning_curves(table: pd.DataFrame, results: str = "results") -> Figure:
    """Training loss and validation accuracy by epoch: mean over seeds, band from least to most."""
    if table.empty:
        return blank()
    records = records_by_id(results, table["id"])
    figure, grid = axes(8, 3.4, columns=2)
    for arm, runs in by_arm(table):
        colour, mark, dash = style(arm)
        for place, key in zip(grid[0], ("train_loss", "val_accuracy"), strict=True):
            curves = np.array([[epoch[key] for epoch in records[run].data["history"]] for run in runs["id"]])
            epochs = np.arange(1, curves.shape[1] + 1)
            place.plot(epochs, curves.mean(0), color=colour, marker=mark, linestyle=dash, ms=4, label=label(arm))
            place.fill_between(epochs, curves.min(0), curves.max(0), color=colour, alpha=0.15, lw=0)
    for place, name in zip(grid[0], ("학습 손실", "검증 정확도 (%)"), strict=True):
        place.set(xlabel="에폭", ylabel=name)
        place.xaxis.get_major_locator().set_params(integer=True)
    grid[0][1].legend()
    return figure


def accuracy_by_seed(table: pd.DataFrame) -> Figure:
    """Test accuracy of every run, runs of one seed joined: pairs are seen, not only means."""
    if table.empty:
        return blank()
    figure, grid = axes(7, 3.6)
    place, groups = grid[0][0], by_arm(table)
    wide = table.pivot_table(index="seed", columns="arm", values="test_accuracy")[[arm for arm, _ in groups]]
    for values in wide.to_numpy():
        place.plot(range(len(groups)), values, color="#999999", lw=0.8, zorder=1)
    for x, (arm, runs) in enumerate(groups):
        colour, mark, _ = style(arm)
        place.scatter([x] * len(runs), runs["test_accuracy"], color=colour, marker=mark, s=46, zorder=2)
    place.set(xticks=range(len(groups)), xticklabels=[label(a) for a, _ in groups], ylabel="시험 정확도 (%)")
    place.margins(x=0.15, y=0.15)
    return figure


def forest(table: pd.DataFrame, members=PRIMARY + CONTROLS) -> Figure:
    """Paired differences with 95 % intervals; a hollow mark has too few seeds for an interval."""
    rows = [d for d in family(table, members) if d.n]
    if not rows:
        return blank()
    figure, grid = axes(7, 0.8 + 0.5 * len(rows))
    place = grid[0][0]
    for y, d in enumerate(reversed(rows)):
        colour, mark, _ = style(d.first)
        face = "white" if np.isnan(d.low) else colour
        place.scatter(d.mean, y, marker=mark, s=50, zorder=3, facecolor=face, edgecolor=colour)
        if not np.isnan(d.low):
            place.plot([d.low, d.high], [y, y], color=colour, lw=2)
    names = [f"{label(d.first)} − {label(d.second)} (n = {d.n})" for d in reversed(rows)]
    place.axvline(0, color="#444444", lw=1)
    place.set(yticks=range(len(rows)), yticklabels=names, xlabel="시험 정확도의 짝지은 차이 (%p)")
    place.set_ylim(-0.6, len(rows) - 0.4)
    place.locator_params(axis="x", nbins=6)
    return figure


def per_class(table: pd.DataFrame, first: str, second: str, results: str = "results") -> Figure:
    """Paired difference of the accuracy on each class: every seed a dot on a line of its own, the mean a bar."""
    runs = pairs(table, first, second, value="id")
    if runs.empty:
        return blank()
    records = records_by_id(results, table["id"])
    delta = np.array(
        [
            np.subtract(*(records[run].data["result"]["per_class_accuracy"] for run in pair))
            for pair in runs.itertuples(index=False)
        ]
    )
    names = records[runs[first].iloc[0]].data["classes"]
    order = np.argsort(delta.mean(0))
    figure, grid = axes(7, 0.9 + 0.3 * len(names))
    place, (colour, mark, _) = grid[0][0], style(first)
    place.barh(range(len(names)), delta.mean(0)[order], color=colour, alpha=0.45)
    for values, aside in zip(delta, np.linspace(-0.24, 0.24, len(delta)) if len(delta) > 1 else [0], strict=True):
        place.scatter(values[order], np.arange(len(names)) + aside, color=colour, marker=mark, s=14, zorder=3)
    place.axvline(0, color="#444444", lw=1)
    place.set(yticks=range(len(names)), yticklabels=[names[i] for i in order])
    place.set_xlabel(f"{label(first)} − {label(second)}, 시험 정확도의 차이 (%p)")
    return figure


def reliability(table: pd.DataFrame, results: str = "results") -> Figure:
    """Share of right answers against confidence, all seeds together.

    Bins are those of the calibration error; one with fewer than `FEWEST` pictures is left out.
    """
    if table.empty:
        return blank()
    records = records_by_id(results, table["id"])
    figure, grid = axes(5, 4)
    place = grid[0][0]
    place.plot([0, 1], [0, 1], color="#888888", lw=1)
    for arm, runs in by_arm(table):
        colour, mark, dash = style(arm)
        confidence = np.concatenate([records[run].predictions["confidence"] for run in runs["id"]]).astype(float)
        right = np.concatenate([records[run].right for run in runs["id"]])
        bins = pd.Series(bins_of(confidence))
        groups = pd.DataFrame({"confidence": confidence, "right": right}).groupby(bins)
        means = groups.mean()[groups.size() >= FEWEST]
        place.plot(means["confidence"], means["right"], color=colour, marker=mark, linestyle=dash, label=label(arm))
    place.set(xlabel="예측 확신도", ylabel="맞힌 비율")
    place.legend()
    return figure


def robustness(found: pd.DataFrame) -> Figure:
    """Accuracy against the strength of each corruption, the mean over seeds."""
    if found.empty:
        return blank()
    figure, grid = axes(9, 5, columns=3, rows=2)
    for place, (kind, (name, *_)) in zip(grid.flat, CORRUPTIONS.items(), strict=True):
        for arm, runs in by_arm(found[found["kind"] == kind]):
            colour, mark, dash = style(arm)
            means = runs.groupby("strength")["accuracy"].mean()
            place.plot(means, color=colour, marker=mark, linestyle=dash, ms=4, label=label(arm))
        place.set_title(name, fontsize=11)
        place.set(xticks=range(1, 6))
    for place in grid[:, 0]:
        place.set_ylabel("시험 정확도 (%)")
    for place in grid[1]:
        place.set_xlabel("손상의 세기")
    grid[0][0].legend(fontsize=9)
    return figure


def accuracy_against_cost(table: pd.DataFrame) -> Figure:
    """Mean test accuracy against MACs."""
    if table.empty:
        return blank()
    figure, grid = axes(6, 3.6)
    place = grid[0][0]
    for arm, runs in by_arm(table):
        colour, mark, _ = style(arm)
        x, y = runs["macs"].iloc[0] / 1e6, runs["test_accuracy"]
        place.errorbar(
            x,
            y.mean(),
            yerr=y.std() if len(y) > 1 else None,
            color=colour,
            marker=mark,
            ms=8,
            capsize=4,
            ls="",
            label=label(arm),
        )
    means = table.groupby("arm").agg(macs=("macs", "first"), accuracy=("test_accuracy", "mean")).sort_values("macs")
    front = means[means["accuracy"] > means["accuracy"].cummax().shift(fill_value=-np.inf)]
    place.plot(front["macs"] / 1e6, front["accuracy"], color="#999999", lw=1, drawstyle="steps-post", zorder=1)
    place.set(xlabel="영상 한 장의 곱셈-누산 (MMAC)", ylabel="시험 정확도 (%)")
    place.margins(0.2)
    place.legend()
    return figure
