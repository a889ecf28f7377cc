"""Numbers that code has written get a minus sign (−0.26) in place of the hyphen (-0.26)."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

MINUS = re.compile(r"(?<![\w.\-–/])-(?=\d)")  # not within ResNet-20, 2026-11-23 or 1-4
AS_WRITTEN = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.raw)


def is_code(node: nodes.Node | None) -> bool:
    """Whether a node lies in code or a formula, at any depth."""
    return node is not None and (isinstance(node, AS_WRITTEN) or is_code(node.parent))


class MinusSigns(SphinxPostTransform):
    default_priority = 600  # after glue is resolved

    def run(self, **kwargs):
        for text in list(self.document.findall(nodes.Text)):
            if MINUS.search(text) and not is_code(text):
                text.parent.replace(text, nodes.Text(MINUS.sub("\u2212", text)))


def setup(app):
    app.add_post_transform(MinusSigns)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
