"""The book, built strictly and once, from a copy: a test may change the copy's records and build again."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from ctypes.util import find_library
from pathlib import Path

import pytest
from helpers import PATIENCE

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

CHROME = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))  # Sphinx loads the extensions from their folder; so do the tests


class Book:
    """A copy of what the book is made of, and its pages once built."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.html = folder / "_build" / "html"
        for part in ("book", "benchmarks", "profiles", "results"):
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("checkpoints", "notebooks", "local")
            )
        shutil.copy(ROOT / "_config.yml", folder)

    def build(self) -> None:
        """Any warning fails: an unknown reference, a missing picture, a failed cell."""
        program = Path(sys.executable).with_name("jupyter-book")
        command = [program, "build", "-n", "-W", "--keep-going", "book/"]
        done = subprocess.run(command, check=False, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def page(self, name: str) -> str:
        return (self.html / f"{name}.html").read_text(encoding="utf-8")


def pytest_itemcollected(item):
    """Side by side, the tests of one built book stay in one process, and so do the others of a file here."""
    item.add_marker(pytest.mark.xdist_group("book" if "book" in item.fixturenames else item.path.stem))


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    copy = Book(tmp_path_factory.mktemp("book"))
    copy.build()
    return copy


@pytest.fixture(scope="session")
def built_book(book):
    return book.html


def unavailable(reason):
    """A missing browser or Pango excuses a laptop, not the continuous integration."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def pango():
    if find_library("pangoft2-1.0") is None:
        unavailable("needs Pango")


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
    page.set_default_timeout(PATIENCE)
    page.complaints = []

    def request(r):
        if not r.url.startswith(("http://127.0.0.1", "file://", "data:", "blob:")):
            page.complaints.append(r.url)

    page.on("request", request)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))
    yield page
    context.close()
