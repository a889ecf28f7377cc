"""The settings block reaches the files that cannot read it, whatever stands in it."""

import shutil
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

from thesis_book import pdf, settings

KINDS = ("front", "body", "references", "appendix")
ROOT = Path(__file__).resolve().parents[1]


def test_quotes_and_angles_stay_what_they_are(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "CITATION.cff", tmp_path)
    given = settings.read() | {"title": '"주의"를 더한 SENet \\ <둘>', "author": "O'Brien & 김"}
    (tmp_path / "book" / "thesis.yml").write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
    assert settings.spread(tmp_path) == [tmp_path / "CITATION.cff"]
    citation = yaml.safe_load((tmp_path / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["title"] == given["title"] and citation["authors"][0]["name"] == given["author"]
    assert settings.spread(tmp_path) == []


def test_the_title_page_is_html(monkeypatch):
    given = settings.read() | {"title": "a<b & c", "author": "O'Brien"}
    monkeypatch.setattr(settings, "read", lambda: given)
    monkeypatch.setattr(pdf, "contents", lambda: [(kind, kind, 0) for kind in KINDS])
    chapter = "<article id='a'><h1 id='b'>장</h1></article>"
    monkeypatch.setattr(pdf, "chapter", lambda *_: BeautifulSoup(chapter, "html.parser").article)
    page = BeautifulSoup(pdf.document(ROOT), "html.parser")
    assert page.select_one("h1").text == "a<b & c" and page.select_one("meta")["content"] == "O'Brien"
