"""Figures from records: every glyph is there, nothing is shown twice, an empty table still draws."""

import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from thesis_book import drawings, figures, map_figures, tables
from thesis_book.prose import progress_of
from thesis_book.robustness import CORRUPTIONS
from thesis_book.style import use_korean
from thesis_lib import ThesisError
from thesis_lib.checkpoint import sealed, write_atomically
from thesis_lib.profiles import read_profile
from thesis_lib.records import all_records

DRAWN = [
    figures.learning_curves,
    figures.accuracy_by_seed,
    figures.forest,
    figures.accuracy_against_cost,
    figures.reliability,
    partial(figures.per_class, first="senet", second="resnet"),
]


def render(figure, path):
    """Write a figure; a missing glyph is only a warning to matplotlib, and an error to us."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(path)
    return path.read_bytes()


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: getattr(draw, "__name__", "per_class"))
def test_figure_of_the_committed_records_has_every_glyph(draw, tmp_path):
    table = tables.of_profile("quick")
    assert len(table) == table.attrs["planned"]
    figure = draw(table)
    assert b"<svg" in render(figure, tmp_path / "a.svg")
    assert figure.axes[0].get_ylabel() or figure.axes[0].get_xlabel()
    assert not plt.get_fignums()


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: getattr(draw, "__name__", "per_class"))
def test_an_empty_table_draws_a_note(draw, tmp_path):
    empty = tables.of_profile("quick", results=str(tmp_path))
    render(draw(empty), tmp_path / "a.svg")
    assert tables.main_table(empty).empty and tables.differences(empty).empty
    assert "아직 없다" in tables.numbered(tables.main_table(empty), "표", "tbl-x")


def test_captions_say_what_the_runs_were_made_on(tmp_path):
    runs = tables.of_profile("cpu")
    assert tables.where(runs) == "CIFAR-10, ResNet-20, 10 에폭, 시드 3개"
    assert tables.where(tables.of_profile("controls")) == "CIFAR-10, ResNet-8, 10 에폭, 시드 3–5개"
    assert tables.where(tables.of_profile("cpu", str(tmp_path))) == "CIFAR-10, ResNet-20, 10 에폭, 마친 실행 없음"
    fewer = runs[(runs["arm"] != "senet") | (runs["seed"] != 2)]
    assert tables.length(fewer) == "10 에폭, 시드 2–3개"
    assert [tables.called(name) for name in ("resnet8", "resnext29", "wrn16_4")] == ["ResNet-8", "resnext29", "wrn16_4"]


def test_runs_that_diverged_are_named(tmp_path):
    [first, *_, last] = read_profile("profiles/ablations.yaml")
    for run in (first, last):
        told = sealed({"id": run.id, "experiment": run.config(), "reason": "손실이 유한하지 않다."})
        write_atomically(tmp_path / "runs" / run.id / "diverged.json", told)
    runs = tables.of_profile("ablations", str(tmp_path))
    assert runs.attrs["diverged"] == ["SENet_self(시드 0)", "2차원 상대 위치(시드 2)"]
    assert progress_of(runs) == (
        "계획한 실행 30개 가운데 마친 것이 아직 없다. "
        "손실이 발산하여 기록이 없는 것은 SENet_self(시드 0), 2차원 상대 위치(시드 2)이다."
    )
    runs.attrs |= {"planned": 5, "finished": 3}
    assert progress_of(runs).startswith("계획한 실행 5개 가운데 3개를 마쳤다. 손실이 발산하여")
    runs.attrs |= {"planned": 6}
    assert "나머지는 아직 마치지 못했다. 손실이 발산하여" in progress_of(runs)
    runs.attrs |= {"planned": 3, "diverged": []}
    assert progress_of(runs) == "계획한 실행 3개를 모두 마쳤다."


def test_a_profile_with_a_diverged_run_has_run_to_its_end(tmp_path):
    runs = tables.of_profile("quick")
    assert tables.ended(runs)
    runs.attrs |= {"finished": runs.attrs["planned"] - 1}
    assert not tables.ended(runs)
    runs.attrs |= {"diverged": ["SENet(시드 0)"]}
    assert tables.ended(runs)


def test_the_primary_tests_are_made_on_the_largest_profile_that_is_complete(tmp_path):
    assert tables.primary("gpu", "cpu").attrs["network"] == "resnet20"  # of `gpu` nothing has run
    assert tables.primary("quick", "cpu").attrs["network"] == "resnet8"
    assert tables.primary("gpu", "cpu", results=str(tmp_path)).attrs["network"] == "resnet20"


def test_runs_with_other_options_are_other_rows():
    runs = tables.of_profile("quick")
    assert len(tables.main_table(runs)) == 3
    changed = runs["arm"].eq("senet") & runs["seed"].eq(2)
    rows = tables.main_table(runs.assign(options=runs["options"].mask(changed, '{"reduction": 4}')))
    assert sorted(rows["시드 수"]) == [1, 2, 3, 3] and set(rows["비교군"]) == {
        "ResNet",
        "SENet: SENet",
        "SENet: r = 4",
        "SENet_self",
    }


def test_columns_of_numbers_end_at_the_right():
    cells = {"모양": ["3 × 3", "1"], "차이": ["+0.1", "—"], "구간": ["[-0.1, +0.2]", "—"], "p": ["< 0.001", "0.2"]}
    table = pd.DataFrame(cells)
    rule = tables.numbered(table, "표", "tbl-x").split("\n")[4]
    assert [side.endswith(":") for side in rule.strip("|").split("|")] == [False, True, True, True]


def test_corruptions_are_drawn_and_tabled(tmp_path):
    rows = [
        {
            "id": run.id,
            "arm": run.arm,
            "seed": run.seed,
            "kind": kind,
            "strength": s,
            "accuracy": 90.0 - s - run.seed,
            "clean": 90.0,
        }
        for run in tables.of_profile("quick").itertuples()
        for kind in CORRUPTIONS
        for s in range(1, 6)
    ]
    found = pd.DataFrame(rows)
    render(figures.robustness(found), tmp_path / "a.svg")
    table = tables.robustness(found).set_index("손상")
    assert list(table) == ["ResNet (n = 3)", "SENet (n = 3)", "SENet_self (n = 3)"]
    assert list(table.index) == ["깨끗함", *(name for name, *_ in CORRUPTIONS.values()), "모두"]
    assert list(table.loc["모두"]) == ["86.00 ± 1.00"] * 3 and list(table.loc["깨끗함"]) == ["90.00 ± 0.00"] * 3
    nothing = found.iloc[:0]
    assert tables.robustness(nothing).empty
    render(figures.robustness(nothing), tmp_path / "b.svg")


def test_images_are_compared_seed_by_seed_and_together():
    quick = tables.of_profile("quick")
    table = tables.image_by_image(quick)
    assert list(table["시드"]) == ["0", "1", "2", "함께"] * 2
    records = {record.id: record for record in all_records()[0]}
    wide = quick.pivot(index="seed", columns="arm", values="id")
    right = [records[wide.loc[1, arm]].right for arm in ("senet", "resnet")]
    row = table.iloc[1]
    assert row["앞만 맞힌 영상"] == f"{(right[0] & ~right[1]).sum():,}"
    assert row["뒤만 맞힌 영상"] == f"{(~right[0] & right[1]).sum():,}"
    assert table.iloc[3]["p 또는 구간"].endswith("%p") and table.iloc[3]["앞만 맞힌 영상"] == "—"
    assert tables.image_by_image(quick.iloc[:0]).empty


def test_the_architecture_and_a_map_are_drawn(tmp_path):
    assert len(drawings.residual_units().axes) == 3
    for number, figure in enumerate(
        (drawings.residual_units(), drawings.recalibration_and_attention(), drawings.three_connections())
    ):
        render(figure, tmp_path / f"{number}.svg")
    weights = np.full((4, 64, 64), 1 / 64)
    figure = map_figures.attention_maps(np.zeros((32, 32, 3), np.uint8), weights, (2, 5))
    assert len(figure.axes) == 5
    render(figure, tmp_path / "b.svg")


def test_a_missing_font_is_one_sentence(tmp_path):
    with pytest.raises(ThesisError, match="한글 글꼴이 없다"):
        use_korean(tmp_path)
