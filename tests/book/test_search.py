"""Korean words are found inside the words that carry their particles."""

from korean_search import LONGEST, split


def test_a_word_is_found_without_its_particle():
    assert {"어텐션", "텐션", "어텐션은"} <= set(split("어텐션은"))


def test_a_word_is_found_inside_a_compound():
    assert {"셀프", "어텐션", "셀프어텐션"} <= set(split("멀티헤드셀프어텐션"))


def test_latin_is_cut_from_the_particle_that_follows():
    assert split("MSA를") == ["MSA"]
    assert "senet_self" in split("senet_self의 2단계")


def test_length_of_terms():
    lengths = {len(term) for term in split("가나다라마바사아자차")}
    assert lengths == set(range(2, LONGEST + 1))
