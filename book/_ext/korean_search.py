"""Full-text search for Korean, which Sphinx lacks.

Korean glues particles to its words, so that a reader who types "어텐션" must
find "어텐션은" and "셀프어텐션" as well: every run of Hangul is indexed by all
of its substrings of 2 to 8 syllables, and the query is looked up as typed.
"""

from __future__ import annotations

import re

from sphinx.search import SearchLanguage

SHORTEST, LONGEST = 2, 8
RUNS = re.compile(r"[가-힣]+|[^\W가-힣]+")


def split(text: str) -> list[str]:
    """Return the terms under which a piece of text is found."""
    terms: list[str] = []
    for run in RUNS.findall(text):
        if "가" <= run[0] <= "힣":
            terms += {
                run[start : start + length]
                for length in range(SHORTEST, LONGEST + 1)
                for start in range(len(run) - length + 1)
            }
        else:
            terms.append(run)
    return terms


class SearchKorean(SearchLanguage):
    lang = "ko"
    language_name = "Korean"
    # Cuts a query where `RUNS` cuts the text; longer runs are not in the index.
    js_splitter_code = (
        "var splitQuery = (query) =>\n"
        r"  (query.match(/[가-힣]+|(?:(?![가-힣])[\p{Letter}\p{Number}_])+/gu) || [])"
        f"\n    .map((run) => (/[가-힣]/.test(run) ? run.slice(0, {LONGEST}) : run));"
    )

    def split(self, input: str) -> list[str]:
        return split(input)


def setup(app):
    app.add_search_language(SearchKorean)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
