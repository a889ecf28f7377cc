"""The built book in a real browser: offline, searchable in Korean, readable on a phone."""

import re

import pytest
from helpers import PATIENCE


def pages(built_book):
    """The pages of the contents, by their paths."""
    names = {p.relative_to(built_book / "_sources") for p in built_book.glob("_sources/**/*.md")}
    return sorted(str(name.with_suffix(".html")) for name in names)


def show(tab, url):
    """Open a page and wait until its equations are set."""
    tab.goto(url)
    tab.wait_for_function("!window.MathJax || window.MathJax.startup?.promise")
    tab.evaluate("window.MathJax?.startup.promise.then(() => true)")


@pytest.fixture(scope="session")
def texts(built_book, browser):
    """What a reader sees on each page, in lower case."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    seen = {}
    for name in pages(built_book):
        page.goto((built_book / name).as_uri())
        seen[name] = page.locator("article").inner_text().lower()
    page.close()
    return seen


def test_pages_need_no_network_and_raise_no_error(built_book, tab):
    for name in pages(built_book):
        show(tab, (built_book / name).as_uri())
        assert tab.locator("mjx-merror").count() == 0, name
        assert tab.complaints == [], name


@pytest.mark.parametrize("query", ["어텐션", "풀링", "셀프 어텐션", "MSA"])
def test_search_finds_every_page_that_has_the_words(texts, site, tab, query):
    words = query.lower().split()
    expected = {name for name, text in texts.items() if all(word in text for word in words)}
    tab.goto(f"{site}/search.html?q={query}")
    tab.wait_for_selector("#search-results .search-summary:not(:empty)")
    links = tab.locator("#search-results ul.search > li > a").evaluate_all(
        "links => links.map(a => new URL(a.href).pathname.slice(1))"
    )
    assert expected
    assert expected <= set(links)
    assert tab.complaints == []


def test_no_page_is_wider_than_a_phone(built_book, tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    for name in pages(built_book):
        show(tab, (built_book / name).as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_dark_mode_can_be_chosen(built_book, tab):
    tab.goto((built_book / "index.html").as_uri())
    background = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for _ in range(3):
        tab.locator("button.theme-switch-button").first.click()
        seen[tab.evaluate("document.documentElement.dataset.mode")] = tab.evaluate(background)
    assert set(seen) == {"auto", "light", "dark"}
    darkness = {mode: sum(map(int, re.findall(r"\d+", rgb)[:3])) for mode, rgb in seen.items()}
    assert darkness["dark"] < 200 < darkness["light"]
