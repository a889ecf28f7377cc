"""The settings block reaches the files that cannot read it, whatever stands in it."""

import shutil
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from helpers import korean_sentence

from thesis_book import pdf, settings
from thesis_lib import ThesisError

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


def test_only_the_projects_own_link_follows_the_repository(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "CITATION.cff", tmp_path)
    other = "https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/eca.py"
    text = (ROOT / "notebooks" / "blocks.ipynb").read_text(encoding="utf-8")
    (tmp_path / "notebooks" / "blocks.ipynb").write_text(text.replace("# 블록", f"# {other} 블록"), encoding="utf-8")
    given = settings.read() | {"repository": "me/mine"}
    (tmp_path / "book" / "thesis.yml").write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
    settings.spread(tmp_path)
    after = (tmp_path / "notebooks" / "blocks.ipynb").read_text(encoding="utf-8")
    assert "https://github.com/me/mine" in after and other in after and "your-account" not in after


@pytest.mark.parametrize("wrong", [{"author": ["홍길동", "김철수"]}, {"author": ""}, {"title": " "}, {2026: "x"}])
def test_settings_that_are_no_line_of_text_are_refused(tmp_path, wrong):
    path = tmp_path / "thesis.yml"
    path.write_text(yaml.safe_dump(settings.read() | wrong, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ThesisError) as caught:
        settings.read(path)
    korean_sentence(caught.value)
