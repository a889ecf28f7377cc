"""What `python -m benchmarks` has measured, as the book shows it."""

import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from .figures import axes, blank, style

KINDS = {"ours": ("senet_self", "이 저장소"), "draft": ("senet", "초고의 코드")}


def measured(device: str = "cpu", results: str = "results") -> dict:
    """The results file of one device; empty where nothing has been measured there."""
    path = Path(results) / "benchmarks" / f"{device}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def verdict(row: dict) -> str:
    return "닿음" if row["reached"] else "못 닿음"


def comparisons(found: dict) -> pd.DataFrame:
    """A row a comparison: both figures, their ratio with its range, and the goal."""
    return pd.DataFrame(
        [
            {
                "잰 것": row["what"],
                "견준 상대": row["peer_is"],
                "이 저장소": f"{number(row['ours'])} {row['unit']}",
                "상대": f"{number(row['peer'])} {row['unit']}",
                "비": f"{row['factor']:.3g} [{row['low']:.3g}, {row['high']:.3g}]",
                "n": row["n"],
                "목표": f"{row['goal']:.2g} {'이상' if row['at_least'] else '이하'}",
                "결과": verdict(row),
            }
            for row in found.get("comparisons", [])
        ]
    )


def limits(found: dict) -> pd.DataFrame:
    """A row a figure that has to stay below its goal."""
    return pd.DataFrame(
        [
            {
                "잰 것": row["what"],
                "값": f"{row['figure']:.3g} [{row['low']:.3g}, {row['high']:.3g}] {row['unit']}",
                "n": row["n"],
                "목표": f"{row['goal']:.2g} {row['unit']} 미만",
                "결과": verdict(row),
            }
            for row in found.get("limits", [])
        ]
    )


def growth(found: dict) -> Figure:
    """Time and memory of the block against tokens and batch, and time against the number of records."""
    if not (rows := found.get("growth")):
        return blank("아직 재지 않았다")
    figure, grid = axes(9, 5.4, columns=3, rows=2)
    block = pd.DataFrame(rows["attention"])
    for row, (key, unit) in enumerate((("seconds", "시간 (초)"), ("mib", "메모리 (MiB)"))):
        for place, (along, name) in zip(grid[row], (("N", "토큰 수"), ("B", "배치 크기")), strict=False):
            for kind, (arm, label) in KINDS.items():
                line = block[(block["along"] == along) & (block["of"] == kind)]
                colour, mark, dash = style(arm)
                place.loglog(line["at"], line[key], color=colour, marker=mark, linestyle=dash, label=label)
            ticks = sorted(set(block.loc[block["along"] == along, "at"]))
            place.set(xlabel=name, ylabel=unit, xticks=ticks, xticklabels=ticks)
            place.minorticks_off()
    records = pd.DataFrame(rows["records"])
    colour, mark, dash = style("resnet")
    grid[0][2].loglog(records["at"], records["seconds"], color=colour, marker=mark, linestyle=dash)
    grid[0][2].set(xlabel="기록 수", ylabel="읽는 시간 (초)")
    grid[1][2].set_axis_off()
    grid[0][0].legend()
    return figure
