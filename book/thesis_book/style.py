"""How every figure looks: Korean fonts, and colours and marks that differ without colour too."""

from functools import cache
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib import font_manager
from matplotlib.figure import Figure

from thesis_lib.errors import ThesisError
from thesis_lib.progress import in_notebook

FONTS = Path(__file__).parents[1] / "fonts"
STYLES = {  # colours of Okabe and Ito, each with a mark and a dash of its own
    "resnet": ("#0072B2", "o", "-"),
    "senet": ("#E69F00", "s", "--"),
    "senet_self": ("#D55E00", "D", "-."),
    "senet_self_plain": ("#CC79A7", "^", ":"),
    "senet_self_gate": ("#009E73", "v", (0, (5, 1))),
    "senet_linear": ("#56B4E9", "P", (0, (3, 1, 1, 1))),
    "senet_uniform": ("#222222", "X", (0, (1, 1))),
    "senet_channel": ("#8B5A2B", "p", (0, (7, 2))),
    "resnet_wide": ("#777777", "h", (0, (3, 3))),
}


def style(arm: str) -> tuple:
    return STYLES.get(arm, ("#555555", "x", "-"))


@cache  # fonts that are added twice are listed twice
def add_fonts(fonts: Path) -> None:
    files = sorted(fonts.glob("*.ttf"))
    if not any(file.stem == "NanumGothic" for file in files):
        raise ThesisError(f"한글 글꼴이 없다: {fonts / 'NanumGothic.ttf'}. 저장소의 book/fonts 폴더를 되살리라.")
    for file in files:
        font_manager.fontManager.addfont(file)


def use_korean(fonts: Path = FONTS) -> None:
    """Set theme and Korean font. Raises ThesisError where the font is missing."""
    add_fonts(fonts)
    matplotlib.rcParams["svg.fonttype"] = "path"
    sns.set_theme(
        style="whitegrid",
        rc={
            "font.family": ["NanumGothic", "DejaVu Sans"],
            "axes.unicode_minus": True,
            "pdf.fonttype": 42,
            "savefig.bbox": "tight",
            "figure.dpi": 110,
        },
    )


def axes(width: float, height: float, columns: int = 1, rows: int = 1):
    """A figure and its axes; shown once, as the value of a cell, in vectors."""
    use_korean()
    if in_notebook():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")
    figure, grid = plt.subplots(rows, columns, squeeze=False, figsize=(width, height), layout="constrained")
    plt.close(figure)
    return figure, grid


def blank(text: str = "기록이 아직 없다") -> Figure:
    """What stands where there is nothing to draw yet."""
    figure, grid = axes(6, 1.2)
    grid[0][0].text(0.5, 0.5, text, ha="center", va="center")
    grid[0][0].set_axis_off()
    return figure
