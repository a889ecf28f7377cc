"""Particles after numbers follow how the number is read aloud."""

import pytest
from docutils import nodes
from korean_particles import LEADING, is_computed, particle


@pytest.mark.parametrize(
    "text, written, right",
    [
        ("그림 2.2", "과", "와"),  # 이 점 이
        ("그림 2.3", "와", "과"),  # 삼
        ("표 1", "가", "이"),  # 일
        ("표 4", "은", "는"),  # 사
        ("그림 2.10", "를", "을"),  # 십
        ("92.50", "는", "은"),  # 영
        ("0", "가", "이"),
        ("272,474", "은", "는"),
        ("1,000", "와", "과"),  # 천
        ("식 (2.3)", "를", "을"),
        ("식 (2.2)", "을", "를"),
        ("92.35%", "을", "를"),  # 퍼센트
        ("0.6 %p", "이", "가"),  # 퍼센트포인트
        ("2.1절", "는", "은"),
        ("3장", "를", "을"),
        ("분석과 비교", "은", "는"),
    ],
)
def test_particle_follows_the_reading(text, written, right):
    assert particle(text, written) == right


@pytest.mark.parametrize("digit", range(10))
def test_ro_follows_a_vowel_or_rieul(digit):
    assert particle(f"그림 2.{digit}", "으로") == ("으로" if digit in (0, 3, 6) else "로")


@pytest.mark.parametrize("written", ["을(를)", "를(을)", "을/를", "를/을", "을", "를"])
def test_any_form_of_the_pair_may_be_written(written):
    assert particle("3", written) == "을"
    assert particle("2", written) == "를"


def test_unknown_reading_stays_as_written():
    assert particle("SENet", "은") == "은"
    assert particle("SENet", "는") == "는"


@pytest.mark.parametrize("text", ["이다", "가장", "이라는", "와이드", "로그", " 이 그림", "에서"])
def test_other_words_are_no_particles(text):
    assert LEADING.match(text) is None


@pytest.mark.parametrize(
    "text, written", [("과의 차", "과"), ("%은 ", "은"), ("으로는", "으로"), ("(으)로 ", "(으)로")]
)
def test_particles_are_found(text, written):
    assert LEADING.match(text)[2] == written


def test_a_citation_is_not_read_aloud():
    def linked(text):
        return nodes.inline("", "", nodes.reference("", text, refuri="#x"))

    assert not is_computed(linked("[28]")) and not is_computed(linked("[28, 30]"))
    assert is_computed(linked("그림 2.2")) and is_computed(linked("[-0.26, +1.79]"))
