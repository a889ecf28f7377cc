"""Appendices have letters: "A. 재현 방법과 실험 규약", A.1절, 표 A.1, 그림 A.1, 식 (A.1).

Sphinx numbers sections with figures alone, and without section numbers it counts tables through the whole book.
"""

from __future__ import annotations

from string import ascii_uppercase

from sphinx import addnodes

PART = "부록"


def headings(item, number):
    """The links of a table of contents from one entry down, each with its number."""
    yield item[0][0], number
    for below in item[1:]:
        for place, inner in enumerate(below, start=1):
            yield from headings(inner, (*number, place))


def number(app, builder) -> None:
    """Before the pages are written: the letters, over what Sphinx has counted."""
    env = builder.env
    parts = env.get_doctree(env.config.root_doc).findall(addnodes.toctree)
    pages = [page for part in parts if part["caption"] == PART for page in part["includefiles"]]
    for letter, page in zip(ascii_uppercase, pages, strict=False):
        env.titles[page]["secnumber"] = (letter,)  # what the links to the page before and after show
        for link, own in headings(env.tocs[page][0], (letter,)):
            link["secnumber"] = env.toc_secnumbers.setdefault(page, {})[link["anchorname"]] = own
        for numbers in env.toc_fignumbers.get(page, {}).values():
            for place, name in enumerate(numbers, start=1):
                numbers[name] = (letter, place)


def setup(app):
    app.connect("write-started", number)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
