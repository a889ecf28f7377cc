"""The book is a function of the records."""

import json
import re
from pathlib import Path

import pytest

from thesis_lib import load_records

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
    assert "pasted" not in text_of(html) and "glue:" not in text_of(html)
    assert not re.search(r"(그림|표) None", html)
    for alt in re.findall(r'<img alt="([^"]*)"', html):
        assert alt and "_images" not in alt


def test_tables_show_the_records(book):
    table = load_records(book.folder / "results")
    cpu = table[(table["network"] == "resnet20") & (table["arm"] == "resnet")]
    assert f"{cpu['test_accuracy'].mean():.2f}" in table_of(book.page("experiment"), "tbl-main")


def test_a_changed_record_shows_up_in_the_next_build_and_a_damaged_one_is_named(book, tmp_path):
    runs = sorted((book.folder / "results" / "runs").glob("cifar10-resnet20-senet_self-*"))
    record = runs[0] / "record.json"
    kept, before = record.read_bytes(), book.page("experiment")
    try:
        data = json.loads(kept)
        data["result"]["test_accuracy"] = 99.99
        record.write_text(json.dumps(data), encoding="utf-8")
        book.build()
        after = book.page("experiment")
        assert "99.99" not in after
        assert "손상되었거나 고쳐졌다" in after and runs[0].name in after
        assert table_of(after, "tbl-main") != table_of(before, "tbl-main")
    finally:
        record.write_bytes(kept)
