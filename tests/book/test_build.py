"""The book is a function of the records."""

import json
import re
from pathlib import Path

import pytest

from thesis_book.tables import of_profile

TOC = Path(__file__).resolve().parents[2] / "book" / "_toc.yml"
CHAPTERS = re.findall(r"(?:file|root): (\S+)", TOC.read_text(encoding="utf-8"))


def text_of(html: str) -> str:
    article = re.search(r"<article.*</article>", html, re.S)[0]
    return re.sub(r"<[^>]+>", "", article)


def table_of(html: str, name: str) -> str:
    return re.sub(r"<[^>]+>", " ", re.search(rf'<table[^>]*id="{name}".*?</table>', html, re.S)[0])


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_chapter_is_there_and_numbers_resolve(book, name):
    html = book.page(name)
    assert "<h1>" in html
    prose = text_of(re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.S))
    assert "pasted" not in prose and "glue:" not in prose
    assert not re.search(r"(그림|표) None", html)
    for alt in re.findall(r'<img alt="([^"]*)"', html):
        assert alt and "_images" not in alt


def test_tables_show_the_records(book):
    table = of_profile("quick", results=str(book.folder / "results"))
    quick = table[table["arm"] == "resnet"]
    assert len(quick) == 3
    assert f"{quick['test_accuracy'].mean():.2f}" in table_of(book.page("reproduction"), "tbl-quick")


def test_a_changed_record_shows_up_in_the_next_build_and_an_edited_one_is_named(book):
    quick = of_profile("quick", results=str(book.folder / "results"))
    run = book.folder / "results" / "runs" / quick[quick["arm"] == "senet"]["id"].iloc[0]
    record = run / "record.json"
    kept, before = record.read_bytes(), book.page("reproduction")
    try:
        data = json.loads(kept)
        data["result"]["test_accuracy"] = 99.99
        record.write_text(json.dumps(data), encoding="utf-8")
        book.build()
        after = book.page("reproduction")
        assert "99.99" not in table_of(after, "tbl-quick")
        assert table_of(after, "tbl-quick") != table_of(before, "tbl-quick")
        assert "손상되었거나 고쳐졌다" in book.page("experiment") and run.name in book.page("experiment")
    finally:
        record.write_bytes(kept)
