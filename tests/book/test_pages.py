"""Every page: numbers are computed or cited, links lead somewhere, and nobody is shut out."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

BOOK = Path(__file__).resolve().parents[2] / "book"
SOURCES = sorted(BOOK.glob("*.md"))
MATH = re.compile(r"\$\$.*?\$\$|(?<![\\$])\$[^$\n]+\$", re.S)


def prose(path):
    """A page without its header, cells, verbatim text and math."""
    text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.sub(r"`[^`]*`", "", MATH.sub("", text))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_decimal_in_prose_is_typed_by_hand(path):
    """A decimal comes from a record (glue) or stands in a paragraph with its source; the dated log is history."""
    text = prose(path).partition("## 변경 기록")[0]
    for paragraph in text.split("\n\n"):
        typed = re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", paragraph)
        assert not typed or "{cite" in paragraph, f"{typed}: {paragraph[:120]}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_hangul_inside_math(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for formula in MATH.findall(text):
        assert not re.search("[가-힣]", formula), formula


def pages_of(html: Path) -> list[Path]:
    return sorted(path for path in html.glob("*.html") if path.stem not in ("genindex", "search"))


def test_links_inside_the_site_lead_somewhere(built_book):
    ids = {
        page.name: set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8"))) for page in pages_of(built_book)
    }
    checked = 0
    for page in pages_of(built_book):
        for link in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', page.read_text(encoding="utf-8")):
            parts = urlsplit(unescape(link))
            if parts.scheme or link == "#":
                continue
            name = unquote(parts.path) or page.name
            assert (built_book / name).exists(), f"{page.name}: {link}"
            if parts.fragment and name in ids:
                assert unquote(parts.fragment) in ids[name], f"{page.name}: {link}"
                checked += 1
    assert checked > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_on_any_page(built_book, browser, scheme):
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page, found = context.new_page(), []
    for path in pages_of(built_book):
        page.goto(path.as_uri())
        page.wait_for_timeout(300)  # colours fade in, tables become regions
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                found.append((path.name, violation["id"], violation["nodes"][0]["html"][:200]))
    context.close()
    assert found == []


def test_pages_and_the_site_are_light(built_book):
    for path in pages_of(built_book):
        assert path.stat().st_size < 1.5e6, path.name
    assert sum(path.stat().st_size for path in built_book.rglob("*") if path.is_file()) < 40e6
