"""The built book in a real browser: offline, searchable in Korean, readable on a phone."""

import functools
import http.server
import os
import re
import shutil
import threading

import pytest

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

CHROME = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def unavailable(reason):
    """A missing browser excuses a laptop, not the continuous integration."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser():
    if CHROME is None or sync_playwright is None:
        unavailable("needs Playwright and chromium or google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROME, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site(built_book):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=built_book)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def tab(browser):
    """A page, with its outside requests and console errors in ``tab.complaints``."""
    context = browser.new_context()
    page = context.new_page()
    page.complaints = []

    def request(r):
        if not r.url.startswith(("http://127.0.0.1", "file://", "data:", "blob:")):
            page.complaints.append(r.url)

    page.on("request", request)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))
    yield page
    context.close()


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
