"""Hyphens before numbers become minus signs, hyphens within words and in code stay."""

import pytest
from docutils import nodes
from docutils.utils import new_document
from minus_signs import MINUS, MinusSigns


@pytest.mark.parametrize("text", ["ResNet-20", "2026-11-23", "1-4", "--restart", "CIFAR-10의 -dirty", "3--5", "/-1"])
def test_other_hyphens_stay(text):
    assert MINUS.search(text) is None


def test_numbers_get_their_sign_and_code_does_not():
    document = new_document("page")
    text, code, formula = nodes.Text("[-0.26, +1.79], "), nodes.literal("", "x = -1"), nodes.math("", "-1")
    document += nodes.paragraph("", "", text, code, formula)
    document += nodes.literal_block("", "", nodes.inline("", "y = -2"))
    MinusSigns(document).run()
    assert document.astext() == "[\u22120.26, +1.79], x = -1-1\n\ny = -2"
