"""Appendices have letters: "A. 재현 방법과 실험 규약", 표 A.1, 그림 A.1, 식 (A.1).

Sphinx numbers sections with figures alone, and without section numbers it counts tables through the whole book.
"""

from __future__ import annotations

from string import ascii_uppercase

from docutils import nodes
from sphinx import addnodes

PART = "부록"


def number(app, builder) -> None:
    """Before the pages are written: the letters, over what Sphinx has counted."""
    env = builder.env
    parts = env.get_doctree(env.config.root_doc).findall(addnodes.toctree)
    pages = [page for part in parts if part["caption"] == PART for page in part["includefiles"]]
    for letter, page in zip(ascii_uppercase, pages, strict=False):
        env.toc_secnumbers[page] = {"": (letter,)}
        next(env.tocs[page].findall(nodes.reference))["secnumber"] = (letter,)
        for numbers in env.toc_fignumbers.get(page, {}).values():
            for place, name in enumerate(numbers, start=1):
                numbers[name] = (letter, place)


def setup(app):
    app.connect("write-started", number)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
