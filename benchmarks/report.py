"""What `python -m benchmarks` has measured, as the book shows it."""

import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from thesis_book.style import axes, blank, style

KINDS = {"ours": ("senet_self", "이 저장소"), "draft": ("senet", "상대")}


def measured(device: str = "cpu", results: str = "results") -> dict:
    """The results file of one device, part by part; empty where nothing has been measured there."""
    path = Path(results) / "benchmarks" / f"{device}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def rows_of(found: dict, kind: str) -> list[dict]:
    """`comparisons` or `limits` of all parts."""
    return [row for part in found.values() for row in part.get(kind, [])]


def number(value: float) -> str:
    """Three figures, all of them shown: 1.50, 13.0, 314, 4,230."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def with_range(row: dict, figure: str, scale: float = 1) -> str:
    """A figure of a row with its smallest and largest."""
    low, middle, high = (number(row[name] * scale) for name in ("low", figure, "high"))
    return f"{middle} ({low}~{high})"


def scaled(seconds: float, unit: str) -> tuple[float, str]:
    """A factor and a unit in which a time is no long fraction; (1, unit) for what is no time."""
    if not unit.startswith("초") or seconds >= 0.1:
        return 1, unit
    return (1e3, unit.replace("초", "ms", 1)) if seconds >= 1e-4 else (1e6, unit.replace("초", "μs", 1))


def figures_of(row: dict) -> dict[str, str]:
    """Both figures of a comparison and the unit that they share."""
    scale, unit = scaled(max(row["ours"], row["peer"]), row["unit"])
    return {"단위": unit, "이 저장소": number(row["ours"] * scale), "상대": number(row["peer"] * scale)}


def verdict(row: dict) -> str:
    return "닿음" if row["reached"] else "못 닿음"


def comparisons(found: dict) -> pd.DataFrame:
    """A row a comparison: both figures, their ratio with its range, and the goal."""
    return pd.DataFrame(
        [
            {
                "잰 것": row["what"],
                **figures_of(row),
                "비": with_range(row, "factor"),
                "목표": f"{'≥' if row['at_least'] else '≤'}\u00a0{row['goal']:.2g}",
                "결과": verdict(row),
                "n": row["n"],
            }
            for row in rows_of(found, "comparisons")
        ]
    )


def limits(found: dict) -> pd.DataFrame:
    """A row a figure that has to stay below its goal."""
    rows = []
    for row in rows_of(found, "limits"):
        scale, unit = scaled(row["figure"], row["unit"])
        rows.append(
            {
                "잰 것": row["what"],
                "값": f"{with_range(row, 'figure', scale)} {unit}",
                "n": row["n"],
                "목표": f"<\u00a0{row['goal']:.2g}\u00a0{row['unit']}",
                "결과": verdict(row),
            }
        )
    return pd.DataFrame(rows)


def missed(found: dict) -> str:
    """Which goals the medians miss, and how many ranges reach to the other side of their goal."""
    if not (rows := rows_of(found, "comparisons") + rows_of(found, "limits")):
        return "아직 재지 않았다."
    names = [row["what"] for row in rows if not row["reached"]]
    first = f"목표에 닿지 못한 것은 {len(names)}개이다({'; '.join(names)})." if names else "정한 목표에 모두 닿았다."
    across = sum(row["low"] <= row["goal"] <= row["high"] for row in rows)
    return f"중앙값으로 판정하면 {first} {len(rows)}개 가운데 {across}개는 범위가 목표의 양쪽에 걸친다."


def cause(found: dict) -> str:
    """What the ratio of the block's speed comes from."""
    if "attention" not in found:
        return ""
    of = found["attention"]["cause"]
    return (
        f"SENet_self 블록에서 이 저장소의 코드가 쓰는 시간의 {100 * of['kernel_share']:.0f}%는 PyTorch의 융합 연산이 "
        "차지하므로 나머지를 줄여도 크게 빨라지지 않는다. 상대의 시간은 큰 행렬을 새로 받은 메모리에 처음 쓰는 비용에 "
        f"좌우된다. 한 번 받은 메모리를 돌려주지 않게 하면 속도의 비가 {of['factor_with_kept_pages']:.2f}로 준다. "
        "이 저장소의 학습도 그렇게 한다."
    )


def relative(found: dict) -> dict[str, str]:
    """How many times the bare network's step each block takes, by name, as text; empty where it was not measured."""
    rows = found.get("blocks", {}).get("relative", [])
    return {row["name"]: with_range(row, "factor") for row in rows}


def grown(found: dict) -> str:
    """How much longer both take at the most tokens than at a quarter of them, in a sentence."""
    rows = found.get("attention", {}).get("growth", [])
    took = {(row["of"], row["at"]): row["seconds"] for row in rows if row["along"] == "N"}
    most = max((tokens for _, tokens in took), default=0)
    if ("ours", most // 4) not in took:
        return ""
    ours, peer = (took[kind, most] / took[kind, most // 4] for kind in KINDS)
    return (
        f"토큰이 {most // 4:,}개에서 {most:,}개로 네 배가 되면 시간은 이 저장소의 블록에서 {ours:.1f}배, "
        f"상대에서 {peer:.1f}배가 된다(제곱에 비례하면 {4**2}배). 토큰이 {most:,}개일 때 상대의 시간은 이 저장소의 "
        f"{took['draft', most] / took['ours', most]:.2f}배이다. 표의 비와는 따로 잰 값이다."
    )


def read(found: dict) -> str:
    """How much longer reading takes for the most records than for the fewest, in a sentence."""
    rows = found.get("records", {}).get("growth", [])
    if len(rows) < 2:
        return ""
    few, many = rows[0], rows[-1]
    return (
        f"기록이 {few['at']:,}개에서 {many['at']:,}개로 {many['at'] // few['at']:,}배가 되면 읽는 시간은 "
        f"{many['seconds'] / few['seconds']:.0f}배가 된다."
    )


def growth(found: dict) -> Figure:
    """Time and memory of the block against tokens and batch, and time against the number of records."""
    if not {"attention", "records"} <= set(found):
        return blank("아직 재지 않았다")
    figure, grid = axes(9, 5.4, columns=3, rows=2)
    block = pd.DataFrame(found["attention"]["growth"])
    for row, (key, unit) in enumerate((("seconds", "시간 (초)"), ("mib", "메모리 (MiB)"))):
        for place, (along, name) in zip(grid[row], (("N", "토큰 수"), ("B", "배치 크기")), strict=False):
            for kind, (arm, label) in KINDS.items():
                line = block[(block["along"] == along) & (block["of"] == kind)]
                colour, mark, dash = style(arm)
                place.loglog(line["at"], line[key], color=colour, marker=mark, linestyle=dash, label=label)
            ticks = sorted(set(block.loc[block["along"] == along, "at"]))
            place.set(xlabel=name, ylabel=unit, xticks=ticks, xticklabels=[f"{tick:,}" for tick in ticks])
    records = pd.DataFrame(found["records"]["growth"])
    colour, mark, dash = style("resnet")
    grid[0][2].loglog(records["at"], records["seconds"], color=colour, marker=mark, linestyle=dash)
    grid[0][2].set(xlabel="기록 수", ylabel="읽는 시간 (초)")
    grid[0][2].set(xticks=list(records["at"]), xticklabels=[f"{count:,}" for count in records["at"]])
    for place in grid.flat:  # a minus sign in an exponent has no glyph in the Korean font
        place.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        place.yaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=12))
        place.minorticks_off()
    grid[1][2].set_axis_off()
    grid[0][0].legend()
    return figure
