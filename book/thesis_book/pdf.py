"""The thesis as a PDF that can be handed in, set from the pages of the built book.

The pages are taken as they are, so every number, table and reference is the one that a reader of the book
sees; only the order, the title page, the lists and the page numbers are made here.
"""

import logging
import re
from base64 import b64encode
from html import escape
from pathlib import Path
from urllib.parse import unquote

import yaml
import ziamath
from bs4 import BeautifulSoup, Tag
from fontTools.ttLib import TTFont
from PIL import ImageFile

from thesis_lib.checkpoint import write_atomically
from thesis_lib.errors import ThesisError
from thesis_lib.progress import progress

from . import settings

BOOK = Path(__file__).parents[1]
LEFT_OUT = "script, style, link, .headerlink, .cell_input, details.hide, .explorer, .toctree-wrapper"
SIZE = 14.2  # of the equations, in pixels; the text is 10.5 points


def contents() -> list[tuple[str, str, int]]:
    """The pages in order: name, kind (front, body, references, appendix), depth of its first heading."""
    table = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    found, kind = [], "front"
    for part in table["parts"]:
        kind = {"논문": "body", "부록": "appendix"}.get(
            part.get("caption"), "front" if kind == "front" else "references"
        )
        for chapter in part["chapters"]:
            found.append((chapter["file"], kind, 1))
            found += [(section["file"], kind, 2) for section in chapter.get("sections", ())]
    return [entry for entry in found if entry[0] != "explorer"]


def formula(text: str, inline: bool) -> str:
    """TeX as a picture in the line, sitting on its baseline."""
    drawn = ziamath.Latex(text, size=SIZE, inline=inline)
    picture = b64encode(drawn.svg().encode()).decode()
    return (
        f'<img class="formula" alt="{escape(text.strip())}" '
        f'src="data:image/svg+xml;base64,{picture}" style="vertical-align: {drawn.getyofst() - 1:.2f}px">'
    )


def set_formulas(article: Tag) -> None:
    for node in article.select("span.math"):
        node.replace_with(BeautifulSoup(formula(node.get_text().strip()[2:-2], True), "html.parser"))
    for node in article.select("div.math"):
        numbers = [found.extract().get_text().strip() for found in node.select(".eqno")]
        drawn = formula(node.get_text().strip()[2:-2], False)
        node.clear()
        node.append(BeautifulSoup(f'{drawn}<span class="eqno">{"".join(numbers)}</span>', "html.parser"))


def keep_cells(article: Tag) -> None:
    """Short words and numbers stay on one line in a table: Hangul would break after any letter."""
    for cell in article.select("th, td"):
        text = cell.get_text().strip()
        if len(text) <= 6 or re.fullmatch(r"[\d\s.,+\-–−±%[\]()]{1,16}|[A-Za-z+-]{1,10}", text):
            cell["data-whole"] = ""  # no class, which says the side that it is set to


def shift_headings(article: Tag, depth: int) -> None:
    """h1 becomes the heading of its depth, the others follow; a chapter says 제N장, an appendix 부록 A."""
    for level in range(5, 0, -1):
        for heading in article.select(f"h{level}"):
            heading.name = f"h{min(6, level + depth - 1)}"
    for heading in article.select("h1 .section-number"):
        number = heading.get_text().strip().rstrip(".")
        heading.string = f"제{number}장 " if number.isdigit() else f"부록 {number} "
    for heading in article.select(":is(h2, h3, h4) .section-number"):
        heading.string = heading.get_text().strip().rstrip(".") + " "


def chapter(html: Path, name: str, depth: int, known: set[str]) -> Tag:
    """One page's article, its ids and links made unique in the whole, its pictures found from anywhere."""
    path = html / f"{name}.html"
    if not path.exists():
        raise ThesisError(f"책의 쪽이 없다: {path}. jupyter-book build book/를 먼저 실행하라.")
    article = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("article.bd-article")
    assert article is not None
    for node in article.select(LEFT_OUT):
        node.decompose()
    for node in article.select("[id]"):
        node["id"] = f"{name}--{node['id']}"
    for link in article.select("a[href]"):
        page, _, anchor = unquote(str(link["href"])).partition("#")
        target = page.removesuffix(".html") or name
        if "://" not in str(link["href"]):
            link["href"] = f"#{target}--{anchor}" if anchor else f"#{target}"
            if target not in known:
                link.unwrap()
    for picture in article.select("img[src]"):
        picture["src"] = (html / unquote(str(picture["src"]))).resolve().as_uri()
    set_formulas(article)
    keep_cells(article)
    shift_headings(article, depth)
    article.name, article["id"], article["class"] = "section", name, "chapter" if depth == 1 else "section"
    return article


def line(node: Tag) -> str:
    """A heading or caption as HTML without its links and spans; formulas stay."""
    parts = [part for part in node.descendants if not isinstance(part, Tag) or part.name == "img"]
    return re.sub(r"\s+", " ", "".join(str(p) if isinstance(p, Tag) else escape(str(p)) for p in parts)).strip()


def entries(articles: list[Tag], selector: str) -> str:
    """Lines of a list with dots and page numbers, for headings, figures or tables."""
    lines: list[str] = []
    for article in articles:
        for node in article.select(selector):
            holder = node if node.name.startswith("h") else node.find_parent(["figure", "table"])
            assert holder is not None
            if not holder.get("id"):
                holder["id"] = f"{article['id']}--heading-{len(lines)}"
            text = line(node)
            if holder is not node:
                text = text.split(". ")[0].rstrip(".")  # a caption's first sentence
            place = f"{node.name} of-{article['id']}"
            lines.append(f'<li class="{place}"><a href="#{holder["id"]}">{text}</a></li>')
    return "".join(lines)


def title_page(given: dict[str, str]) -> str:
    """given: the settings, as HTML."""
    title = " ".join(f"<span class='word'>{word}</span>" for word in given["title"].split())
    lines = [f"<p class='{key}'>{given[key]}</p>" for key in ("university", "department", "degree")]
    lines += [f"<h1>{title}</h1>", f"<p class='english'>{given['english_title']}</p>"]
    lines += [f"<p class='author'>{given['author']}</p>", f"<p>지도교수 {given['advisor']}</p>"]
    return f"<section class='title-page'>{''.join(lines)}<p class='date'>{given['date']}</p></section>"


def document(html: Path) -> str:
    """The whole thesis as one HTML page."""
    given, pages = {key: escape(value) for key, value in settings.read().items()}, contents()
    known = {name for name, _, _ in pages}
    made = {name: chapter(html, name, depth, known) for name, _, depth in progress(pages, "쪽 모으기", "쪽")}
    groups = {kind: [made[name] for name, own, _ in pages if own == kind] for _, kind, _ in pages}
    main = [*groups["body"], *groups["references"], *groups["appendix"]]
    lists = {
        "목차": entries(groups["front"], "h1, h2")
        + entries([*groups["body"], *groups["references"]], "h1, h2, h3")
        + entries(groups["appendix"], "h1, h2"),
        "그림 목차": entries(main, "figcaption"),
        "표 목차": entries(main, "caption"),
    }
    front = "".join(map(str, groups["front"]))
    front += "".join(
        f"<section class='list'><h1>{name}</h1><ul>{found}</ul></section>" for name, found in lists.items()
    )
    head = f"<title>{given['title']}</title><meta name='author' content='{given['author']}'>"
    body = f"<div class='front'>{front}</div><main>{''.join(map(str, main))}</main>"
    return f"<!doctype html><html lang='ko'><head>{head}</head><body>{title_page(given)}{body}</body></html>"


def missing_glyphs(text: str) -> set[str]:
    """Characters that none of the book's fonts has."""
    known: set[int] = set()
    for font in (BOOK / "fonts").glob("*.ttf"):
        known |= set(TTFont(font).getBestCmap())
    return {character for character in text if ord(character) not in known and not character.isspace()}


def overfull(rendered) -> list[str]:
    """Boxes that reach past the right or the lower edge of their page."""
    found = []
    for number, page in enumerate(rendered.pages, start=1):
        for box in page._page_box.descendants():
            width, height = (getattr(box, side, 0) for side in ("width", "height"))
            reach = [(box.position_x, width, page.width), (box.position_y, height, page.height)]
            if any(isinstance(side, (int, float)) and start + side > limit + 1 for start, side, limit in reach):
                found.append(f"{number}쪽: {str(getattr(box, 'text', '') or box.element_tag)[:40]}")
    return found


class Refusing(logging.Handler):
    """Collects what WeasyPrint warns of: a picture or font that it could not load."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record):
        if "load" in record.getMessage():
            self.lines.append(record.getMessage())


def build(html: str | Path = "_build/html", output: str | Path = "_build/thesis.pdf") -> Path:
    """Set the thesis from a built book. Raises ThesisError for a box, a lost picture or an overfull line."""
    try:
        from weasyprint import HTML
        from weasyprint.text.fonts import FontConfiguration

        ImageFile.LOAD_TRUNCATED_IMAGES = False  # which WeasyPrint turns on for the whole process
    except OSError:
        raise ThesisError(
            "PDF를 짜는 Pango가 없다. 데비안·우분투는 apt install libpango-1.0-0 libpangoft2-1.0-0, "
            "macOS는 brew install pango로 설치하라."
        ) from None
    source, target = document(Path(html)).replace("\u2212", "\u2013"), Path(output)  # the font has no minus sign
    if boxes := missing_glyphs(BeautifulSoup(source, "html.parser").get_text()):
        raise ThesisError(f"글꼴에 없는 글자가 있다: {' '.join(sorted(boxes))}. 원고에서 다른 글자로 바꾸라.")
    watch, logger = Refusing(), logging.getLogger("weasyprint")
    logger.addHandler(watch)
    try:
        rendered = HTML(string=source, base_url=str(BOOK)).render(
            stylesheets=[str(Path(__file__).with_name("thesis.css"))], font_config=FontConfiguration()
        )
    finally:
        logger.removeHandler(watch)
    if watch.lines:
        raise ThesisError(f"그림이나 글꼴을 싣지 못했다: {watch.lines[0]}")
    if wide := overfull(rendered):
        raise ThesisError(f"쪽 밖으로 나간 것이 {len(wide)}개 있다: {'; '.join(wide[:3])}.")
    write_atomically(target, rendered.write_pdf(pdf_variant="pdf/ua-1"))
    return target
