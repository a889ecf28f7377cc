"""The thesis as a PDF: every letter can be read out, the contents name the right pages, a fault fails."""

import logging
import re

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from thesis_book import pdf, settings
from thesis_book.__main__ import main
from thesis_lib.errors import ThesisError


@pytest.fixture(scope="module")
def thesis(built_book, pango, tmp_path_factory):
    return PdfReader(pdf.build(built_book, tmp_path_factory.mktemp("pdf") / "thesis.pdf"))


@pytest.fixture(scope="module")
def pages(thesis):
    """Every page's text, line by line."""
    return [page.extract_text() for page in thesis.pages]


@pytest.fixture(scope="module")
def texts(pages):
    return [re.sub(r"\s+", " ", page) for page in pages]


def test_title_language_and_marks(thesis, texts):
    assert thesis.metadata.title == settings.read()["title"] and thesis.metadata.author == settings.read()["author"]
    root = thesis.trailer["/Root"]
    assert root["/Lang"] == "ko" and root["/MarkInfo"]["/Marked"]
    assert settings.read()["university"] in texts[0] and settings.read()["date"] in texts[0]


def test_hangul_can_be_read_out_and_no_letter_is_lost(texts):
    whole = " ".join(texts)
    for words in ("국문초록", "다중 헤드 셀프 어텐션", "목차", "그림 목차", "표 목차", "참고문헌", "용어집"):
        assert words in whole
    assert "\ufffd" not in whole


def test_every_font_is_embedded(thesis):
    seen = 0
    for page in thesis.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            for descendant in font.get_object().get("/DescendantFonts", [font]):
                descriptor = descendant.get_object()["/FontDescriptor"]
                assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor.keys())
                seen += 1
    assert seen


def printed(texts):
    """What stands at the foot of each page."""
    return [text.split()[-1] if text.split() else "" for text in texts]


def test_the_contents_name_the_right_pages(thesis, texts):
    """Every bookmark's page carries the number that the contents print for it."""
    contents = " ".join(text for text in texts if re.search(r"(\. ){8}", text))
    feet, checked = printed(texts), 0

    def walk(outline):
        for item in outline:
            yield from walk(item) if isinstance(item, list) else [item]

    for item in walk(thesis.outline):
        title = re.sub(r"\s+", " ", item.title).strip()
        found = re.search(re.escape(title) + r"[ .]*?([0-9]+|[ivxl]+)(?= |$)", contents)
        if found and re.match(r"제\d|\d\.\d|부록|참고", title):
            assert feet[thesis.get_destination_page_number(item)] == found[1], title
            checked += 1
    assert checked > 30


def test_no_caption_is_left_without_its_table(pages):
    """The last lines of a page are the page's own, its head and its number."""
    lines = [[line for line in page.splitlines() if line.strip()] for page in pages]
    listed = [re.match(r"(표 [A-Z\d.]+ .*?)( \.){4}", line) for page in lines for line in page]
    captions = tuple(found[1] for found in listed if found)
    assert len(captions) > 20
    assert not [line for page in lines for line in page[-4:-2] if line.startswith(captions) and " . . " not in line]


def test_a_number_that_stays_on_one_line_keeps_its_side():
    cells = '<tr><td class="text-right"><p>-0.88</p></td><td class="text-left"><p>헤드 8개를 모두 둘 때</p></td></tr>'
    table = BeautifulSoup(cells, "html.parser")
    pdf.keep_cells(table)
    assert [cell["class"] for cell in table.select("td")] == [["text-right"], ["text-left"]]
    assert [cell.text for cell in table.select("[data-whole]")] == ["-0.88"]
    named = BeautifulSoup("<tr><td>Grad-CAM++</td><td>SENet_self(plain)</td></tr>", "html.parser")
    pdf.keep_cells(named)
    assert [cell.text for cell in named.select("[data-whole]")] == ["Grad-CAM++"]


def test_a_formula_of_a_caption_stays_in_the_list():
    caption = '<p>표 D.9 <a href="#x">단계</a> &lt;수&gt;\n (ResNet-50, <img class="formula" src="data:x"/>). 출처</p>'
    article = BeautifulSoup(
        f'<section id="page"><table id="t"><caption>{caption}</caption></table></section>', "html.parser"
    )
    listed = pdf.entries([article.section], "caption")
    assert '>표 D.9 단계 &lt;수&gt; (ResNet-50, <img class="formula" src="data:x"/>)</a>' in listed


def test_front_matter_is_in_roman_and_the_thesis_starts_at_one(texts):
    feet = printed(texts)
    first = next(i for i, text in enumerate(texts) if "제1장 서론" in text and not re.search(r"(\. ){8}", text))
    assert (
        feet[first] == "1"
        and feet[1:first] == ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"][: first - 1]
    )
    assert feet[first:] == [str(number) for number in range(1, len(texts) - first + 1)]


def test_links_lead_somewhere(thesis):
    names = set(thesis.named_destinations)
    targets = [
        annotation.get_object()["/Dest"]
        for page in thesis.pages
        for annotation in page.get("/Annots", [])
        if "/Dest" in annotation.get_object()
    ]
    assert len(targets) > 200 and {str(target) for target in targets} <= names


def test_a_letter_that_no_font_has_is_named():
    assert pdf.missing_glyphs("가나다 abc 1.5 ○") == set()
    assert pdf.missing_glyphs("가\U0001f600") == {"\U0001f600"}


FAULTS = {
    "letter": ("<p>\U0001f600</p>", "글꼴에 없는 글자"),
    "picture": ("<img src='nowhere.png' alt='x'>", "싣지 못했다"),
    "width": ("<p style='width: 400mm; background: red'>넓다</p>", "쪽 밖으로"),
    "height": (
        "<img alt='x' style='height: 400mm' src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>\">",
        "쪽 밖으로",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_and_leaves_no_file(fault, pango, monkeypatch, tmp_path):
    html, expected = FAULTS[fault]
    monkeypatch.setattr(pdf, "document", lambda _: f"<html lang='ko'><body><main>{html}</main></body></html>")
    with pytest.raises(ThesisError, match=expected):
        pdf.build(tmp_path, tmp_path / "thesis.pdf")
    assert not (tmp_path / "thesis.pdf").exists() and not logging.getLogger("weasyprint").handlers[1:]


def test_without_the_built_book_it_is_one_sentence(pango, tmp_path, capsys):
    assert main(["pdf", "--html", str(tmp_path), "--output", str(tmp_path / "a.pdf")]) == 2
    message = capsys.readouterr().err
    assert "jupyter-book build book/" in message and message.count("\n") == 1
