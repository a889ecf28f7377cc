"""Every page: numbers are computed or cited, links lead somewhere, and nobody is shut out."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from helpers import PATIENCE

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


OTHER_FORMS = {  # a concept has one name, that of the glossary
    "망": r"네트워크|네트웍",
    "셀프 어텐션": r"자기\s?(?:주의|어텐션)|셀프어텐션",
    "어텐션": r"어텐숀|(?<!서)주의\s?(?:기제|집중|맵)",
    "어텐션 맵": r"어텐션맵|히트\s?맵",
    "다중 헤드 셀프 어텐션": r"멀티\s?헤드|다중\s?머리",
    "익사이테이션": r"엑사이테이션|익사이테이숀|익사이트",
    "스퀴즈": r"스퀴이즈|짜내기",
    "재조정": r"재보정|리캘리브레이션",
    "특성 맵": r"특성맵|특징\s?맵|피[처쳐]\s?맵",
    "합성곱 신경망": r"[컨콘]볼루션|합성 곱",
    "잔차 연결": r"스킵\s?(?:연결|커넥션)|숏컷|잔차연결",
    "배치 정규화": r"배치정규화|배치\s?노멀",
    "층 정규화": r"층정규화|레이어\s?(?:정규화|노멀)",
    "소프트맥스": r"소프트\s맥스",
    "시그모이드": r"시그모이트",
    "에폭": r"에포크|에퐄",
    "신뢰구간": r"신뢰\s구간",
    "기준선": r"베이스\s?라인",
    "절제 실험": r"어블레이션|애블레이션|제거 실험",
    "검증 분할": r"검증 (?:집합|세트|셋)",
    "시험 분할": r"(?:시험|테스트) (?:집합|세트|셋)",
    "학습 조건": r"학습 레시피|훈련 (?:조건|방법)",
    "학습률": r"학습\s율|러닝\s?레이트",
    "기록": r"레코드",
    "프로필": r"프로파일",
    "시드": r"씨드",
    "블록": r"블럭",
    "충실성": r"충실도",
    "코사인 감쇠": r"코사인 (?:어닐링|스케줄)",
    "축소 비율": r"(?:감소|감축|압축) 비율",
    "클래스": r"부류",
    "짝지은 비교": r"대응 (?:비교|표본)|쌍체",
    "자료": r"데이터",
    "영상": r"이미지",
    "명령 집합": r"명령어 집합",
    "초고": r"초안|원래의 구상",
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_concept_goes_by_its_one_name(path):
    text = prose(path)
    for term, others in OTHER_FORMS.items():
        found = re.findall(rf".{{0,20}}(?:{others}).{{0,10}}", text)
        assert not found, f"{term}: {found}"


def test_terms_that_pages_link_are_in_the_glossary_once():
    terms = re.findall(r"^([^\s`:(#].*)$", (BOOK / "glossary.md").read_text(encoding="utf-8"), re.M)
    assert len(terms) == len(set(terms)) and set(OTHER_FORMS) - set(terms) <= {"학습률", "자료", "영상"}


def test_every_reference_is_cited():
    sources = [*SOURCES, *(BOOK / "thesis_book").glob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    known = set(re.findall(r"^@\w+{([^,]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.M))
    given = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
    assert known == {key.strip() for keys in given for key in keys.split(",")}


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


def test_an_appendix_has_a_letter_and_its_tables_figures_and_equations_too(built_book):
    parts = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    (appendices,) = (part["chapters"] for part in parts if part.get("caption") == "부록")
    index = BeautifulSoup((built_book / "index.html").read_text(encoding="utf-8"), "html.parser")
    before = None
    for letter, name in zip("ABCDEFGHIJKLMNOP", (chapter["file"] for chapter in appendices), strict=False):
        page = BeautifulSoup((built_book / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        title = page.select_one("article h1").get_text().strip("# \n")
        assert title.startswith(f"{letter}. ")
        assert index.select_one(f'nav.bd-links a[href="{name}.html"]').get_text().strip() == title
        assert before is None or before.select_one("a.right-next .prev-next-title").get_text() == title
        before = page
        numbers = [number.get_text() for number in page.select("article h2 .section-number")]
        assert numbers == [f"{letter}.{place + 1}. " for place in range(len(numbers))]
        for kind in ("표", "그림"):
            told = [number.get_text().split() for number in page.select(".caption-number")]
            of_kind = [number for word, number in told if word == kind]
            assert of_kind == [f"{letter}.{place + 1}" for place in range(len(of_kind))]
        equations = [number.contents[0] for number in page.select(".eqno")]
        assert equations == [f"({letter}.{place + 1})" for place in range(len(equations))]


def test_a_reference_says_what_its_target_is_called(built_book):
    pages = {path.name: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in pages_of(built_book)}
    checked = 0
    for name, page in pages.items():
        for reference in page.select("article a.reference:has(.std-numref)"):
            where, _, target = reference["href"].partition("#")
            caption = pages[where or name].find(id=target).select_one(".caption-number")
            if caption:
                assert reference.get_text() == caption.get_text().strip()
                checked += 1
    assert checked > 40


def test_axe_finds_no_serious_violation_on_any_page(built_book, browser):
    """All rules in the light theme; the dark one changes the colours alone."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, found = context.new_page(), []
    page.set_default_timeout(PATIENCE)
    for path in pages_of(built_book):
        page.goto(path.as_uri())
        for scheme, rules in {"light": {}, "dark": {"runOnly": ["color-contrast"]}}.items():
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.documentElement.dataset.theme == '{scheme}'")
            page.wait_for_timeout(300)  # colours fade in, tables become regions
            for violation in Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    found.append((path.name, scheme, violation["id"], violation["nodes"][0]["html"][:200]))
    context.close()
    assert found == []


def test_pages_and_the_site_are_light(built_book):
    for path in pages_of(built_book):
        assert path.stat().st_size < 1.5e6, path.name
    assert sum(path.stat().st_size for path in built_book.rglob("*") if path.is_file()) < 40e6
