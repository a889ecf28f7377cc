"""Figures from records: every glyph is there, nothing is shown twice, an empty table still draws."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest

from thesis_lib import ThesisError, drawings, figures, tables

DRAWN = [figures.learning_curves, figures.accuracy_by_seed, figures.forest, figures.accuracy_against_cost]


def render(figure, path):
    """Write a figure; a missing glyph is only a warning to matplotlib, and an error to us."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(path)
    return path.read_bytes()


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_figure_of_the_committed_records_has_every_glyph(draw, tmp_path):
    table = tables.of_profile("quick")
    assert len(table) == table.attrs["planned"]
    figure = draw(table)
    assert b"<svg" in render(figure, tmp_path / "a.svg")
    assert figure.axes[0].get_ylabel() or figure.axes[0].get_xlabel()
    assert not plt.get_fignums()


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_an_empty_table_draws_a_note(draw, tmp_path):
    empty = tables.of_profile("quick", results=str(tmp_path))
    render(draw(empty), tmp_path / "a.svg")
    assert tables.main_table(empty).empty and tables.differences(empty).empty
    assert "아직 없다" in tables.numbered(tables.main_table(empty), "표", "tbl-x")


def test_the_architecture_and_a_map_are_drawn(tmp_path):
    assert len(drawings.residual_units().axes) == 3
    render(drawings.residual_units(), tmp_path / "a.svg")
    weights = np.full((4, 64, 64), 1 / 64)
    figure = figures.attention_maps(np.zeros((32, 32, 3), np.uint8), weights, (2, 5))
    assert len(figure.axes) == 5
    render(figure, tmp_path / "b.svg")


def test_a_missing_font_is_one_sentence(tmp_path):
    with pytest.raises(ThesisError, match="한글 글꼴이 없다"):
        figures.use_korean(tmp_path)
